"""Rows on their way from landing files to the engine: written down as they are read, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.types import BooleanType, StringType, StructField, StructType

from ledger.bronze.landing import LandingFile
from ledger.bronze.records import FILE_COLUMNS
from ledger.delta.lakehouse import Lakehouse

_HELD_BYTES = 32 << 20
_HELD_BATCHES = 2_000


class ScratchRows:
    """Rows of many files in one Parquet file, each with its FILE_COLUMNS. To be closed before it is read."""

    def __init__(self, lakehouse: Lakehouse, columns: Mapping[str, pa.DataType]) -> None:
        self._lakehouse, self._columns = lakehouse, columns
        constant = pa.dictionary(pa.int32(), pa.string())
        self._schema = pa.schema([*columns.items(), *((name, constant) for name in FILE_COLUMNS)])
        self._path: Path = lakehouse.scratch_folder() / "rows.parquet"
        self._writer = pq.ParquetWriter(
            self._path, self._schema, use_dictionary=list(FILE_COLUMNS), store_schema=False
        )
        self._held: list[pa.RecordBatch] = []
        self._held_bytes = 0
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write()
        self._writer.close()

    def add(self, file: LandingFile, columns: Mapping[str, pa.Array]) -> None:
        """Add some rows of a file."""
        arrays = [columns[name] for name in self._columns]
        rows = len(arrays[0])
        if not rows:
            return
        arrays += [_constant(value, rows) for value in file_values(file)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        self._held.append(batch)
        self._held_bytes += batch.get_total_buffer_size()
        self.count += rows
        if self._held_bytes > _HELD_BYTES or len(self._held) > _HELD_BATCHES:
            self._write()

    def frame(self) -> DataFrame:
        """The rows as a frame; through the file where engine and process share it."""
        types = {pa.string(): StringType(), pa.bool_(): BooleanType()}
        fields = [*self._columns.items(), *((name, pa.string()) for name in FILE_COLUMNS)]
        schema = StructType([StructField(name, types[kind]) for name, kind in fields])
        return self._lakehouse.scratch_rows(self._path, schema, rows=self.count)

    def _write(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_batches(self._held).unify_dictionaries().combine_chunks())
        self._held, self._held_bytes = [], 0


def file_values(file: LandingFile) -> Sequence[str]:
    """The FILE_COLUMNS of a file."""
    return file.name, file.sha256, file.batch_id, file.day.isoformat()


def _constant(value: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), rows), pa.array([value]))

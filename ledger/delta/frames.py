"""DataFrames that are no table: plain values, and intermediate results that are evaluated once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import DataType, StringType, StructField, StructType

from ledger.contract import Table
from ledger.delta.row_checks import NameUser, check_values
from ledger.delta.stages import Stages, refuse_cut, sweep_stages
from ledger.errors import LedgerError
from ledger.faults import named

_SCRATCH = "temporary files (TMPDIR)"
# Money must not be read back from statistics (docs/decisions.md, D-007).
_NO_STATISTICS = ("delta.dataSkippingNumIndexedCols", "0")


class Frames:
    """Frames of one process. What is staged lives from :meth:`open` to :meth:`close`."""

    def __init__(self, spark: SparkSession, *, is_embedded: bool, name_user: NameUser) -> None:
        self.name_user = name_user
        self._spark, self._is_embedded = spark, is_embedded
        self._stages = Stages()

    def open(self) -> None:
        """Remove what killed processes left behind."""
        sweep_stages()

    def close(self, error: BaseException | None = None) -> None:
        """Drop what is staged; raises :class:`StorageError` when its loss explains ``error``."""
        lost = self._stages.lost() if isinstance(error, Exception) else None
        self._stages.clear()
        if lost is not None and not isinstance(error, LedgerError):
            raise lost from error

    def scratch_folder(self) -> Path:
        """A new empty folder of this process, removed when the lakehouse is left."""
        with _named():
            return self._stages.folder()

    def scratch_rows(self, file: Path, schema: StructType, *, rows: int) -> DataFrame:
        """So many rows of a Parquet file that this process wrote, alone in a :meth:`scratch_folder`."""
        if not self._is_embedded:
            refuse_cut(file, rows=rows)
            return self._spark.createDataFrame(pq.read_table(file))
        with _named():
            folder = self._stages.seal_file(file, schema, rows=rows)
        return self._staged(folder)

    def seal_links(self, folder: Path) -> None:
        """The links in a :meth:`scratch_folder` are all made; :meth:`refuse_lost` looks after them from now on."""
        self._stages.seal(folder)

    def refuse_lost(self) -> None:
        """Raises :class:`StorageError` when anything staged is gone: whatever was read through a link may be too little.

        What is staged as rows need not be asked for: reading it fails.
        """
        if (lost := self._stages.lost()) is not None:
            raise lost

    def rows(self, table: Table, records: Iterable[Mapping[str, Any]]) -> DataFrame:
        """Plain values as a DataFrame of the table's contract.

        Scalars travel as text and are cast by the contract, so no client library's time zone or decimal
        context can touch them. Raises :class:`KeyViolationError` for a missing value in a required column.
        """
        records = list(records)
        check_values(table, records, self.name_user)
        nested = {c.name for c in table.columns if c.type.startswith(("map", "array"))}
        data = [
            tuple(r.get(n) if n in nested or r.get(n) is None else str(r[n]) for n in table.column_names)
            for r in records
        ]
        # Types as objects: for their text an engine in another process would be asked.
        types = [DataType.fromDDL(c.type) if c.name in nested else StringType() for c in table.columns]
        schema = StructType(
            [StructField(c.name, type_) for c, type_ in zip(table.columns, types, strict=True)]
        )
        return table.cast(self._spark.createDataFrame(data, schema))

    def stage(self, df: DataFrame) -> DataFrame:
        """Evaluate once what several writes and counts read. Only speed leans on it, never correctness."""
        if not self._is_embedded:
            return self._stages.persist(df)
        folder = self.scratch_folder()
        with _named():
            df.write.format("delta").option(*_NO_STATISTICS).mode("append").save(str(folder))
        self._stages.seal(folder)
        return self._staged(folder)

    def _staged(self, folder: Path) -> DataFrame:
        return self._spark.read.format("delta").load(str(folder))


@contextmanager
def _named() -> Iterator[None]:
    """A full or read-only disk of temporary files, by its name."""
    try:
        yield
    except (PySparkException, OSError) as error:
        if (fault := named(error, place=_SCRATCH)) is not None:
            raise fault from error
        raise

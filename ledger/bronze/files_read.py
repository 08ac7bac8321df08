"""Landing files to Bronze rows: what can be read is read, and every file that cannot is named (spec section 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.bronze.csv_files import CsvFile, csv_file, csv_rows
from ledger.bronze.engine_files import check_lines, engine_lines, is_remote, union_of
from ledger.bronze.engine_tables import EngineTable, check_readable, engine_records, engine_table
from ledger.bronze.json_files import is_for_the_engine, record_texts
from ledger.bronze.json_records import RECORD, FieldNames, field_names, json_records
from ledger.bronze.landing import LandingFile
from ledger.bronze.metadata import SOURCE_FILE
from ledger.bronze.parquet_files import ParquetFile, parquet_file, parquet_rows
from ledger.bronze.records import MAX_UNKNOWN, SourceText, columns_for, known_columns
from ledger.bronze.scratch_rows import ScratchRows
from ledger.bronze.source_bytes import reason_of
from ledger.bronze.tabular import IS_RECORD, LEFTOVER, TEXT, Layout
from ledger.bronze.typed import bronze_rows
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.errors import CommitConflictError, TransientError

_TRIES = 10
T = TypeVar("T")
Tabular = CsvFile | ParquetFile | EngineTable


@dataclass(frozen=True)
class FilesRead:
    """``rows``: Bronze rows, the contract's columns in type, then unknown fields as strings; None when there are none.

    ``failed``: file by name the reason why it cannot be read, in one line. None of its rows are in ``rows``.
    """

    rows: DataFrame | None
    failed: dict[str, str]


def read_files(
    lakehouse: Lakehouse, table: Table, files: Sequence[LandingFile], stamp: datetime
) -> FilesRead:
    """Read landing files of any format; ``stamp`` is the instant of arrival of a record that has none.

    Files of this machine are read here, byte by byte and at once, in bounded memory; ``rows`` stays lazy. The number of
    queries does not grow with their number. Raises what is no fault of a file (an engine that is gone, a full disk).
    """
    reading = _Reading(lakehouse, table)
    texts = reading.json_texts([f for f in files if f.format == "json"])
    tables = reading.opened([f for f in files if f.format != "json"])
    names = {name for source in tables for name in source.names} - {*known_columns(table)}
    keeps_text, fields = lakehouse.keeps_json_text, FieldNames()
    stored = lakehouse.columns(table) if names or texts is not None else []
    if texts is not None:
        fields = field_names(table, texts, stored, engine_keeps_text=keeps_text)
    extra = columns_for(table, stored, names | fields.candidates)
    found = reading.table_texts(tables, extra)
    if texts is not None:
        found.append(json_records(table, texts, fields, extra, engine_keeps_text=keeps_text))
    rows = union_of([bronze_rows(table, source, stamp) for source in found]) if found else None
    if rows is not None and reading.failed:
        rows = rows.where(~F.col(SOURCE_FILE).isin(sorted(reading.failed)))
    return FilesRead(rows, reading.failed)


def read_with_columns(
    lakehouse: Lakehouse, table: Table, files: Sequence[LandingFile], stamp: datetime
) -> FilesRead:
    """The files read, and the columns made that their unknown fields get: never more than MAX_UNKNOWN of a table.

    Where another load takes the room meanwhile they are read again; the fields then keep their text.
    """
    for _ in range(_TRIES):
        read = read_files(lakehouse, table, files, stamp)
        columns = read.rows.columns if read.rows is not None else []
        extra = [name for name in columns if name not in table.column_names]
        if not extra or lakehouse.add_columns(table, extra, most=len(table.columns) + MAX_UNKNOWN):
            return read
    raise CommitConflictError(
        f"{_TRIES} loads in a row lost the room for their columns to others",
        table=table.full_name,
        action="run it again later",
    )


@dataclass
class _Reading:
    """One load under way: a file that fails is noted, and the others go on."""

    lakehouse: Lakehouse
    table: Table
    failed: dict[str, str] = field(default_factory=dict)

    def json_texts(self, files: Sequence[LandingFile]) -> DataFrame | None:
        """The texts of all records; None when there are none."""
        left_to_engine = []
        with ScratchRows(self.lakehouse, {RECORD: pa.string()}) as scratch:
            for file in files:
                with self._noting(file):
                    if (
                        check_lines(self.lakehouse.spark, file)
                        if is_remote(file)
                        else is_for_the_engine(file)
                    ):
                        left_to_engine.append(file)
                        continue
                if file.name not in self.failed:
                    for texts in self._each(file, record_texts(file)):
                        scratch.add(file, {RECORD: texts})
        frames = [scratch.frame()] if scratch.count else []
        if left_to_engine:
            frames.append(engine_lines(self.lakehouse, left_to_engine))
        return union_of(frames) if frames else None

    def opened(self, files: Sequence[LandingFile]) -> list[Tabular]:
        """CSV and Parquet files whose columns are understood; empty ones are left out."""
        sources = []
        for file in files:
            with self._noting(file):
                source = self._open(file)
                if source:
                    sources.append(source)
        return sources

    def table_texts(self, sources: Sequence[Tabular], extra: tuple[str, ...]) -> list[SourceText]:
        """The rows of CSV and Parquet files as texts: those of this machine together, one each at a URI."""
        layout = Layout(known_columns(self.table), extra)
        with ScratchRows(self.lakehouse, layout.schema) as scratch:
            for source in sources:
                if isinstance(source, CsvFile):
                    batches = csv_rows(source, layout)
                elif isinstance(source, ParquetFile):
                    batches = parquet_rows(self.table, source, layout)
                else:
                    continue
                for rows in self._each(source.file, batches):
                    scratch.add(source.file, rows)
        found = [engine_records(self.table, s, extra) for s in sources if isinstance(s, EngineTable)]
        if scratch.count:
            columns = {name: F.col(name) for name in layout.columns}
            text, is_record, leftover = F.col(TEXT), F.col(IS_RECORD), F.col(LEFTOVER)
            found.append(SourceText(scratch.frame(), columns, text, is_record, leftover, extra))
        return found

    def _open(self, file: LandingFile) -> Tabular | None:
        if not is_remote(file):
            return csv_file(self.table, file) if file.format == "csv" else parquet_file(self.table, file)
        source = engine_table(self.lakehouse.spark, self.table, file)
        if source:
            check_readable(source)
        return source

    def _each(self, file: LandingFile, batches: Iterator[T]) -> Iterator[T]:
        """The batches up to the fault that is noted: what is done with them is not guarded."""
        with self._noting(file):
            yield from batches

    @contextmanager
    def _noting(self, file: LandingFile) -> Iterator[None]:
        """A fault of the file becomes its reason. A strange file may raise anything.

        What passes by itself, and an engine that is gone, is no fault of a file.
        """
        try:
            yield
        except TransientError:
            raise
        except Exception as error:
            if is_remote(file):
                self.lakehouse.spark.range(1).collect()
            self.failed[file.name] = reason_of(error)

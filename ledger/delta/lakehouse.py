"""The one object through which everything else reads and writes Delta.

Every write asserts the contract before it (columns, types, keys, required values) and its row count after it. Commit
conflicts are retried in ``ledger.delta`` and nowhere else.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from pyspark.sql import SparkSession

from ledger.delta.appends import Appends
from ledger.delta.frames import Frames
from ledger.delta.merges import Merges
from ledger.delta.partitions import Partitions
from ledger.delta.row_checks import NameUser, unnamed
from ledger.delta.schemas import Schemas
from ledger.delta.tables import Tables
from ledger.delta.writes import WriteResult, Writes

__all__ = ["Lakehouse", "WriteResult"]


class Lakehouse:
    """Reads and writes of Delta tables by their contracts: each method is that of the part that owns the idea.

    Safe to use from several threads. Use as a context manager: staged intermediate results are dropped at the end.
    """

    def __init__(
        self,
        spark: SparkSession,
        *,
        warehouse: str,
        catalog: str | None = None,
        name_user: NameUser = unnamed,
    ) -> None:
        """``name_user`` is how an error names a person."""
        tables = Tables(spark, warehouse=warehouse, catalog=catalog)
        self.spark = spark
        self.is_embedded, self.has_files_here = tables.is_embedded, tables.has_files_here
        self.keeps_json_text = tables.is_embedded
        """Whether the engine reads strict JSON alone and hands values over as they are written (``json_text``)."""
        self.path, self.exists, self.version = tables.path, tables.exists, tables.version
        self.read, self.count, self.known_count = tables.read, tables.count, tables.known_count
        self.answer, self.ask_together = tables.answer, tables.ask_together
        self.columns, self.column_types, self.validate = tables.columns, tables.column_types, tables.validate

        schemas = Schemas(tables)
        self.create, self.add_columns = schemas.create, schemas.add_columns

        self._frames = frames = Frames(spark, is_embedded=tables.is_embedded, name_user=name_user)
        self.rows, self.stage, self.refuse_lost = frames.rows, frames.stage, frames.refuse_lost
        self.scratch_folder, self.scratch_rows = frames.scratch_folder, frames.scratch_rows
        self.seal_links = frames.seal_links

        writes = Writes(tables)
        appends = Appends(tables, frames, writes)
        self.append, self.append_new = appends.append, appends.append_new
        self.append_after, self.insert_files = appends.append_after, appends.insert_files
        merges = Merges(tables, frames, writes)
        self.merge, self.merge_all, self.merge_row = merges.merge, merges.merge_all, merges.merge_row
        self.plan_merge, self.plan_merges = merges.plan_merge, merges.plan_merges
        self.looks, self.commit_merge = merges.looks, merges.commit_merge
        self.refuse_stored_twice = merges.refuse_stored_twice
        partitions = Partitions(tables, frames, writes)
        self.replace_partition, self.delete_before = partitions.replace_partition, partitions.delete_before

    def __enter__(self) -> Self:
        self._frames.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._frames.close(error)

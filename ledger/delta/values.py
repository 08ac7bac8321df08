"""Writes of a few plain values: one statement each, whose checks need no query."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table
from ledger.delta.commits import retry_conflicts
from ledger.delta.frames import Frames
from ledger.delta.merge import Change, merge_statement, quoted
from ledger.delta.scope import Scope
from ledger.errors import CommitConflictError, ContractError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WriteResult:
    """Result of one write: rows inserted, updated and deleted; zero rows means no commit was made."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def written(self) -> int:
        return self.inserted + self.updated


class ValueWrites(Frames):
    """Appends with a place in the table, and single rows; the frames come from :meth:`rows`."""

    def append_after(
        self,
        table: Table,
        df: DataFrame,
        *,
        order: str,
        newest: str | None,
        expected: int,
        scope: Scope | None = None,
    ) -> bool:
        """Append ``expected`` rows in one commit, unless another writer appended meanwhile; false then, and nothing is.

        Compare-and-set on the position in the table: ``newest`` is the greatest value of the column ``order`` that the
        caller has read in ``scope`` (an SQL literal; None: no row). A merge that only inserts, so that the transaction log
        sees what it depends on: an append that lands in between conflicts, and the repeated merge then finds its row.
        """
        pruned = scope.condition(f"t.{table.partition_by}") if scope and table.partition_by else "true"
        is_newer = f"t.{order} > {newest}" if newest else "true"
        columns = ", ".join(table.column_names)
        values = ", ".join(f"s.{name}" for name in table.column_names)
        statement = (
            f"MERGE INTO {self.ref(table)} t USING {self._view(df)} s ON {pruned} AND {is_newer}"
            f" WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})"
        )
        inserted = retry_conflicts(lambda: self._affected(statement), table.full_name)
        if inserted not in (0, expected):
            raise ContractError(f"{expected} rows were to be written, {inserted} were", table=table.full_name)
        if inserted:
            self._report(table, WriteResult(inserted=inserted))
        return bool(inserted)

    def insert_files(self, table: Table, df: DataFrame, *, files: Sequence[str], key: str) -> WriteResult:
        """Append the rows of landing files, unless another writer loaded the same files meanwhile (Bronze).

        A merge that only inserts: the transaction log sees that it read the files' rows, so of two concurrent
        loads of one file the second conflicts, retries and inserts nothing. ``df`` has the table's own columns.
        Raises :class:`CommitConflictError` when another writer has dropped one of them meanwhile.
        """
        stored = self.read(table).columns
        self._refuse_dropped(table, df, stored)
        given = set(df.columns)
        columns = [F.col(n) if n in given else F.lit(None).cast("string").alias(n) for n in stored]
        first, last = quoted(min(files)), quoted(max(files))  # thousands of names would make no statement
        # Columns by name: one that is dropped meanwhile fails the statement, where * would leave its values out.
        names, values = (", ".join(f"{of}`{name}`" for name in stored) for of in ("", "s."))
        statement = (
            f"MERGE INTO {self.ref(table)} t USING {self._view(df.select(*columns))} s"
            f" ON t._source_file >= '{first}' AND t._source_file <= '{last}'"
            " AND t._source_file = s._source_file AND t._file_sha256 = s._file_sha256"
            f" AND coalesce(CAST(t.{key} AS STRING), '') = coalesce(CAST(s.{key} AS STRING), '')"
            f" WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
        )

        try:
            inserted = retry_conflicts(lambda: self._affected(statement), table.full_name)
        except Exception:
            self._refuse_dropped(table, df, self.read(table).columns)
            raise
        return self._report(table, WriteResult(inserted=inserted))

    @staticmethod
    def _refuse_dropped(table: Table, df: DataFrame, stored: Sequence[str]) -> None:
        if not {*df.columns} <= {*stored}:
            raise CommitConflictError(
                "columns of its rows were dropped meanwhile", table=table.full_name, action="run it again"
            )

    def merge_row(self, table: Table, row: DataFrame, *, update_when: str) -> None:
        """Insert the one row, or replace the stored one of its key where ``update_when`` holds. One statement.

        For plain values (:meth:`rows`) that the caller reads back: it says nothing of what it did.
        """
        change = Change(update_when, tuple(n for n in table.column_names if n not in table.key))
        statement = merge_statement(table, self.ref(table), self._view(row), scope=Scope(), change=change)
        retry_conflicts(lambda: self.spark.sql(statement), table.full_name)
        self._report(table, WriteResult(updated=1))

    # -- small helpers --------------------------------------------------------------------------------------------

    @staticmethod
    def _report(table: Table, result: WriteResult) -> WriteResult:
        logger.info(
            "%s: +%s ~%s -%s rows",
            table.full_name,
            *[f"{n:,}" for n in (result.inserted, result.updated, result.deleted)],
        )
        return result

    @staticmethod
    def _view(df: DataFrame) -> str:
        """The frame's name in SQL: one per thread, as a session's views are shared by its threads."""
        name = f"_source_{threading.get_ident()}"
        df.createOrReplaceTempView(name)
        return name

    def _affected(self, statement: str) -> int:
        row = self.spark.sql(statement).collect()[0].asDict()
        return int(row["num_affected_rows"] if "num_affected_rows" in row else row["count"])

"""Appends: plain, of what is new, after what is there, and of landing files."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table
from ledger.delta.frames import Frames
from ledger.delta.merge_sql import quoted
from ledger.delta.row_checks import check_rows
from ledger.delta.scope import Scope
from ledger.delta.tables import Tables
from ledger.delta.writes import WriteResult, Writes, refuse_other_write, told
from ledger.errors import CommitConflictError, ContractError


class Appends:
    """Writes that add rows and change none."""

    def __init__(self, tables: Tables, frames: Frames, writes: Writes) -> None:
        self._tables, self._frames, self._writes = tables, frames, writes

    def append(self, table: Table, df: DataFrame, *, expected: int, is_checked: bool = False) -> WriteResult:
        """Append ``expected`` rows in one commit; no rows make no commit.

        ``is_checked``: plain values, whose required columns :meth:`Frames.rows` has looked at already.
        """
        refuse_other_write(table, "append")
        return self._append(table, df, expected=expected, is_checked=is_checked)

    def _append(self, table: Table, df: DataFrame, *, expected: int, is_checked: bool = False) -> WriteResult:
        if expected == 0:
            return WriteResult()
        if not is_checked:
            check_rows(table, df, name_user=self._frames.name_user)
        return self._writes.save(table, df, expected=expected)

    def append_new(
        self,
        table: Table,
        df: DataFrame,
        *,
        identity: Sequence[str],
        stored: DataFrame,
        expected: int | None = None,
        is_checked: bool = False,
    ) -> WriteResult:
        """Append the rows of ``df`` that ``stored`` does not already hold; equal rows are told apart by their count.

        ``identity`` names the columns in which a retry's row equals the stored one; the caller prunes ``stored``.
        ``expected``: the rows of ``df`` where the caller knows their number: usually nothing is stored, and no row is
        looked at twice then. A merged table takes it too: no stored row changes.
        """
        refuse_other_write(table, "append", "merge")
        existing = stored.select(*identity)
        if expected is not None and not existing.limit(1).collect():
            # Staged, as an engine may check required columns of the write before it filters the rows.
            rows = df if is_checked else table.conform(self._frames.stage(df))
            return self._append(table, rows, expected=expected, is_checked=is_checked)
        names = list(identity)
        seen = existing.groupBy(*names).agg(F.count(F.lit(1)).alias("_stored"))
        rank = F.expr(f"row_number() over (partition by {', '.join(names)} order by 1)")
        match = [F.col(f"n.{n}").eqNullSafe(F.col(f"o.{n}")) for n in names]
        joined = df.withColumn("_rank", rank).alias("n").join(seen.alias("o"), match, "left")
        is_new = "o._stored IS NULL OR n._rank > o._stored"
        fresh = self._frames.stage(joined.where(is_new).select("n.*").drop("_rank"))
        return self._append(table, table.conform(fresh), expected=fresh.count())

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
        The rows are plain values (:meth:`Frames.rows`).
        """
        refuse_other_write(table, "append")
        pruned = scope.condition(f"t.{table.partition_by}") if scope and table.partition_by else "true"
        is_newer = f"t.{order} > {newest}" if newest else "true"
        columns = ", ".join(table.column_names)
        values = ", ".join(f"s.{name}" for name in table.column_names)
        inserted = self._writes.affected(
            table,
            lambda source: (
                f"MERGE INTO {self._tables.ref(table)} t USING {source} s ON {pruned} AND {is_newer}"
                f" WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})"
            ),
            df,
        )
        if inserted not in (0, expected):
            raise ContractError(f"{expected} rows were to be written, {inserted} were", table=table.full_name)
        if inserted:
            told(table, WriteResult(inserted=inserted))
        return bool(inserted)

    def insert_files(self, table: Table, df: DataFrame, *, files: Sequence[str], key: str) -> WriteResult:
        """Append the rows of landing files, unless another writer loaded the same files meanwhile (Bronze).

        A merge that only inserts: the transaction log sees that it read the files' rows, so of two concurrent
        loads of one file the second conflicts, retries and inserts nothing. ``df`` has the table's own columns.
        Raises :class:`CommitConflictError` when another writer has dropped one of them meanwhile.
        """
        refuse_other_write(table, "append")
        stored = self._tables.columns(table)
        _refuse_dropped(table, df, stored)
        given = set(df.columns)
        columns = [F.col(n) if n in given else F.lit(None).cast("string").alias(n) for n in stored]
        first, last = quoted(min(files)), quoted(max(files))  # thousands of names would make no statement
        # Columns by name: one that is dropped meanwhile fails the statement, where * would leave its values out.
        names, values = (", ".join(f"{of}`{name}`" for name in stored) for of in ("", "s."))
        try:
            inserted = self._writes.affected(
                table,
                lambda source: (
                    f"MERGE INTO {self._tables.ref(table)} t USING {source} s"
                    f" ON t._source_file >= '{first}' AND t._source_file <= '{last}'"
                    " AND t._source_file = s._source_file AND t._file_sha256 = s._file_sha256"
                    f" AND coalesce(CAST(t.{key} AS STRING), '') = coalesce(CAST(s.{key} AS STRING), '')"
                    f" WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
                ),
                df.select(*columns),
            )
        except Exception:
            _refuse_dropped(table, df, self._tables.columns(table))
            raise
        return told(table, WriteResult(inserted=inserted))


def _refuse_dropped(table: Table, df: DataFrame, stored: Sequence[str]) -> None:
    if not {*df.columns} <= {*stored}:
        raise CommitConflictError(
            "columns of its rows were dropped meanwhile", table=table.full_name, action="run it again"
        )

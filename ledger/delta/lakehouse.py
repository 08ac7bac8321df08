"""The only module that reads or writes Delta. Commit conflicts are retried here and nowhere else.

Every write asserts the contract before it (columns, types, keys, required values) and its row count after it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table
from ledger.delta.commits import retry_conflicts
from ledger.delta.merge import FATE, Change, merge_statement
from ledger.delta.merge_plan import MergePlan, all_new, compare, most_per_key, repeated, same_keys
from ledger.delta.row_checks import check_rows, refuse_repeated
from ledger.delta.scope import Scope
from ledger.delta.values import ValueWrites, WriteResult
from ledger.errors import CommitConflictError, ContractError

__all__ = ["Lakehouse", "WriteResult"]
logger = logging.getLogger(__name__)


class Lakehouse(ValueWrites):
    """Reads and writes of Delta tables by their contracts.

    Safe to use from several threads. Use as a context manager: staged intermediate results are dropped at the end.
    """

    def append(self, table: Table, df: DataFrame, *, expected: int, is_checked: bool = False) -> WriteResult:
        """Append ``expected`` rows in one commit; no rows make no commit.

        ``is_checked``: plain values, whose required columns :meth:`rows` has looked at already.
        """
        if expected == 0:
            return WriteResult()
        if not is_checked:
            check_rows(table, df, keyed=False, name_user=self._name_user)
        before = self.version(table)
        retry_conflicts(lambda: self._save(table, df.write.format("delta").mode("append")), table.full_name)
        self._check_commit(table, before, expected)
        return self._report(table, WriteResult(inserted=expected))

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
        looked at twice then.
        """
        existing = stored.select(*identity)
        has_stored = bool(existing.limit(1).collect())
        fresh = df if is_checked else self.stage(df)  # a write may check required columns before it filters
        if expected is not None and not has_stored:
            return self.append(table, table.conform(fresh), expected=expected, is_checked=is_checked)
        if has_stored:
            names = list(identity)
            seen = existing.groupBy(*names).agg(F.count(F.lit(1)).alias("_stored"))
            ranked = fresh.withColumn(
                "_rank", F.expr(f"row_number() over (partition by {', '.join(names)} order by 1)")
            )
            match = [F.col(f"n.{n}").eqNullSafe(F.col(f"o.{n}")) for n in names]
            joined = ranked.alias("n").join(seen.alias("o"), match, "left")
            fresh = self.stage(
                joined.where("o._stored IS NULL OR n._rank > o._stored").select("n.*").drop("_rank")
            )
        return self.append(table, table.conform(fresh), expected=fresh.count())

    def merge(
        self,
        table: Table,
        source: DataFrame,
        *,
        scope: Scope,
        differ: Sequence[str] | None = None,
        update_when: str = "true",
        delete_when: str | None = None,
    ) -> WriteResult:
        """Make the stored rows of ``scope`` agree with ``source``: :meth:`plan_merge`, then :meth:`commit_merge`."""
        return self.commit_merge(
            self.plan_merge(
                table,
                source,
                scope=scope,
                differ=differ,
                update_when=update_when,
                delete_when=delete_when,
            )
        )

    def plan_merge(
        self,
        table: Table,
        source: DataFrame,
        *,
        scope: Scope,
        differ: Sequence[str] | None = None,
        touch: Sequence[str] = (),
        update_when: str = "true",
        delete_when: str | None = None,
    ) -> MergePlan:
        """Check the source (staged, conformed) and find what a merge would change. Writes nothing.

        ``differ``: the columns whose difference rewrites a stored row (default: all but the key); ``touch``:
        columns that are set, alone, where only they differ; ``update_when``: a further condition on the stored
        row ``t`` and the source row ``s``; ``delete_when``: the stored rows that go when the source does not
        have them. A source with the column FATE says row by row what it does (:class:`ledger.delta.merge.Change`).
        Raises :class:`KeyViolationError`, also for a key that several stored rows share.
        """
        has_fates = FATE in source.columns
        rows = source.drop(FATE) if has_fates else source
        check_rows(table, rows, keyed=True, name_user=self._name_user)
        columns = tuple(differ or [n for n in table.column_names if n not in table.key])
        change = Change(update_when, columns, tuple(touch), delete_when, has_fates)
        if has_fates:  # made from stored rows
            return compare(table, source, self.read(table, scope), scope, change, self.stage)
        if self.known_count(table, scope) == 0:
            return all_new(table, source, scope, change)
        stored = self.read(table, scope)
        known = stored if delete_when else same_keys(table, stored, source)
        most = most_per_key(table, known, delete_when)
        if most is None:
            return all_new(table, source, scope, change)
        if most > 1:
            refuse_repeated(table, repeated(table, known, delete_when), self._name_user)
        return compare(table, source, stored, scope, change, self.stage)

    def refuse_stored_twice(self, table: Table, scope: Scope | None) -> None:
        """Raises :class:`KeyViolationError` naming a few keys that several stored rows of ``scope`` share."""
        refuse_repeated(table, repeated(table, self.read(table, scope)), self._name_user)

    def commit_merge(self, plan: MergePlan) -> WriteResult:
        """One MERGE commit of what was planned, or none when nothing changes."""
        if not plan.counts:
            return WriteResult()
        table = plan.table
        statement = merge_statement(
            table,
            self.ref(table),
            self._view(plan.source if plan.deletes_by_absence else plan.changed),
            scope=plan.scope,
            change=plan.change,
            deletes=plan.deletes_by_absence,
            only_inserts=plan.only_inserts,
        )
        before = self.version(table)
        retry_conflicts(lambda: self.spark.sql(statement), table.full_name)  # the log says what it did
        commits = self._log.commits_since(self._place(table), before)
        expected = (plan.inserted, plan.updated + plan.touched, plan.deleted)
        if not any(commit.merged == expected for commit in commits):
            found = [commit.merged for commit in commits]
            raise CommitConflictError(
                f"a merge was to insert, update and delete {expected} rows, the log has {found}",
                table=table.full_name,
                action="another writer changed the same rows: run the same command again",
            )
        return self._report(table, WriteResult(plan.inserted, plan.updated, plan.deleted))

    def replace_partition(self, table: Table, df: DataFrame, partition: object) -> WriteResult:
        """Replace one partition by ``df`` in one commit (``replaceWhere``)."""
        if table.partition_by is None:
            raise ContractError("only a partitioned table can replace a partition", table=table.full_name)
        check_rows(table, df, keyed=bool(table.key), name_user=self._name_user)
        stray = (
            df.where(~F.col(table.partition_by).eqNullSafe(F.lit(str(partition)).cast("date")))
            .limit(1)
            .collect()
        )
        if stray:
            raise ContractError("rows outside the partition", table=table.full_name, partition=str(partition))
        expected = df.count()
        before = self.version(table)
        writer = df.write.format("delta").mode("overwrite")
        writer = writer.option("replaceWhere", f"{table.partition_by} = '{partition}'")
        retry_conflicts(lambda: self._save(table, writer), table.full_name)
        if expected:
            self._check_commit(table, before, expected)
        return self._report(table, WriteResult(inserted=expected))

    def delete_before(self, table: Table, day: date) -> None:
        """Delete the partitions before a KST day in one commit (retention).

        Raises :class:`ContractError` when rows of them are still there afterwards.
        """
        scope = Scope(end=day - timedelta(days=1))
        condition = scope.condition(str(table.partition_by))
        statement = f"DELETE FROM {self.ref(table)} WHERE {condition}"
        retry_conflicts(lambda: self.spark.sql(statement), table.full_name)
        left = self.count(table, scope)
        if left:
            raise ContractError(
                f"{left} rows before {day} are left after their deletion",
                table=table.full_name,
                action="run the same command again",
            )
        logger.info("%s: partitions before %s deleted", table.full_name, day)

    # -- small helpers --------------------------------------------------------------------------------------------

    def _check_commit(self, table: Table, before: int, expected: int) -> None:
        commits = self._log.commits_since(self._place(table), before)
        if not any(commit.written == expected for commit in commits):
            raise ContractError(
                f"{expected} rows were to be written, the log has {[c.written for c in commits]}",
                table=table.full_name,
            )

    def _save(self, table: Table, writer: Any) -> None:
        if self._catalog:
            writer.saveAsTable(f"{self._catalog}.{table.full_name}")
        else:
            writer.save(self.path(table))

"""Merges: planned against what is stored, then made in one commit, or in none when nothing changes."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame

from ledger.contract import Table
from ledger.delta.frames import Frames
from ledger.delta.merge_plan import MergePlan, all_new, compare
from ledger.delta.merge_sql import FATE, Change, merge_statement
from ledger.delta.row_checks import check_types, look, refuse_repeated, refuse_rows, repeated
from ledger.delta.scope import Scope
from ledger.delta.tables import Tables
from ledger.delta.writes import WriteResult, Writes, refuse_other_write, told
from ledger.errors import CommitConflictError


class Merges:
    """Writes that make stored rows agree with a source, key by key."""

    def __init__(self, tables: Tables, frames: Frames, writes: Writes) -> None:
        self._tables, self._frames, self._writes = tables, frames, writes

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
        have them. A source with the column FATE says row by row what it does (:class:`ledger.delta.merge_sql.Change`).
        Raises :class:`KeyViolationError`, also for a key that several stored rows share. One query where no row of
        the keys is stored, three elsewhere.
        """
        refuse_other_write(table, "merge", "scd2")
        has_fates = FATE in source.columns
        rows = source.drop(FATE) if has_fates else source
        check_types(table, rows)
        columns = tuple(differ or [n for n in table.column_names if n not in table.key])
        change = Change(update_when, columns, tuple(touch), delete_when, has_fates)
        is_empty = not has_fates and self._tables.known_count(table, scope) == 0
        stored = None if is_empty else self._tables.read(table, scope)
        beside = None if has_fates else stored  # with fates the source is made from the stored rows
        seen = look(table, rows, beside, own=delete_when)
        refuse_rows(table, rows, seen, self._frames.name_user)
        if seen.is_stored_twice and stored is not None:
            offenders = repeated(table, stored, source=None if delete_when else rows, own=delete_when)
            refuse_repeated(table, offenders, self._frames.name_user)
        if stored is None or not (seen.has_stored or has_fates):
            return all_new(table, source, scope, change, seen.rows)
        return compare(table, source, stored, scope, change, self._frames.stage)

    def refuse_stored_twice(self, table: Table, scope: Scope | None) -> None:
        """Raises :class:`KeyViolationError` naming a few keys that several stored rows of ``scope`` share."""
        refuse_repeated(table, repeated(table, self._tables.read(table, scope)), self._frames.name_user)

    def commit_merge(self, plan: MergePlan) -> WriteResult:
        """One MERGE commit of what was planned, or none when nothing changes."""
        if not plan.counts:
            return WriteResult()
        table = plan.table
        before = self._tables.version(table)
        self._writes.run(
            table,
            lambda source: merge_statement(
                table,
                self._tables.ref(table),
                source,
                scope=plan.scope,
                change=plan.change,
                deletes=plan.deletes_by_absence,
                only_inserts=plan.only_inserts,
            ),
            plan.source if plan.deletes_by_absence else plan.changed,
        )
        made = [
            commit.merged for commit in self._tables.commits_since(table, before)
        ]  # the log says what it did
        expected = (plan.inserted, plan.updated + plan.touched, plan.deleted)
        if expected not in made:
            raise CommitConflictError(
                f"a merge was to insert, update and delete {expected} rows, the log has {made}",
                table=table.full_name,
                action="another writer changed the same rows: run the same command again",
            )
        return told(table, WriteResult(plan.inserted, plan.updated, plan.deleted))

    def merge_row(self, table: Table, row: DataFrame, *, update_when: str) -> None:
        """Insert the one row, or replace the stored one of its key where ``update_when`` holds. One statement.

        For plain values (:meth:`Frames.rows`) that the caller reads back: it says nothing of what it did.
        """
        refuse_other_write(table, "merge")
        change = Change(update_when, tuple(n for n in table.column_names if n not in table.key))
        self._writes.run(
            table,
            lambda source: merge_statement(
                table, self._tables.ref(table), source, scope=Scope(), change=change
            ),
            row,
        )
        told(table, WriteResult(updated=1))

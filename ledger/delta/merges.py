"""Merges: planned against what is stored, then made in one commit, or in none when nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from pyspark.sql import DataFrame

from ledger.contract import Table
from ledger.delta.frames import Frames
from ledger.delta.merge_plan import MergePlan, all_new, compare
from ledger.delta.merge_sql import FATE, Change, merge_statement
from ledger.delta.row_checks import Look, check_types, looks, refuse_repeated, refuse_rows, repeated
from ledger.delta.scope import Scope
from ledger.delta.tables import Tables
from ledger.delta.writes import WriteResult, Writes, refuse_other_write, told
from ledger.errors import CommitConflictError
from ledger.side_by_side import side_by_side


@dataclass(frozen=True)
class Request:
    """One table's merge: make the stored rows of ``scope`` agree with ``source`` (staged, conformed).

    ``differ``: the columns whose difference rewrites a stored row (default: all but the key); ``touch``: columns that
    are set, alone, where only they differ; ``update_when``: a further condition on the stored row ``t`` and the source
    row ``s``; ``delete_when``: the stored rows that go when the source does not have them. A source with the column
    FATE says row by row what it does (:class:`ledger.delta.merge_sql.Change`). ``seen``: what :meth:`Merges.looks` has
    told of the very rows of ``source``, which has the contract's columns then.
    """

    table: Table
    source: DataFrame
    scope: Scope
    differ: Sequence[str] | None = None
    touch: Sequence[str] = ()
    update_when: str = "true"
    delete_when: str | None = None
    seen: Look | None = None

    @cached_property
    def has_fates(self) -> bool:
        return self.seen is None and FATE in self.source.columns

    @cached_property
    def rows(self) -> DataFrame:
        """The source without what it says of its rows."""
        return self.source.drop(FATE) if self.has_fates else self.source

    @cached_property
    def change(self) -> Change:
        columns = tuple(self.differ or [n for n in self.table.column_names if n not in self.table.key])
        return Change(self.update_when, columns, tuple(self.touch), self.delete_when, self.has_fates)


class Merges:
    """Writes that make stored rows agree with a source, key by key."""

    def __init__(self, tables: Tables, frames: Frames, writes: Writes) -> None:
        self._tables, self._frames, self._writes = tables, frames, writes

    def merge(self, table: Table, source: DataFrame, *, scope: Scope, **options: Any) -> WriteResult:
        """Make the stored rows of ``scope`` agree with ``source``; the options are those of :class:`Request`."""
        return self.merge_all([Request(table, source, scope, **options)])[0]

    def merge_all(self, requests: Sequence[Request]) -> list[WriteResult]:
        """Merges of different tables: all are looked at before the first is made, and they are made side by side."""
        plans = self.plan_merges(requests)
        return side_by_side([partial(self.commit_merge, plan) for plan in plans])

    def plan_merge(self, table: Table, source: DataFrame, *, scope: Scope, **options: Any) -> MergePlan:
        """:meth:`plan_merges` of one; the options are those of :class:`Request`."""
        return self.plan_merges([Request(table, source, scope, **options)])[0]

    def plan_merges(self, requests: Sequence[Request]) -> list[MergePlan]:
        """Check the sources and find what merges would change. Writes nothing.

        One query where no row of the keys is stored, some more for each that has some. Raises
        :class:`KeyViolationError`, also for a key that several stored rows share.
        """
        stored = [self._checked(request) for request in requests]
        # With fates the source is made from the stored rows.
        asked = {
            n: (r.table, r.rows, None if r.has_fates else stored[n], r.delete_when)
            for n, r in enumerate(requests)
            if r.seen is None
        }
        looked = dict(zip(asked, looks([*asked.values()]), strict=True))
        seen = [r.seen or looked[n] for n, r in enumerate(requests)]
        return side_by_side([partial(self._plan, *each) for each in zip(requests, stored, seen, strict=True)])

    def looks(self, sources: Sequence[tuple[Table, DataFrame, Scope]]) -> list[Look]:
        """Look at rows that are to be merged, and whether the scope stores their keys, before it is known which of them
        will be. One query; ``Request.seen`` takes what it tells."""
        return looks([(table, rows, self._stored(table, scope), None) for table, rows, scope in sources])

    def _checked(self, request: Request) -> DataFrame | None:
        """The stored rows that the request is compared with."""
        refuse_other_write(request.table, "merge", "scd2")
        if request.seen is None:
            check_types(request.table, request.rows)
        if request.has_fates:
            return self._tables.read(request.table, request.scope)
        return self._stored(request.table, request.scope)

    def _stored(self, table: Table, scope: Scope) -> DataFrame | None:
        """The stored rows of the scope; None where the log knows that there are none."""
        return None if self._tables.known_count(table, scope) == 0 else self._tables.read(table, scope)

    def _plan(self, request: Request, stored: DataFrame | None, seen: Look) -> MergePlan:
        table, name_user = request.table, self._frames.name_user
        refuse_rows(table, request.rows, seen, name_user)
        if seen.is_stored_twice and stored is not None:
            source, own = (None if request.delete_when else request.rows), request.delete_when
            refuse_repeated(table, repeated(table, stored, source=source, own=own), name_user)
        if stored is None or not (seen.has_stored or request.has_fates):
            return all_new(table, request.source, request.scope, request.change, seen.rows)
        return compare(table, request.source, stored, request.scope, request.change, self._frames.stage)

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

"""A merge as text: the partitions it may touch, when a row changes, and its SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ledger.contract import Table
from ledger.delta.scope import Scope

FATE = "_fate"
"""The column with which a source row says what it does to its stored row, where ``update_when`` must not decide."""
Fate = Literal["merges", "replaces", "removes"]


@dataclass(frozen=True)
class Change:
    """When a stored row ``t`` changes to its source row ``s``, or goes.

    ``differ``: columns whose difference rewrites the row; ``touch``: columns that are set alone where only they
    differ; ``update_when``: a further condition on both; ``delete_when``: stored rows that go without a source row.
    ``has_fates``: the source has the column FATE. A row that ``replaces`` does so whatever ``update_when`` says; one
    that ``removes`` is the stored row as it was read, which goes if it still is that.
    """

    update_when: str
    differ: tuple[str, ...]
    touch: tuple[str, ...] = ()
    delete_when: str | None = None
    has_fates: bool = False

    @property
    def values_when(self) -> str:
        return f"({self._may_update} AND ({_differs(self.differ)}))"

    @property
    def touch_when(self) -> str:
        return f"({self._may_update} AND ({_differs(self.touch)}))"

    @property
    def removed_when(self) -> str:
        return f"(s.{FATE} = 'removes' AND NOT ({_differs(self.differ)}))" if self.has_fates else "false"

    @property
    def inserted_when(self) -> str:
        """Over a source row without a stored one."""
        return f"s.{FATE} <> 'removes'" if self.has_fates else "true"

    @property
    def any_change(self) -> str:
        """Over the joined rows: inserted, updated, touched or deleted."""
        matched = (
            f"s._given AND t._stored AND ({self.values_when} OR {self.touch_when} OR {self.removed_when})"
        )
        gone = f" OR (s._given IS NULL AND ({self.delete_when}))" if self.delete_when else ""
        return f"(t._stored IS NULL AND {self.inserted_when}) OR ({matched}){gone}"

    @property
    def _may_update(self) -> str:
        if not self.has_fates:
            return f"({self.update_when})"
        return f"(s.{FATE} = 'replaces' OR (s.{FATE} = 'merges' AND ({self.update_when})))"


def _differs(columns: tuple[str, ...]) -> str:
    return " OR ".join(f"NOT (t.{c} <=> s.{c})" for c in columns) or "false"


def merge_statement(
    table: Table,
    ref: str,
    source: str,
    *,
    scope: Scope,
    change: Change,
    deletes: bool = False,
    only_inserts: bool = False,
) -> str:
    """``MERGE INTO ref t USING source s``: update what changed, insert what is new, delete what is gone.

    Required key columns compare with ``=`` (the engines join on it fast), nullable ones null-safe. A merge that
    only inserts says so: the engines need no full join for it.
    """
    pruned = scope.condition(f"t.{table.partition_by}") if table.partition_by else "true"
    keys = [f"t.{k} {'=' if k in table.required else '<=>'} s.{k}" for k in table.key]
    columns = table.column_names
    values = ", ".join(f"s.{c}" for c in columns)
    clauses = []
    if change.has_fates:
        clauses.append(f"WHEN MATCHED AND {change.removed_when} THEN DELETE")
    if not only_inserts:
        clauses.append(f"WHEN MATCHED AND {change.values_when} THEN UPDATE SET {_assignments(columns)}")
        if change.touch:
            clauses.append(
                f"WHEN MATCHED AND {change.touch_when} THEN UPDATE SET {_assignments(change.touch)}"
            )
    is_new = f" AND {change.inserted_when}" if change.has_fates else ""
    clauses.append(f"WHEN NOT MATCHED{is_new} THEN INSERT ({', '.join(columns)}) VALUES ({values})")
    if deletes:
        clauses.append(f"WHEN NOT MATCHED BY SOURCE AND {pruned} AND ({change.delete_when}) THEN DELETE")
    return f"MERGE INTO {ref} t USING {source} s ON {pruned} AND {' AND '.join(keys)} {' '.join(clauses)}"


def quoted(text: str) -> str:
    """The text between the quotes of an SQL string."""
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _assignments(columns: tuple[str, ...]) -> str:
    return ", ".join(f"t.{c} = s.{c}" for c in columns)

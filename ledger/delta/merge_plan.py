"""A merge before it is made: which source rows change the table, and how many per partition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import Row

from ledger.contract import Table
from ledger.delta.merge_sql import FATE, Change
from ledger.delta.scope import Scope


@dataclass(frozen=True)
class MergePlan:
    """Changes that a merge would make: the changed rows, and how many per old and new partition.

    ``changed`` holds source rows only, unless the plan deletes what the source does not have.
    """

    table: Table
    source: DataFrame
    scope: Scope
    changed: DataFrame
    change: Change
    counts: tuple[Row, ...]

    @property
    def inserted(self) -> int:
        return self._count(lambda row: row["_stored"] is None)

    @property
    def updated(self) -> int:
        return self._count(
            lambda row: row["_given"] and row["_stored"] and row["_values"] and not row["_removed"]
        )

    @property
    def touched(self) -> int:
        """Rows of which only the source order moves."""
        return self._count(
            lambda row: row["_given"] and row["_stored"] and not row["_values"] and not row["_removed"]
        )

    @property
    def deleted(self) -> int:
        """Rows that go: the source removes them, or does not have them."""
        return self._count(lambda row: row["_given"] is None or row["_removed"])

    @property
    def deletes_by_absence(self) -> bool:
        return any(row["_given"] is None for row in self.counts)

    @property
    def only_inserts(self) -> bool:
        return not (self.updated or self.touched or self.deleted)

    @property
    def partitions(self) -> dict[Any, int]:
        """Rows whose values change per partition, where they were and where they go; null partitions left out."""
        changed: dict[Any, int] = {}
        if self.table.partition_by is None:
            return changed
        for row in self.counts:
            if row["_stored"] is None or row["_values"] or row["_removed"]:
                for value in {row["_new_part"], row["_old_part"]} - {None}:
                    changed[value] = changed.get(value, 0) + row["count"]
        return changed

    def _count(self, holds: Callable[[Row], Any]) -> int:
        return sum(row["count"] for row in self.counts if holds(row))


def all_new(
    table: Table, source: DataFrame, scope: Scope, change: Change, rows: Mapping[Any, int]
) -> MergePlan:
    """The plan when no key of the source is stored: every row is inserted; ``rows`` says how many per partition."""
    counts = tuple(
        Row(
            _given=True,
            _stored=None,
            _values=True,
            _removed=False,
            _new_part=part,
            _old_part=None,
            count=count,
        )
        for part, count in rows.items()
    )
    return MergePlan(table, source, scope, source, change, counts)


def compare(
    table: Table,
    source: DataFrame,
    stored: DataFrame,
    scope: Scope,
    change: Change,
    stage: Callable[[DataFrame], DataFrame],
) -> MergePlan:
    """The plan for a scope that stores rows: source and stored rows joined on the key, null-safe."""
    target = stored.select(*table.column_names).withColumn("_stored", F.lit(True))
    on = [F.col(f"t.{k}").eqNullSafe(F.col(f"s.{k}")) for k in table.key]
    joined = (
        source.withColumn("_given", F.lit(True))
        .alias("s")
        .join(target.alias("t"), on, "full" if change.delete_when else "left")
    )
    part = table.partition_by
    parts = [F.col(f"s.{part}").alias("_new_part"), F.col(f"t.{part}").alias("_old_part")] if part else []
    marks = [
        "s._given",
        "t._stored",
        F.expr(change.values_when).alias("_values"),
        F.expr(change.removed_when).alias("_removed"),
        *parts,
    ]
    columns = [*table.column_names, *([FATE] if change.has_fates else [])]
    changed = stage(joined.where(change.any_change).select(*[f"s.{n}" for n in columns], *marks))
    grouping = ["_given", "_stored", "_values", "_removed", *(["_new_part", "_old_part"] if part else [])]
    counts = tuple(changed.groupBy(*grouping).count().collect())
    return MergePlan(table, source, scope, changed.select(*columns), change, counts)

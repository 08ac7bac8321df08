"""The partitions that a read or a write may touch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from ledger.window import sql_date


@dataclass(frozen=True)
class Scope:
    """The partitions of a date-partitioned table that a read or a merge may touch.

    ``[start, end]`` inclusive (either end open when None), plus single ``days``, plus the null partition.
    """

    start: date | None = None
    end: date | None = None
    days: frozenset[date] = field(default_factory=frozenset)
    null_partition: bool = False

    @classmethod
    def of(cls, days: Iterable[date]) -> Scope:
        """Exactly these days."""
        return cls(days=frozenset(days))

    def condition(self, column: str) -> str:
        """The SQL condition on the partition column, every partition a literal."""
        terms = []
        bounds = [f"{column} >= {sql_date(self.start)}"] if self.start else []
        bounds += [f"{column} <= {sql_date(self.end)}"] if self.end else []
        if bounds:
            terms.append(f"({' AND '.join(bounds)})")
        single = sorted(d for d in self.days if not self._in_range(d))
        if single:
            terms.append(f"{column} IN ({', '.join(map(sql_date, single))})")
        if self.null_partition:
            terms.append(f"{column} IS NULL")
        return f"({' OR '.join(terms)})" if terms else "true"

    def holds(self, day: date | None) -> bool:
        """:meth:`condition` for one partition value."""
        if day is None:
            return self.null_partition or self == Scope()
        return self == Scope() or day in self.days or self._in_range(day)

    def _in_range(self, day: date) -> bool:
        if self.start is None and self.end is None:
            return False
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)

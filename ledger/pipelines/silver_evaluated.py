"""One Silver table's evaluated rows: what a window makes of it, before anything is written (spec section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from pyspark.sql import DataFrame

from ledger.contract import Table
from ledger.delta.row_checks import Look
from ledger.pipelines.silver_judged import Judged
from ledger.silver.silver_table import SilverTable


@dataclass(frozen=True)
class Tainted:
    """Stored rows of a Silver table that came from dead rows of the window.

    ``dead``: what the dead rows say (key and ``origin`` of the table), ``stored``: whole stored rows.
    """

    silver: SilverTable
    dead: DataFrame
    stored: DataFrame


@dataclass(frozen=True)
class Correction:
    """Corrections of stored rows that came from dead Bronze rows: each is in one of the two frames."""

    replaced: DataFrame
    """Candidates that take the place of the stored row, whatever the source order says."""
    removed: DataFrame
    """Stored rows, whole, whose key no live row has."""


@dataclass(frozen=True)
class Evaluated:
    """One Silver table's candidates: what stays (one row per key) and what is rejected, with their counts.

    ``valid`` lacks the rows of ``correction``; ``valid_rows`` counts what stays of the window, wherever it is.
    """

    silver: SilverTable
    valid: DataFrame
    rejected: DataFrame
    rows_read: int
    valid_rows: int
    bad_rows: int
    days: frozenset[date]
    correction: Correction | None = None
    tainted: Tainted | None = None
    seen: Look | None = None
    """The look at ``valid`` that its merge need not take again."""

    @classmethod
    def of(cls, item: Judged) -> Evaluated:
        """All good rows stay, where no two of them share a key."""
        profile = item.profile
        return cls(
            silver=item.silver,
            valid=item.good,
            rejected=item.rejected,
            rows_read=profile.rows,
            valid_rows=profile.good_rows,
            bad_rows=profile.bad_rows,
            days=profile.days,
            seen=item.look,
        )

    @property
    def table(self) -> Table:
        return self.silver.contract

    @property
    def bad_rate(self) -> Fraction:
        total = self.bad_rows + self.valid_rows
        return Fraction(self.bad_rows, total) if total else Fraction(0)


def days_of(table: Table, *frames: DataFrame) -> frozenset[date]:
    """The partitions of rows; none of a table without."""
    if table.partition_by is None:
        return frozenset()
    found = [row[0] for df in frames for row in df.select(table.partition_by).distinct().collect()]
    return frozenset(day for day in found if day)

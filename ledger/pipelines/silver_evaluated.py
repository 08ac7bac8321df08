"""One Silver table's evaluated rows, and the steps that all five share (spec section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table
from ledger.delta.scope import Scope
from ledger.pipelines.attempt import Run
from ledger.window import Window


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

    table: Table
    valid: DataFrame
    rejected: DataFrame
    rows_read: int
    valid_rows: int
    bad_rows: int
    days: frozenset[date]
    correction: Correction | None = None

    @property
    def bad_rate(self) -> Fraction:
        total = self.bad_rows + self.valid_rows
        return Fraction(self.bad_rows, total) if total else Fraction(0)


def search_scope(run: Run, window: Window, days: frozenset[date], *, nullable: bool) -> Scope:
    """Partitions that may store a key: its rows' partitions, the lookback on both sides of the window, the null partition.

    The far side matters when days run out of order: a key must not exist twice (INV-06).
    """
    around = timedelta(days=run.lookback_days)
    return Scope(window.date_kst - around, window.date_kst + around, days, null_partition=nullable)


def profile(staged: DataFrame, table: Table) -> tuple[int, int, frozenset[date]]:
    """(rows, bad rows, partitions of the valid rows)."""
    part = [table.partition_by] if table.partition_by else []
    counts = staged.groupBy(F.col("_reason").isNull().alias("ok"), *part).count().collect()
    days = frozenset(row[part[0]] for row in counts if part and row["ok"] and row[part[0]])
    return sum(r["count"] for r in counts), sum(r["count"] for r in counts if not r["ok"]), days


def good_rows(run: Run, staged: DataFrame, bad: int) -> DataFrame:
    """The rows without a reason, staged on their own: what is merged has no filter that a write could overlook."""
    good = staged.where("_reason IS NULL") if bad else staged
    rows = good.drop("_reason", "_record_json")
    return run.lakehouse.stage(rows) if bad else rows


def repeated_keys(rows: DataFrame, keys: list[str]) -> DataFrame:
    """The keys that more than one row has."""
    return rows.groupBy(*keys).count().where("count > 1").select(*keys)


def rejected_rows(staged: DataFrame) -> DataFrame:
    """``reason`` and ``record_json`` of the rows that a row rule rejects."""
    return staged.where("_reason IS NOT NULL").select(
        F.col("_reason").alias("reason"), F.col("_record_json").alias("record_json")
    )


def days_of(table: Table, *frames: DataFrame) -> frozenset[date]:
    """The partitions of rows; none of a table without."""
    if table.partition_by is None:
        return frozenset()
    found = [row[0] for df in frames for row in df.select(table.partition_by).distinct().collect()]
    return frozenset(day for day in found if day)

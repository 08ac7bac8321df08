"""A window's staged candidates, and what one query counts in those of all tables (spec section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import Row

from ledger.delta.row_checks import Look
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_candidates import search_scope
from ledger.side_by_side import side_by_side
from ledger.silver import wallet_snapshot
from ledger.silver.silver_table import SilverTable
from ledger.window import Window

_NOTHING = Look({}, is_incomplete=False, is_given_twice=False, is_stored_twice=False, has_stored=False)


@dataclass(frozen=True)
class Profile:
    """Counts of one table's candidates.

    ``good``: rows that break no row rule, per KST day (of a table without days, all under None); ``outside``: those of
    them that were taken outside the window (of snapshots).
    """

    rows: int = 0
    good: Mapping[date | None, int] = field(default_factory=dict)
    outside: int = 0

    @property
    def good_rows(self) -> int:
        return sum(self.good.values())

    @property
    def bad_rows(self) -> int:
        return self.rows - self.good_rows

    @property
    def days(self) -> frozenset[date]:
        return frozenset(day for day in self.good if day)


@dataclass(frozen=True)
class Judged:
    """One table's candidates: all of them (staged), the good ones, their counts, and what a merge would see of them."""

    silver: SilverTable
    staged: DataFrame
    good: DataFrame
    profile: Profile
    look: Look

    @property
    def rejected(self) -> DataFrame:
        """``reason`` and ``record_json`` of the rows that a row rule rejects."""
        return self.staged.where("_reason IS NOT NULL").select(
            F.col("_reason").alias("reason"), F.col("_record_json").alias("record_json")
        )


def judge(run: Run, window: Window, staged: Mapping[SilverTable, DataFrame]) -> list[Judged]:
    """The staged candidates of several tables with their counts. Two queries, and one per table that has bad rows."""
    tables = list(staged)
    profiles = _profiles(window, staged)
    tasks = [partial(_good_rows, run, rows, p) for rows, p in zip(staged.values(), profiles, strict=True)]
    good = side_by_side(tasks)
    sources = {
        silver: (
            silver.contract,
            as_stored(run, silver, rows),
            search_scope(run, window, silver, profile.days),
        )
        for silver, rows, profile in zip(tables, good, profiles, strict=True)
        if profile.good
    }
    looks = dict(zip(sources, run.lakehouse.looks([*sources.values()]), strict=True))
    return [
        Judged(silver, rows, good[n], profiles[n], looks.get(silver, _NOTHING))
        for n, (silver, rows) in enumerate(staged.items())
    ]


def as_stored(run: Run, silver: SilverTable, rows: DataFrame) -> DataFrame:
    """Good rows with the columns of the contract: with this run, and the rule whose id they carry."""
    decided = run.rules[silver.rule].rule_id if silver.rule else None
    return silver.contract.cast(rows.withColumns({"run_id": F.lit(run.run_id), "rule_id": F.lit(decided)}))


def repeated_keys(rows: DataFrame, keys: list[str]) -> DataFrame:
    """The keys that more than one row has."""
    return rows.groupBy(*keys).count().where("count > 1").select(*keys)


def _good_rows(run: Run, staged: DataFrame, profile: Profile) -> DataFrame:
    """The rows without a reason, staged on their own: what is merged has no filter that a write could overlook."""
    good = staged.where("_reason IS NULL") if profile.bad_rows else staged
    rows = good.drop("_reason", "_record_json")
    return run.lakehouse.stage(rows) if profile.bad_rows else rows


def _profiles(window: Window, staged: Mapping[SilverTable, DataFrame]) -> list[Profile]:
    """One query for all tables. Sums, no counts, which the embedded engine cannot all aggregate (docs/engines.md)."""
    asked = [
        _per_day(window, silver, rows).withColumn("table", F.lit(n))
        for n, (silver, rows) in enumerate(staged.items())
    ]
    found = reduce(DataFrame.unionByName, asked).collect()
    return [_profile([row for row in found if row["table"] == n]) for n in range(len(staged))]


def _per_day(window: Window, silver: SilverTable, rows: DataFrame) -> DataFrame:
    day = F.col(silver.contract.partition_by) if silver.contract.partition_by else F.lit(None).cast("date")
    is_good = F.col("_reason").isNull()
    is_outside = wallet_snapshot.is_outside(window) if silver.settled == "snapshot" else F.lit(False)
    marked = rows.select(
        is_good.alias("is_good"),
        F.when(is_good, day).alias("day"),
        F.when(is_good & is_outside, 1).otherwise(0).alias("outside"),
    )
    sums = [F.sum(F.lit(1)).alias("n"), F.sum("outside").alias("outside")]
    return marked.groupBy("is_good", "day").agg(*sums)


def _profile(counts: Sequence[Row]) -> Profile:
    return Profile(
        rows=sum(row["n"] for row in counts),
        good={row["day"]: row["n"] for row in counts if row["is_good"]},
        outside=sum(row["outside"] for row in counts),
    )

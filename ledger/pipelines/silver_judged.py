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


@dataclass(frozen=True)
class Profile:
    """Counts of one table's candidates. Rows, but for ``repeated``: keys that several good rows share.

    ``good``: rows that break no row rule, per KST day (of a table without days, all under None); of these ``incomplete``
    lack a required value, and ``outside`` the window was taken what they say (of snapshots).
    """

    rows: int = 0
    good: Mapping[date | None, int] = field(default_factory=dict)
    incomplete: int = 0
    outside: int = 0
    repeated: int = 0

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
    """One table's candidates: all of them (staged), the good ones, their counts, and whether their keys are stored."""

    silver: SilverTable
    staged: DataFrame
    good: DataFrame
    profile: Profile
    most_stored: int
    """How many stored rows share the key of a good one, at most; 0 where no such key is stored."""

    @property
    def seen(self) -> Look | None:
        """What a merge of the good rows as they are need not look at again; None where it has to refuse some of them."""
        profile = self.profile
        if profile.incomplete or profile.repeated:
            return None
        return Look(
            rows=dict(profile.good),
            is_incomplete=False,
            is_given_twice=False,
            is_stored_twice=self.most_stored > 1,
            has_stored=self.most_stored > 0,
        )

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
    filled = [n for n, profile in enumerate(profiles) if profile.good]
    scopes = {n: search_scope(run, window, tables[n], profiles[n].days) for n in filled}
    found = run.lakehouse.most_stored([(tables[n].contract, good[n], scopes[n]) for n in filled])
    most = dict(zip(filled, found, strict=True))
    return [
        Judged(silver, rows, good[n], profiles[n], most.get(n, 0))
        for n, (silver, rows) in enumerate(staged.items())
    ]


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
        question.select(F.lit(number).alias("table"), "*")
        for number, (silver, rows) in enumerate(staged.items())
        for question in (_per_day(window, silver, rows), _repeated(silver, rows))
    ]
    found = reduce(DataFrame.unionByName, asked).collect()
    return [_profile([row for row in found if row["table"] == n]) for n in range(len(staged))]


def _per_day(window: Window, silver: SilverTable, rows: DataFrame) -> DataFrame:
    table, is_good = silver.contract, F.col("_reason").isNull()
    day = F.col(table.partition_by) if table.partition_by else F.lit(None).cast("date")
    lacking = [F.col(name).isNull() for name in table.required if name != "run_id"]  # the run fills that in
    marks = {
        "incomplete": reduce(lambda a, b: a | b, lacking),
        "outside": wallet_snapshot.is_outside(window) if silver.settled == "snapshot" else F.lit(False),
    }
    marked = rows.select(
        is_good.alias("is_good"),
        F.when(is_good, day).alias("day"),
        *[F.when(is_good & mark, 1).otherwise(0).alias(name) for name, mark in marks.items()],
    )
    sums = [F.sum(F.lit(1)).alias("n"), *[F.sum(name).alias(name) for name in marks]]
    per_day = marked.groupBy("is_good", "day").agg(*sums)
    return per_day.select("is_good", "day", "n", *marks, F.lit(0).cast("bigint").alias("repeated"))


def _repeated(silver: SilverTable, rows: DataFrame) -> DataFrame:
    per_key = rows.where("_reason IS NULL").groupBy(*silver.contract.key).agg(F.sum(F.lit(1)).alias("_n"))
    several = per_key.agg(F.sum(F.when(F.col("_n") > 1, 1).otherwise(0)).alias("repeated"))
    none = [F.lit(0).cast("bigint").alias(name) for name in ("n", "incomplete", "outside")]
    return several.select(
        F.lit(True).alias("is_good"), F.lit(None).cast("date").alias("day"), *none, "repeated"
    )


def _profile(counts: Sequence[Row]) -> Profile:
    return Profile(
        rows=sum(row["n"] for row in counts),
        good={row["day"]: row["n"] for row in counts if row["is_good"] and row["n"]},
        incomplete=sum(row["incomplete"] for row in counts),
        outside=sum(row["outside"] for row in counts),
        repeated=sum(row["repeated"] or 0 for row in counts),
    )

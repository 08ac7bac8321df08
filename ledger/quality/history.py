"""The last two weeks at a glance: exceptions per day, supply against wallets. Small reads of Gold's own partitions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import functions as F

from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.gold import exception_ledger, ledger_supply_balance_daily
from ledger.quality.verdict import Series

DRIFT_DISTRIBUTION = "drift_distribution"
EXCEPTIONS_PER_DAY = "exceptions_per_day"
SUPPLY_AGAINST_WALLETS = "supply_against_wallets"
_DAYS = 14  # as many as a picture shows in place, see assets/plots.py


@dataclass(frozen=True)
class Exceptions:
    """One type's exceptions: this run's of the day by severity, and the weeks' per day (a rerun counts once)."""

    of_run: dict[str, int]
    per_day: Series


def exceptions(lakehouse: Lakehouse, day: date, *, exception_type: str, run_id: str) -> Exceptions:
    """Read back what stands after the merge, in one query."""
    finding = ["date_kst", "severity", "metric", "message"]
    is_mine = (F.col("run_id") == run_id) & (F.col("date_kst") == F.lit(str(day)).cast("date"))
    rows = (
        lakehouse.read(exception_ledger.TABLE, _weeks(day))
        .where((F.col("domain") == "ledger") & (F.col("exception_type") == exception_type))
        .groupBy(*finding)
        .agg(F.max(is_mine.cast("int")).alias("mine"))
        .groupBy("date_kst", "severity")
        .agg(F.count(F.lit(1)).alias("n"), F.sum("mine").alias("mine"))
        .collect()
    )
    of_run = {row["severity"]: int(row["mine"]) for row in rows if row["mine"]}
    found = Counter({(row["date_kst"], row["severity"]): row["n"] for row in rows})
    days = [day - timedelta(days=n) for n in reversed(range(_DAYS))]
    return Exceptions(
        of_run, [(str(d), {"CRITICAL": found[d, "CRITICAL"], "WARN": found[d, "WARN"]}) for d in days]
    )


def supply_against_wallets(lakehouse: Lakehouse, day: date) -> Series:
    """Issued supply and all wallets at the end of each controlled day of the last weeks, KRW."""
    rows = lakehouse.read(ledger_supply_balance_daily.TABLE, _weeks(day)).select(
        "date_kst", "issued_supply", "wallet_total_balance"
    )
    return [
        (str(row["date_kst"]), {"issued": row["issued_supply"], "wallets": row["wallet_total_balance"]})
        for row in sorted(rows.collect(), key=lambda row: row["date_kst"])
    ]


def _weeks(day: date) -> Scope:
    return Scope(day - timedelta(days=_DAYS - 1), day)

"""B's verdicts on the money: drift, supply, users that nobody reconciles, exceptions by severity (spec section 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.gold import exception_ledger, ledger_supply_balance_daily, recon_daily_snapshot_flow
from ledger.quality.measured import measured
from ledger.quality.verdict import Verdict, verdict
from ledger.rules import Rule

DRIFT, UNRECONCILED, SUPPLY, EXCEPTIONS = "drift", "users_without_snapshot", "supply", "exceptions"
# Upper bounds of the drift distribution, KRW; the first class is no drift at all, the last has no bound.
BOUNDS = (0, 1, 100, 10_000, 1_000_000)


@dataclass(frozen=True)
class DriftProfile:
    """A day's drift in one look: users, the largest and the summed drift (KRW), and users per class of drift."""

    users: int
    largest: Decimal
    total: Decimal
    classes: Mapping[str, int]


def drift_profile(rows: DataFrame) -> DriftProfile:
    """Profile the day's reconciliation rows, in one pass."""
    drift = F.col("drift_abs")
    lower: tuple[int | None, ...] = (None, *BOUNDS)
    upper: tuple[int | None, ...] = (*BOUNDS, None)
    counts = {}
    for above, to in zip(lower, upper, strict=True):
        inside = (drift > above if above is not None else F.lit(True)) & (
            drift <= to if to is not None else F.lit(True)
        )
        counts[_class_name(above, to)] = F.count(F.when(inside, F.lit(1)))
    row = rows.agg(
        F.count(F.lit(1)).alias("users"),
        F.max(drift).alias("largest"),
        F.sum(drift).alias("total"),
        *[column.alias(f"c{i}") for i, column in enumerate(counts.values())],
    ).collect()[0]
    zero = Decimal(0)
    classes = {name: row[f"c{i}"] for i, name in enumerate(counts)}
    return DriftProfile(row["users"], row["largest"] or zero, row["total"] or zero, classes)


def _class_name(above: int | None, to: int | None) -> str:
    if above is None:
        return "0"
    return f"over {above:,}" if to is None else f"over {above:,} to {to:,}"


def unreconciled_users(entries: DataFrame, pairs: DataFrame) -> int:
    """Users with an entry on the day and no snapshot on it: their money moved and nothing is held against it."""
    wallets = entries.select(F.col("wallet_id").alias("user_id")).distinct()
    return wallets.join(pairs.select("user_id"), ["user_id"], "left_anti").count()


def recon_verdicts(
    profile: Callable[[], DriftProfile],
    unreconciled: Callable[[], int],
    exceptions: Callable[[], Mapping[str, int]],
    rule: Rule,
) -> list[Verdict]:
    """Drift, users that nobody reconciles, exceptions by severity. Each measurement may fail, and blinds its check alone."""
    table = recon_daily_snapshot_flow.TABLE.full_name
    return [
        measured(table, DRIFT, lambda: _drift_verdict(profile(), exceptions(), rule)),
        measured(table, UNRECONCILED, lambda: _unreconciled_verdict(unreconciled())),
        _standing(exceptions, rule),
    ]


def _drift_verdict(profile: DriftProfile, exceptions: Mapping[str, int], rule: Rule) -> Verdict:
    drifting = sum(exceptions.values())
    return verdict(
        recon_daily_snapshot_flow.TABLE.full_name,
        DRIFT,
        f"{drifting:,} of {profile.users:,} users drift; the largest by {profile.largest:,} KRW",
        passed=drifting == 0,
        value=profile.largest,
        threshold=f"> {rule.alert_above.normalize():f} KRW",
        rule=rule,
        is_error=exceptions.get("CRITICAL", 0) > 0,
        details={"drifting_users": drifting, "users": profile.users, "drift_total_krw": profile.total},
    )


def _unreconciled_verdict(users: int) -> Verdict:
    return verdict(
        recon_daily_snapshot_flow.TABLE.full_name,
        UNRECONCILED,
        f"{users:,} users have entries and no snapshot on the day",
        passed=users == 0,
        value=users,
        threshold="> 0 warns",
        is_error=False,
    )


def supply_verdicts(
    row: Mapping[str, Any], exceptions: Callable[[], Mapping[str, int]], rule: Rule
) -> list[Verdict]:
    """Issued supply against all wallets, and supply's exceptions by severity."""
    table = ledger_supply_balance_daily.TABLE.full_name
    return [
        measured(table, SUPPLY, lambda: _supply_verdict(row, exceptions(), rule)),
        _standing(exceptions, rule),
    ]


def _supply_verdict(row: Mapping[str, Any], exceptions: Mapping[str, int], rule: Rule) -> Verdict:
    return verdict(
        ledger_supply_balance_daily.TABLE.full_name,
        SUPPLY,
        f"issued {row['issued_supply']:,}, wallets {row['wallet_total_balance']:,},"
        f" difference {row['diff_amount']:,} KRW",
        passed=bool(row["is_ok"]),
        value=abs(row["diff_amount"]),
        threshold=f"> {rule.alert_above.normalize():f} KRW",
        rule=rule,
        is_error=exceptions.get("CRITICAL", 0) > 0,
    )


def _standing(exceptions: Callable[[], Mapping[str, int]], rule: Rule) -> Verdict:
    table = exception_ledger.TABLE.full_name
    return measured(table, EXCEPTIONS, lambda: exceptions_verdict(exceptions(), rule.rule_id))


def exceptions_verdict(exceptions: Mapping[str, int], rule_ids: str | None) -> Verdict:
    """This run's exceptions of the day by severity: a CRITICAL one is an error, WARN a warning."""
    critical, warn = exceptions.get("CRITICAL", 0), exceptions.get("WARN", 0)
    shown = verdict(
        exception_ledger.TABLE.full_name,
        EXCEPTIONS,
        f"{critical:,} CRITICAL, {warn:,} WARN",
        passed=critical + warn == 0,
        value=critical + warn,
        threshold="> 0; an error when one is CRITICAL",
        is_error=critical > 0,
        details={"critical": critical, "warn": warn},
    )
    return Verdict(**(shown.as_dict() | {"rule_id": rule_ids or None}))

"""Section 6: pipeline A over one KST day, run as a backfill."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from tests.oracle.contract import Row
from tests.oracle.landing import rows_in_window
from tests.oracle.rules import Rule, RuleBook
from tests.oracle.silver_rules import row_reason, snapshot_ts
from tests.oracle.values import Window, ratio, round_half_up, trim

WATCHED = ("transaction_ledger_raw", "user_wallets_raw", "payment_orders_raw")
EVENT_TIME = {
    "transaction_ledger_raw": "created_at",
    "user_wallets_raw": "updated_at",
    "payment_orders_raw": "created_at",
}
DUP_METRIC = {
    "transaction_ledger_raw": "dup_rate_tx_id",
    "user_wallets_raw": "dup_rate_user_id",
    "payment_orders_raw": "dup_rate_order_id",
}
# Ties of severity are settled in this order.
TAGS = ("SOURCE_STALE", "DUP_SUSPECTED", "EVENT_DROP_SUSPECTED", "CONTRACT_VIOLATION")
SEVERITIES = ("CRITICAL", "WARN")


@dataclass(frozen=True)
class Alarm:
    """A rule that fired for one table and window."""

    tag: str
    severity: str
    rule: Rule
    value: Fraction


def by_severity(severity_and_tag: tuple[str, str]) -> tuple[int, int]:
    """Sort key: most severe first, ties in the order of TAGS."""
    severity, tag = severity_and_tag
    return SEVERITIES.index(severity), TAGS.index(tag)


def dup_key(table: str, row: Row) -> object | None:
    """The key that a repeated row repeats; None for a row without a (complete) key."""
    match table:
        case "transaction_ledger_raw":
            return trim(row["tx_id"])
        case "user_wallets_raw":
            user_id, taken_at = trim(row["user_id"]), snapshot_ts(row)
            return (user_id, taken_at) if user_id and taken_at else None
        case "payment_orders_raw":
            return trim(row["order_id"])
    raise AssertionError(table)


def dup_rate(table: str, rows: list[Row]) -> Fraction:
    """Rows beyond the first per key, over rows with a key."""
    keys = Counter(key for row in rows if (key := dup_key(table, row)) is not None)
    return ratio(sum(keys.values()) - len(keys), sum(keys.values()))


def bad_rate(table: str, rows: list[Row], rules: RuleBook) -> Fraction:
    """Rows with a reason by section 5's row rules, over rows."""
    return ratio(sum(1 for row in rows if row_reason(table, row, rules) is not None), len(rows))


def freshness_sec(table: str, bronze: list[Row], window: Window, lookback_days: int) -> int | None:
    """Whole seconds from the newest sign of life at or before the window's end, up to that end."""
    oldest = window.end - timedelta(days=lookback_days)
    instants = [
        instant
        for row in bronze
        for instant in (row["ingested_at"], row[EVENT_TIME[table]])
        if instant is not None and oldest <= instant <= window.end
    ]
    return (window.end - max(instants)) // timedelta(seconds=1) if instants else None


def evaluate(
    table: str,
    bronze: list[Row],
    window: Window,
    rules: RuleBook,
    run_id: str,
    lookback_days: int,
    clock: datetime,
) -> tuple[Row, list[Row]]:
    """One `dq_status` row and the `exception_ledger` rows of one table and window.

    A backfill leaves the zero-window counts alone, so its day counts only itself: 1 when it is empty, else 0.
    """
    rows = rows_in_window(table, bronze, window)
    freshness = freshness_sec(table, bronze, window, lookback_days)
    duplicates, bad = dup_rate(table, rows), bad_rate(table, rows, rules)
    measured: list[tuple[str, str, Fraction | None]] = [
        ("SOURCE_STALE", "freshness_sec", None if freshness is None else Fraction(freshness)),
        ("DUP_SUSPECTED", DUP_METRIC[table], duplicates),
        ("EVENT_DROP_SUSPECTED", "completeness_zero_windows", Fraction(0 if rows else 1)),
        ("CONTRACT_VIOLATION", "contract_bad_records_rate", bad),
    ]
    alarms: list[Alarm] = []
    for tag, metric, value in measured:
        rule = rules.find("dq", metric, table)
        severity = rule.at_least(value) if rule is not None and value is not None else None
        if rule is not None and value is not None and severity is not None:
            alarms.append(Alarm(tag, severity, rule, value))
    worst = min(alarms, key=lambda alarm: by_severity((alarm.severity, alarm.tag)), default=None)
    source_table = f"bronze.{table}"
    status: Row = {
        "source_table": source_table,
        "window_start_ts": window.start,
        "window_end_ts": window.end,
        "date_kst": window.date_kst,
        "freshness_sec": freshness,
        "event_count": len(rows),
        "dup_rate": round_half_up(duplicates, 6),
        "bad_records_rate": round_half_up(bad, 6),
        "dq_tag": worst.tag if worst else None,
        "severity": worst.severity if worst else None,
        "run_id": run_id,
        "rule_id": worst.rule.rule_id if worst else None,
        "generated_at": clock,
    }
    return status, [_exception(alarm, source_table, window, run_id, clock) for alarm in alarms]


def _exception(alarm: Alarm, source_table: str, window: Window, run_id: str, clock: datetime) -> Row:
    """Grain: one row per fired rule, table and window."""
    value: Decimal = round_half_up(alarm.value, 6)
    message = {"metric": alarm.rule.metric, "source_table": source_table, "value": str(value)}
    return {
        "date_kst": window.date_kst,
        "domain": "dq",
        "exception_type": alarm.tag,
        "severity": alarm.severity,
        "source_table": source_table,
        "window_start_ts": window.start,
        "window_end_ts": window.end,
        "metric": alarm.rule.metric,
        "metric_value": value,
        "message": json.dumps(message, sort_keys=True, ensure_ascii=False),
        "run_id": run_id,
        "rule_id": alarm.rule.rule_id,
        "generated_at": clock,
    }


def append_once(table: list[Row], rows: list[Row], identity: tuple[str, ...]) -> None:
    """Append what the same run has not said before.

    A row that repeats, clock aside, the newest row of its identity is a retry's and is left out; one that
    says something else (the day's input changed in between) is a new evaluation and is kept.
    """
    for row in rows:
        said = [old for old in table if all(old[name] == row[name] for name in identity)]
        if not said or _without_clock(said[-1]) != _without_clock(row):
            table.append(row)


def _without_clock(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "generated_at"}

"""Section 7, pipeline B: the controls of one KST day, from Silver and the day's `dq_status` to Gold rows.

Every function returns what the day should hold; `warehouse` replaces the day with it, which is what a merge
that also removes the rows that the day no longer has comes to.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from tests.oracle.contract import Row
from tests.oracle.guardrail import by_severity
from tests.oracle.rules import RuleBook
from tests.oracle.values import Window, ratio, round_half_up

Tables = dict[str, list[Row]]
SUPPLY_SIGNS = {"MINT": 1, "CHARGE": 1, "BURN": -1, "WITHDRAW": -1}
FAILED = ("FAILED", "CANCELLED")
REFUNDED = ("REFUNDED",)


class Undetermined:
    """A value on which the specification is silent; `compare` accepts anything in its place."""

    def __repr__(self) -> str:
        return "ANY"


ANY = Undetermined()


def dq_tag(dq_status: list[Row], day: date) -> str | None:
    """The most severe tag of the day's ledger and wallet evaluations that nothing newer covers."""
    tags: list[tuple[str, str]] = []
    for table in ("bronze.transaction_ledger_raw", "bronze.user_wallets_raw"):
        rows = [row for row in dq_status if row["source_table"] == table and row["date_kst"] == day]
        for at, row in enumerate(rows):
            newer = (Window(later["window_start_ts"], later["window_end_ts"]) for later in rows[at + 1 :])
            replaced = any(window.covers(row["window_start_ts"], row["window_end_ts"]) for window in newer)
            if not replaced and row["dq_tag"] is not None:
                tags.append((row["severity"], row["dq_tag"]))
    return min(tags, key=by_severity)[1] if tags else None


def recon(
    tables: Tables, window: Window, rules: RuleBook, run_id: str, lookback_days: int, clock: datetime
) -> tuple[list[Row], list[Row]]:
    """`recon_daily_snapshot_flow` (one row per user with a snapshot in the day) and its exceptions."""
    day, rule = window.date_kst, rules.get("ledger", "drift_abs")
    first_day = day - timedelta(days=lookback_days)
    tag = dq_tag(tables["silver.dq_status"], day)
    rows, exceptions = [], []
    for user_id, snapshots in _by(tables["silver.wallet_snapshot"], "user_id").items():
        snapshots.sort(key=lambda row: row["snapshot_ts"])
        today = [row for row in snapshots if row["snapshot_date_kst"] == day]
        before = [row for row in snapshots if first_day <= row["snapshot_date_kst"] < day]
        if not today:
            continue
        opening, closing = (before or today[:1])[-1], today[-1]
        delta: Decimal = closing["balance_total"] - opening["balance_total"]
        net_flow: Decimal = sum(
            (
                entry["amount_signed"]
                for entry in tables["silver.ledger_entries"]
                if entry["wallet_id"] == user_id
                and opening["snapshot_ts"] < entry["event_time"] <= closing["snapshot_ts"]
            ),
            Decimal("0.00"),
        )
        drift = abs(delta - net_flow)
        rows.append(
            {
                "date_kst": day,
                "user_id": user_id,
                "opening_ts": opening["snapshot_ts"],
                "closing_ts": closing["snapshot_ts"],
                "delta_balance_total": delta,
                "net_flow_total": net_flow,
                "drift_abs": drift,
                "drift_pct": round_half_up(ratio(drift, abs(net_flow)), 6) if net_flow else None,
                "dq_tag": tag,
                "run_id": run_id,
                "rule_id": rule.rule_id,
            }
        )
        severity = rule.above(Fraction(drift))
        if severity:
            values = {"delta_balance_total": delta, "net_flow_total": net_flow, "drift_abs": drift}
            message = {"user_id": user_id} | {name: _money(value) for name, value in values.items()}
            exceptions.append(
                _exception(
                    window,
                    "RECON_DRIFT_HIGH",
                    severity,
                    rule.metric,
                    drift,
                    message,
                    run_id,
                    rule.rule_id,
                    clock,
                )
            )
    return rows, exceptions


def supply(
    tables: Tables, window: Window, rules: RuleBook, run_id: str, lookback_days: int, clock: datetime
) -> tuple[list[Row], list[Row]]:
    """`ledger_supply_balance_daily`, always one row, and at most one exception."""
    day, rule = window.date_kst, rules.get("ledger", "supply_diff_abs")
    entries = [entry for entry in tables["silver.ledger_entries"] if entry["event_time"] < window.end]
    issued = sum(
        (entry["amount"] * SUPPLY_SIGNS.get(entry["entry_type"], 0) for entry in entries), Decimal("0.00")
    )
    first_day = day - timedelta(days=lookback_days)
    wallets = Decimal("0.00")
    for user_id, snapshots in _by(tables["silver.wallet_snapshot"], "user_id").items():
        # "At or before the day's end": a snapshot at the very instant of the end counts.
        reachable = [
            row
            for row in snapshots
            if row["snapshot_ts"] <= window.end and row["snapshot_date_kst"] >= first_day
        ]
        if not reachable:
            continue
        last = max(reachable, key=lambda row: row["snapshot_ts"])
        wallets += last["balance_total"] + sum(
            entry["amount_signed"]
            for entry in entries
            if entry["wallet_id"] == user_id and entry["event_time"] > last["snapshot_ts"]
        )
    diff = issued - wallets
    severity = rule.above(Fraction(abs(diff)))
    row: Row = {
        "date_kst": day,
        "issued_supply": issued,
        "wallet_total_balance": wallets,
        "diff_amount": diff,
        "is_ok": severity is None,
        "dq_tag": dq_tag(tables["silver.dq_status"], day),
        "run_id": run_id,
        "rule_id": rule.rule_id,
    }
    message = {name: _money(row[name]) for name in ("issued_supply", "wallet_total_balance", "diff_amount")}
    exception = _exception(
        window, "SUPPLY_MISMATCH", severity, rule.metric, abs(diff), message, run_id, rule.rule_id, clock
    )
    return [row], [exception] if severity else []


def _exception(
    window: Window,
    kind: str,
    severity: str | None,
    metric: str,
    value: Decimal,
    message: Mapping[str, object],
    run_id: str,
    rule_id: str,
    clock: datetime,
) -> Row:
    """One `exception_ledger` row of domain `ledger`."""
    return {
        "date_kst": window.date_kst,
        "domain": "ledger",
        "exception_type": kind,
        "severity": severity,
        "source_table": ANY,
        "window_start_ts": window.start,
        "window_end_ts": window.end,
        "metric": metric,
        "metric_value": round_half_up(Fraction(value), 6),
        "message": json.dumps(message, sort_keys=True, ensure_ascii=False),
        "run_id": run_id,
        "rule_id": rule_id,
        "generated_at": clock,
    }


def _money(value: Decimal) -> str:
    """Text in the scale of the money columns; zero has no sign."""
    return f"{value if value else Decimal(0):.2f}"


def _by(rows: list[Row], column: str) -> dict[object, list[Row]]:
    groups: dict[object, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[column]].append(row)
    return groups


def payment_rates(order_events: list[Row], day: date, run_id: str) -> tuple[list[Row], list[Row]]:
    """`ops_payment_failure_daily` and `ops_payment_refund_daily`: one row per merchant, null included."""
    payments = [
        row
        for row in order_events
        if row["order_source"] == "PAYMENT_ORDERS" and row["event_date_kst"] == day
    ]

    def rows(count: str, rate: str, counts: Callable[[Row], bool]) -> list[Row]:
        result = []
        for merchant, group in _by(payments, "merchant_name").items():
            hits = sum(1 for row in group if counts(row))
            key = {"date_kst": day, "merchant_name": merchant, "total_cnt": len(group)}
            measure = {count: hits, rate: round_half_up(ratio(hits, len(group)), 6)}
            result.append(key | measure | {"run_id": run_id, "rule_id": None})
        return result

    return (
        rows("failed_cnt", "failure_rate", lambda row: row["status"] in FAILED),
        rows("refunded_cnt", "refund_rate", lambda row: row["status"] in REFUNDED),
    )

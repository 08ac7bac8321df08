"""The oracle's own tests: the places where the specification is easy to misread. No Spark."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from tests.oracle.lake import Lake, default_rules, payment, rule, tx, wallet
from tests.oracle.rules import Rule, RuleError, sync
from tests.oracle.values import Window

D1, D2, D3 = date(2026, 2, 1), date(2026, 2, 2), date(2026, 2, 3)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def test_window_is_half_open_and_any_timestamp_counts(lake: Lake) -> None:
    assert Window.of_day(D1).start == datetime(2026, 1, 31, 15, tzinfo=UTC)
    start, end = "2026-01-31T15:00:00Z", "2026-02-01T15:00:00Z"
    before = "2026-01-31T14:59:59.999999Z"
    lake.land("transaction_ledger", D1, tx("start", start), tx("before", before), tx("end", end))
    # Landed two days before the window starts: pruned, although its event time lies in the window.
    lake.land("transaction_ledger", D1 - timedelta(days=2), tx("pruned", ingested_at=start))
    assert lake.oracle.ingest(D1 - timedelta(days=2)).ok
    # No clock of it is the day's: it is evaluated because it landed.
    lake.land("products", D1, {"product_id": 1, "ingested_at": "1970-01-01T00:00:00Z"})
    assert lake.oracle.day(D1, "r1").ok
    # Landed on D1, hence in its window, whatever the day of the event.
    assert lake.rows("silver.ledger_entries", "tx_id", "event_date_kst") == [
        ("before", date(2026, 1, 31)),
        ("end", D2),
        ("start", D1),
    ]
    assert lake.rows("silver.products", "product_id") == [(1,)]


def test_first_reason_wins_and_bronze_keeps_the_text(lake: Lake) -> None:
    lake.land(
        "transaction_ledger",
        D1,
        tx(" \t", type="NOPE"),
        tx("a", type="charge", amount="x"),
        tx("b", amount=1.005),
        tx("c", amount="-0"),
        tx("d", at="2026-02-30T00:00:00Z"),
        "{broken",
        *(tx(f"ok{number}") for number in range(9)),
    )
    assert lake.oracle.day(D1, "r1").ok
    assert [reason for (reason,) in lake.rows("silver.bad_records", "reason")] == [
        "invalid_amount",
        "invalid_entry_type",
        "missing_event_time",
        "missing_tx_or_wallet",
        "non_positive_amount",
        "unparsable_record",
    ]
    bronze = lake.oracle.tables["bronze.transaction_ledger_raw"]
    assert {row["tx_id"] for row in bronze if row["_raw"] is not None} == {"a", "b", "d", None}


def test_ledger_keeps_the_earliest_and_quarantines_contradictions(lake: Lake) -> None:
    late, early = "2026-02-01T05:00:00Z", "2026-02-01T04:00:00Z"
    lake.land("transaction_ledger", D1, tx("t", amount="2", source_extracted_at=late))
    lake.land("transaction_ledger", D1, tx("t", amount="1", source_extracted_at=early))
    lake.land("transaction_ledger", D2, tx("t", amount="3"), tx("t", amount="1"))
    for day, run in ((D1, "r1"), (D2, "r2"), (D2, "r2")):
        assert lake.oracle.day(day, run).ok
    assert lake.rows("silver.ledger_entries", "amount", "run_id") == [(Decimal(1), "r1")]
    assert lake.rows("silver.bad_records", "reason", "run_id") == [
        ("conflicting_duplicate", "r1"),
        ("conflicting_duplicate", "r2"),
    ]


def test_latest_holds_in_whatever_order_days_run(tmp_path: Path) -> None:
    for name, order in (("ascending", (D1, D2, D3)), ("mixed", (D1, D3, D2))):
        lake = Lake(tmp_path / name)
        for day, status in ((D1, "PENDING"), (D2, "PAID"), (D3, "PENDING")):
            lake.land("payment_orders", day, payment("p", status))
        for day in order:
            assert lake.oracle.day(day, "r").ok
        assert lake.rows("silver.order_events", "status", "event_date_kst") == [("PENDING", D1)]


def test_status_comes_from_raw_orders_then_lookback_then_orders(lake: Lake) -> None:
    lake.land("payment_orders", D1, payment("old", "PAID"))
    assert lake.oracle.day(D1, "r1").ok
    at = "2026-02-02T01:00:00Z"
    lake.land("payment_orders", D2, payment("bad", "REFUNDED", at, amount="junk"), payment("both", None, at))
    lake.land("orders", D2, {"order_id": "+7"}, {"order_id": 8, "created_at": at})
    related = ("old", "bad", "both", "7", "07", None)
    lake.land("transaction_ledger", D2, *(tx(f"t{r}", at, related_id=r) for r in related))
    assert lake.oracle.day(D2, "r2").ok
    assert lake.rows("silver.ledger_entries", "related_id", "related_type", "status") == [
        ("07", None, None),
        ("7", "ORDER", None),
        ("bad", "PAYMENT_ORDER", "REFUNDED"),
        ("both", "PAYMENT_ORDER", None),
        ("old", "PAYMENT_ORDER", "PAID"),
        (None, None, None),
    ]


def test_fail_fast_saves_bad_records_once_and_stops_the_day(tmp_path: Path) -> None:
    lake = Lake(tmp_path, rules=default_rules(bad_rate=0.01))
    lake.land("user_wallets", D1, *(wallet("1", f"2026-02-01T01:{n:02d}:00Z") for n in range(49)))
    lake.land("user_wallets", D1, wallet("-1", "2026-02-01T02:00:00Z"))
    outcomes = [lake.oracle.day(D1, run) for run in ("r1", "r1", "r2")]
    assert [outcome.failure.kind for outcome in outcomes if outcome.failure] == ["BadRateExceeded"] * 3
    assert lake.rows("silver.bad_records", "reason", "run_id") == [
        ("negative_balance", "r1"),
        ("negative_balance", "r2"),
    ]
    assert not lake.oracle.tables["silver.wallet_snapshot"]
    assert lake.oracle.b(D1, "r3").kind == lake.oracle.c(D1, "r3").kind == "NotReady"
    states = {row["pipeline_name"]: row for row in lake.oracle.tables["gold.pipeline_state"]}
    assert states["pipeline_silver"]["last_processed_end"] is None
    assert states["pipeline_b"]["last_run_id"] == "r3"


def test_bad_rate_equal_to_the_limit_passes(tmp_path: Path) -> None:
    lake = Lake(tmp_path, rules=default_rules(bad_rate=0.02))
    lake.land("user_wallets", D1, *(wallet("1", f"2026-02-01T01:{n:02d}:00Z") for n in range(49)))
    lake.land("user_wallets", D1, wallet("-1", "2026-02-01T02:00:00Z"))
    assert lake.oracle.day(D1, "r1").ok


def test_recon_interval_is_open_closed_and_supply_rolls_forward(lake: Lake) -> None:
    snapshots = [wallet("10", "2026-02-01T01:00:00Z"), wallet("30", "2026-02-01T03:00:00Z")]
    lake.land("user_wallets", D1, *snapshots)
    entries = [tx("at-open", "2026-02-01T01:00:00Z"), tx("mid", "2026-02-01T02:00:00Z")]
    entries += [tx("at-close", "2026-02-01T03:00:00Z"), tx("after", "2026-02-01T04:00:00Z")]
    lake.land("transaction_ledger", D1, *entries)
    assert lake.oracle.day(D1, "r1").ok
    names = ("delta_balance_total", "net_flow_total", "drift_abs", "drift_pct")
    assert lake.rows("gold.recon_daily_snapshot_flow", *names) == [(20, 20, 0, Decimal(0))]
    names = ("issued_supply", "wallet_total_balance", "diff_amount", "is_ok")
    assert lake.rows("gold.ledger_supply_balance_daily", *names) == [(40, 40, 0, True)]


def test_b_converges_and_exceptions_are_kept_per_run(lake: Lake) -> None:
    lake.land("user_wallets", D2, wallet("0", "2026-02-02T01:00:00Z"), wallet("5", "2026-02-02T03:00:00Z"))
    assert lake.oracle.day(D2, "r1").ok
    drift = ("gold.exception_ledger", "exception_type", "run_id")
    assert [row for row in lake.rows(*drift) if row[0] == "RECON_DRIFT_HIGH"] == [("RECON_DRIFT_HIGH", "r1")]
    lake.land("user_wallets", D2, wallet("0", "2026-02-02T04:00:00Z"))
    assert lake.oracle.day(D2, "r1").ok
    assert lake.oracle.b(D2, "r1").ok
    assert not [row for row in lake.rows(*drift) if row[0] == "RECON_DRIFT_HIGH"]
    lake.land("transaction_ledger", D1, tx("old"))
    assert lake.oracle.day(D1, "r1").ok
    assert lake.oracle.restatement_due() == [D2]
    assert lake.oracle.b(D2, "r1").ok
    assert lake.oracle.restatement_due() == []


def test_category_ties_and_pairs(lake: Lake) -> None:
    lake.land("products", D1, *({"product_id": n, "category": c} for n, c in ((1, "a"), (2, "b"), (3, ""))))
    item = {"order_id": 9, "price_at_purchase": "10", "quantity": None}
    items = [(3, 3, "99"), (2, 1, "10"), (1, 2, "10")]
    lake.land(
        "order_items",
        D1,
        *(item | {"item_id": i, "product_id": p, "price_at_purchase": m} for i, p, m in items),
    )
    lake.land("payment_orders", D1, payment("9", "PAID"), payment("8", "PAID", user_id=" "))
    legs = [tx("x", related_id="9"), tx("y", related_id="9", wallet_id="u2"), tx("z", related_id="8")]
    lake.land("transaction_ledger", D1, *legs)
    assert lake.oracle.day(D1, "r1").ok
    assert lake.rows("gold.fact_payment_anonymized", "category") == [("b",)]
    pairs = [("x", "y"), ("y", "x"), ("z", None)]
    assert lake.rows("gold.admin_tx_search", "tx_id", "paired_tx_id") == pairs
    names = ("pair_candidate_rate", "join_payment_orders_rate", "related_id_null_rate")
    assert lake.rows("gold.ops_ledger_pairing_quality_daily", *names) == [(Decimal("0.5"), 1, 0)]


def test_guardrail_of_an_empty_day_and_of_a_same_run_rerun(lake: Lake) -> None:
    assert lake.oracle.day(D1, "r1").ok
    assert lake.oracle.day(D1, "r1").ok
    fired = (
        ("bronze.payment_orders_raw", "completeness_zero_windows"),
        (
            "bronze.transaction_ledger_raw",
            "completeness_zero_windows",
        ),
    )
    assert lake.rows("gold.exception_ledger", "source_table", "metric") == list(fired)
    assert lake.rows("silver.dq_status", "event_count", "freshness_sec") == [(0, None)] * 3
    assert lake.oracle.day(D1, "r2").ok
    assert len(lake.oracle.tables["silver.dq_status"]) == 6


def test_rule_severities() -> None:
    levels = {"warn": Fraction(1), "crit": Fraction(3)}
    both = Rule("r", "m", Fraction(0), levels, frozenset())
    above = [both.above(Fraction(value)) for value in (0, 1, 2, 3, 4)]
    assert above == [None, "WARN", "WARN", "WARN", "CRITICAL"]
    assert [both.at_least(Fraction(value)) for value in (0, 1, 3)] == [None, "WARN", "CRITICAL"]


def test_sync_refuses_what_it_must_and_closes_the_changed_rule() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    seed = default_rules()
    table = sync([], seed, now)
    assert sync(table, seed, now) == table
    changed = [entry | {"threshold": 5.0} if entry["metric"] == "drift_abs" else entry for entry in seed]
    gone = [entry for entry in seed if entry["metric"] != "drift_abs"]
    future = [*gone, rule("ledger", "drift_abs", effective_start_ts="2027-01-01T00:00:00Z")]
    for bad in (changed, gone, future, [*seed, seed[0]], [*seed, rule("dq", "freshness_sec", rule_id="2")]):
        with pytest.raises(RuleError):
            sync(table, bad, now)
    start = now - timedelta(days=1)
    newer = rule("ledger", "drift_abs", rule_id="v2", threshold=5.0, effective_start_ts=start.isoformat())
    synced = {row["rule_id"]: row for row in sync(table, [*gone, newer], now)}
    assert not synced["ledger/drift_abs"]["is_current"]
    assert synced["ledger/drift_abs"]["effective_end_ts"] == start
    assert synced["v2"]["is_current"]

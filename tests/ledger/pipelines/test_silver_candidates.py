"""Bronze rows as Silver's candidates, each with the reason that rejects it (spec section 5)."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ledger.bronze import (
    order_items_raw,
    orders_raw,
    payment_orders_raw,
    products_raw,
    transaction_ledger_raw,
    user_wallets_raw,
)
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_candidates import (
    Reader,
    candidates,
    earlier_days,
    earlier_orders,
    judged,
    ledger_candidates,
    ledger_reason,
    related_sources,
    search_scope,
    sound_candidates,
)
from ledger.silver import ledger_entries, order_events, order_items, products, wallet_snapshot
from ledger.silver.silver_table import SilverTable
from ledger.window import Window
from tests.ledger.frames import Values, by_first, frame, plain
from tests.ledger.pipelines.landed_by_hand import HandLanding, lenient_rules
from tests.ledger.probe_tables import appended
from tests.support import DAY_2

T1, T2 = "2026-02-11T01:00:00Z", "2026-02-11T02:00:00Z"
WINDOW = Window.of_day(DAY_2)


@pytest.fixture
def run(lakehouse: Lakehouse, tmp_path: Path) -> Run:
    """A run with the shipped rules and a lookback of 35 days, over Bronze tables without rows."""
    return HandLanding(lakehouse, lenient_rules(tmp_path)).create(only_bronze=True).run("run")


def test_judged_keeps_the_text_of_rejected_rows_alone(spark: SparkSession, lakehouse: Lakehouse) -> None:
    rows = frame(spark, "product_id bigint, _raw string", [{"product_id": 1}, {"product_id": 2}])
    found = judged(lakehouse, rows, F.when(F.col("product_id") == 2, "wrong"))
    assert plain(found, "product_id", "_reason", "_record_json") == [
        (1, None, None),
        (2, "wrong", '{"product_id":"2"}'),
    ]


ENTRY: Values = {"wallet_id": "w", "type": "CHARGE", "amount": 1, "created_at": T1}
WALLET: Values = {"user_id": "good", "balance": 1, "frozen_amount": 0, "ingested_at": T1}
PAYMENT: Values = {"order_id": "good", "amount": 1, "status": "PAID"}
BRONZE: dict[Table, list[Values]] = {
    user_wallets_raw.TABLE: [WALLET, {**WALLET, "user_id": "bad", "balance": -1}],
    order_items_raw.TABLE: [{"item_id": 1, "order_id": 1, "product_id": 1}, {"item_id": 2}],
    products_raw.TABLE: [{"product_id": 1}, {"product_name": "bad"}],
    orders_raw.TABLE: [{"order_id": 7, "status": "ANY"}, {"user_id": "bad"}],
    payment_orders_raw.TABLE: [PAYMENT, {**PAYMENT, "order_id": "bad", "status": "LOST"}],
    transaction_ledger_raw.TABLE: [{**ENTRY, "tx_id": "good"}, {**ENTRY, "tx_id": "bad", "amount": 0}],
}


def rows_of(run: Run) -> Reader:
    return lambda source: frame(run.lakehouse.spark, source, BRONZE[source])


@pytest.mark.parametrize(
    ("silver", "columns", "expected"),
    [
        (wallet_snapshot.SILVER, ["user_id"], [("bad", "negative_balance"), ("good", None)]),
        (order_items.SILVER, ["item_id"], [(1, None), (2, "missing_required_keys")]),
        (ledger_entries.SILVER, ["tx_id"], [("bad", "non_positive_amount"), ("good", None)]),
        (products.SILVER, ["product_id"], [(1, None), (None, "missing_product_id")]),
        (
            order_events.SILVER,
            ["order_ref", "order_source"],
            [
                ("7", "ORDERS", None),
                ("bad", "PAYMENT_ORDERS", "invalid_status"),
                ("good", "PAYMENT_ORDERS", None),
                (None, "ORDERS", "missing_order_id"),
            ],
        ),
    ],
    ids=lambda value: value.name if isinstance(value, SilverTable) else "",
)
def test_candidates_are_all_rows_of_the_table_s_sources_with_their_reasons(
    run: Run, silver: SilverTable, columns: list[str], expected: list[tuple[object, ...]]
) -> None:
    found = candidates(run, silver, rows_of(run))
    assert plain(found, *columns, "_reason") == expected
    has_text = set(
        plain(found.select(F.col("_reason").isNull().alias("a"), F.col("_record_json").isNull().alias("b")))
    )
    assert has_text == {(True, True), (False, False)}
    sound = sound_candidates(run, silver, rows_of(run))
    assert plain(sound, *columns) == [row[:-1] for row in expected if row[-1] is None]
    assert set(found.columns) - set(sound.columns) == {"_reason", "_record_json"}


RELATED: dict[str, tuple[Values, str | None]] = {
    "good": ({"_status": "PAID"}, None),
    "type": ({"type": "GIFT"}, "invalid_entry_type"),
    "status": ({"_status": "LOST"}, "invalid_status"),
}


def test_ledger_reason_is_by_the_run_s_rules_and_the_payment_s_status(run: Run) -> None:
    rows = [{**ENTRY, "tx_id": tx, **changed} for tx, (changed, _) in RELATED.items()]
    related = frame(run.lakehouse.spark, transaction_ledger_raw.TABLE, rows, _status=None)
    found = by_first(related.select("tx_id", ledger_reason(run).alias("reason")))
    assert found == {tx: reason for tx, (_, reason) in RELATED.items()}


def test_ledger_candidates_are_entries_with_reason_and_text(run: Run) -> None:
    rows = [{**ENTRY, "tx_id": tx, **changed} for tx, (changed, _) in RELATED.items()]
    related = frame(
        run.lakehouse.spark, transaction_ledger_raw.TABLE, rows, _status=None, _related_type="ORDER"
    )
    found = by_first(ledger_candidates(run, related), "tx_id", "related_type", "_reason", "_record_json")
    assert {tx: row[:2] for tx, row in found.items()} == {
        tx: ("ORDER", reason) for tx, (_, reason) in RELATED.items()
    }
    assert found["good"][2] is None
    assert json.loads(found["status"][2])["_status"] == "LOST"


def test_related_sources_tell_payments_from_shop_orders_here_and_before(spark: SparkSession) -> None:
    """The window's payment order counts whatever its quality; a shop order's id is its canonical text, once."""
    payments: list[Values] = [{"order_id": " p ", "status": "LOST", "amount": -1}, {"order_id": None}]
    orders: list[Values] = [{"order_id": "007"}, {"order_id": 8}, {"order_id": None}]
    earlier: list[Values] = [
        {"order_ref": "q", "order_source": "PAYMENT_ORDERS", "status": "PAID"},
        {"order_ref": "7", "order_source": "ORDERS", "status": "NEW"},
        {"order_ref": "9", "order_source": "ORDERS", "status": "NEW"},
    ]
    found = related_sources(
        frame(spark, payment_orders_raw.TABLE, payments),
        frame(spark, orders_raw.TABLE, orders),
        frame(spark, order_events.TABLE, earlier),
    )
    assert {name: (rows.columns, plain(rows)) for name, rows in found.items()} == {
        "payments": (["_order_id", "_window_status"], [("p", "LOST")]),
        "earlier_payments": (["_earlier_id", "_earlier_status"], [("q", "PAID")]),
        "order_ids": (["_shop_order_id"], [("7",), ("8",), ("9",)]),
    }


def test_earlier_orders_are_those_of_the_lookback_before_the_window(run: Run) -> None:
    """From 35 days before the window's day up to the day before it; an order without a day is in no lookback."""
    days = {
        "too old": "2026-01-06",
        "first": "2026-01-07",
        "last": "2026-02-10",
        "own day": "2026-02-11",
        "none": None,
    }
    rows = [
        {"order_ref": ref, "order_source": "ORDERS", "event_date_kst": day, "run_id": "r"}
        for ref, day in days.items()
    ]  # fmt: skip
    lakehouse = run.lakehouse
    lakehouse.create(order_events.TABLE)
    lakehouse.append(
        appended(order_events.TABLE), frame(lakehouse.spark, order_events.TABLE, rows), expected=len(rows)
    )
    assert [ref for (ref,) in plain(earlier_orders(run, WINDOW), "order_ref")] == ["first", "last"]
    scope = earlier_days(run, WINDOW)
    assert (str(scope.start), str(scope.end)) == ("2026-01-07", "2026-02-10")


def test_ledger_candidates_of_unrelated_rows_have_no_status(run: Run) -> None:
    rows = ledger_entries.unrelated(
        frame(run.lakehouse.spark, transaction_ledger_raw.TABLE, [{**ENTRY, "tx_id": "t"}])
    )
    found = ledger_candidates(run, rows)
    assert set(ledger_entries.BUSINESS) <= set(found.columns)
    assert plain(found, "tx_id", "status", "related_type", "_reason") == [("t", None, None, None)]


def test_search_scope_is_the_lookback_on_both_sides_the_rows_days_and_the_null_partition(run: Run) -> None:
    """Of a table without partitions all of it."""
    far = frozenset({date(2020, 1, 1)})
    found = search_scope(run, WINDOW, order_events.SILVER, far)
    assert found == Scope(date(2026, 1, 7), date(2026, 3, 18), far, null_partition=True)
    assert not search_scope(run, WINDOW, ledger_entries.SILVER, far).null_partition
    assert search_scope(run, WINDOW, products.SILVER, far) == Scope()

"""Corrections of stored rows that came from superseded and withdrawn files (spec section 2, Convergence)."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import DataFrame

from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.pipelines.silver_corrections import (
    CorrectedOrders,
    entries_elsewhere,
    find_tainted,
    live_elsewhere,
)
from ledger.pipelines.silver_evaluated import Tainted
from ledger.silver import ledger_entries, order_events, order_items, wallet_snapshot
from ledger.window import Window
from tests.ledger.frames import Values, frame, plain
from tests.ledger.pipelines.landed_by_hand import HandLanding, Record, lenient_rules
from tests.ledger.probe_tables import appended
from tests.support import DAY_1, DAY_2, DAY_3

WINDOW = Window.of_day(DAY_1)
LEDGER, ITEMS, WALLETS, PAYMENTS = (
    "transaction_ledger_raw",
    "order_items_raw",
    "user_wallets_raw",
    "payment_orders_raw",
)
T1, T2 = f"{DAY_1}T01:00:00Z", f"{DAY_1}T02:00:00Z"


@pytest.fixture
def landing(lakehouse: Lakehouse, tmp_path: Path) -> HandLanding:
    """Bronze without rows, and Silver's tables without rows."""
    landing = HandLanding(lakehouse, lenient_rules(tmp_path)).create(only_bronze=True)
    for table in (ledger_entries.TABLE, order_events.TABLE, order_items.TABLE, wallet_snapshot.TABLE):
        lakehouse.create(table)
    return landing


def store(landing: HandLanding, table: Table, rows: list[Values]) -> None:
    lakehouse = landing.lakehouse
    lakehouse.append(appended(table), frame(lakehouse.spark, table, rows, run_id="r"), expected=len(rows))


def item(item_id: int, quantity: int, **more: object) -> Record:
    return {"item_id": item_id, "order_id": 1, "product_id": 1, "quantity": quantity, "batch_id": "b", **more}


def stored_item(item_id: int, quantity: int, at: str) -> Values:
    place = {"_source_extracted_at": at, "_ingested_at": at, "_batch_id": "b"}
    return {
        "item_id": item_id,
        "order_id": 1,
        "order_ref": "1",
        "product_id": 1,
        "quantity": quantity,
        **place,
    }


def test_find_tainted_is_none_where_no_file_was_taken_back(landing: HandLanding) -> None:
    """Also where the window's dead rows have no key, or another day's file is dead."""
    landing.put("a", ITEMS, DAY_1, item(1, 5))
    landing.put("b", ITEMS, DAY_3, item(2, 5))
    assert find_tainted(landing.run("r"), WINDOW, order_items.SILVER) is None
    landing.withdraw("b", ITEMS, DAY_3)
    assert find_tainted(landing.run("r"), WINDOW, order_items.SILVER) is None
    landing.put("a", ITEMS, DAY_1, {"order_id": 1})
    landing.withdraw("a", ITEMS, DAY_1)
    found = find_tainted(landing.run("r"), WINDOW, order_items.SILVER)
    assert found is not None
    assert [key for (key,) in plain(found.dead, "item_id")] == [1]


def test_find_tainted_names_stored_rows_with_a_dead_row_s_values_and_place(landing: HandLanding) -> None:
    """A row stored with other values, or from another place in the source order, came from elsewhere."""
    arrived = f"{DAY_1}T03:00:00Z"
    landing.put("a", ITEMS, DAY_1, item(1, 5), item(2, 5), item(3, 5), item(4, 5))
    landing.withdraw("a", ITEMS, DAY_1)
    rows = [
        stored_item(1, 5, arrived),
        stored_item(2, 6, arrived),
        stored_item(3, 5, T1),
        stored_item(9, 5, arrived),
    ]
    store(landing, order_items.TABLE, rows)
    found = find_tainted(landing.run("r"), WINDOW, order_items.SILVER)
    assert found is not None
    assert plain(found.stored, "item_id", "quantity", "run_id") == [(1, 5, "r")]


def test_find_tainted_snapshots_are_known_by_their_values(landing: HandLanding) -> None:
    """They store no place in the source order."""
    wallet = {"user_id": "u", "frozen_amount": 0, "source_extracted_at": T1}
    landing.put("a", WALLETS, DAY_1, {**wallet, "balance": 1}, {**wallet, "user_id": "v", "balance": 1})
    landing.withdraw("a", WALLETS, DAY_1)
    key = {"snapshot_ts": T1, "snapshot_date_kst": DAY_1, "balance_frozen": 0}
    rows: list[Values] = [
        {**key, "user_id": "u", "balance_available": 1, "balance_total": 1},
        {**key, "user_id": "v", "balance_available": 2, "balance_total": 2},
    ]
    store(landing, wallet_snapshot.TABLE, rows)
    found = find_tainted(landing.run("r"), WINDOW, wallet_snapshot.SILVER)
    assert found is not None
    assert plain(found.stored, "user_id") == [("u",)]


def test_live_elsewhere_is_what_other_landing_days_say_of_the_tainted_keys(landing: HandLanding) -> None:
    """Valid rows that count, of those keys, which the window itself does not read."""
    landing.put("a", ITEMS, DAY_1, item(1, 1))
    landing.put("b", ITEMS, DAY_2, item(1, 2), item(2, 2), {"item_id": 1, "quantity": 3})
    landing.put("c", ITEMS, DAY_3, item(1, 4))
    landing.withdraw("c", ITEMS, DAY_3)
    stored = frame(landing.lakehouse.spark, order_items.TABLE, [stored_item(1, 9, T1)])
    tainted = Tainted(order_items.SILVER, stored, stored)
    found = live_elsewhere(landing.run("r"), WINDOW, tainted)
    assert plain(found, "item_id", "quantity") == [(1, 2)]
    assert "_reason" not in found.columns


def orders(landing: HandLanding, *rows: Values) -> DataFrame:
    return frame(landing.lakehouse.spark, order_events.TABLE, rows)


def test_earlier_orders_are_as_the_run_will_leave_them(landing: HandLanding) -> None:
    """Without the stored rows that are corrected, with their replacements that lie in the lookback."""

    def order(ref: str, status: str, day: object = DAY_1) -> Values:
        return {"order_ref": ref, "order_source": "ORDERS", "status": status, "event_date_kst": day}

    stored = [order("kept", "OLD"), order("corrected", "OLD"), order("removed", "OLD")]
    store(landing, order_events.TABLE, stored)
    corrected = CorrectedOrders(
        named=orders(landing, order("corrected", "OLD")).select("order_ref"),
        stored=orders(landing, *stored[1:]),
        replaced=orders(landing, order("corrected", "NEW"), order("of the day itself", "NEW", DAY_2)),
    )
    found = corrected.earlier(landing.run("r"), Window.of_day(DAY_2))
    assert plain(found) == [("corrected", "ORDERS", "NEW"), ("kept", "ORDERS", "OLD")]


def test_entries_elsewhere_are_judged_as_their_own_landing_day_judges_them(landing: HandLanding) -> None:
    """The earliest valid row per key; its status comes from the payment orders of the day it landed on."""

    def entry(tx: str, at: str, **more: object) -> Record:
        return {"tx_id": tx, "wallet_id": "u", "type": "CHARGE", "amount": 1, "created_at": at, "related_id": "p",
                "source_extracted_at": at, **more}  # fmt: skip

    payment = {
        "order_id": "p",
        "user_id": "u",
        "amount": 1,
        "status": "PAID",
        "created_at": f"{DAY_2}T01:00:00Z",
    }
    landing.put("a", LEDGER, DAY_1, entry("asked", T1, amount=9))
    landing.put("b", LEDGER, DAY_2, entry(" asked ", f"{DAY_2}T02:00:00Z"), entry("other", f"{DAY_2}T02:00:00Z"),
                entry("asked", f"{DAY_2}T01:00:00Z", amount=0))  # fmt: skip
    landing.put("c", LEDGER, DAY_3, entry("asked", f"{DAY_3}T01:00:00Z", amount=7))
    landing.put("p", PAYMENTS, DAY_2, payment)
    asked = frame(landing.lakehouse.spark, "tx_id string, wallet_id string", [
        {"tx_id": "asked", "wallet_id": "u"}, {"tx_id": "unknown", "wallet_id": "u"}
    ])  # fmt: skip
    found = entries_elsewhere(landing.run("r"), WINDOW, asked, None)
    assert plain(found, "tx_id", "amount", "status", "related_type") == [
        ("asked", "1.00", "PAID", "PAYMENT_ORDER")
    ]
    unknown = asked.where("tx_id = 'unknown'")
    assert plain(entries_elsewhere(landing.run("r"), WINDOW, unknown, None), "tx_id") == []

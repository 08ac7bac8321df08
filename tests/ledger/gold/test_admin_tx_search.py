"""The support desk's view of a day's transactions (spec section 7)."""

from __future__ import annotations

from pyspark.sql import SparkSession

from ledger.gold.admin_tx_search import TABLE, search_rows
from ledger.silver import ledger_entries, order_events
from tests.ledger.frames import Values, frame, plain
from tests.support import DAY_1


def test_search_rows_bring_the_payment_order_and_the_other_transaction_of_two(spark: SparkSession) -> None:
    """One row per entry. Two wallets of one transaction are one transaction; three transactions pair with none."""
    entries = [
        ("pair-1", "a", "two"), ("pair-2", "b", "two"),
        ("both-legs", "a", "one transaction"), ("both-legs", "b", "one transaction"),
        ("legs-1", "a", "two of three entries"), ("legs-1", "b", "two of three entries"),
        ("legs-2", "a", "two of three entries"),
        ("three-1", "a", "three"), ("three-2", "b", "three"), ("three-3", "c", "three"),
        ("none-1", "a", None), ("none-2", "b", None),
        ("unknown", "a", "no such order"),
    ]  # fmt: skip
    rows: list[Values] = [dict(zip(("tx_id", "wallet_id", "related_id"), e, strict=True)) for e in entries]
    payments: list[Values] = [
        {"order_ref": "two", "merchant_name": "m", "status": "PAID"},
        {"order_ref": "three", "merchant_name": None, "status": None},
        {"order_ref": "of nobody", "merchant_name": "n", "status": "PAID"},
    ]
    found = search_rows(
        frame(spark, ledger_entries.TABLE, rows), frame(spark, order_events.TABLE, payments), run_id="run"
    )
    assert plain(found, "tx_id", "wallet_id", "merchant_name", "payment_status", "paired_tx_id") == [
        ("both-legs", "a", None, None, None),
        ("both-legs", "b", None, None, None),
        ("legs-1", "a", None, None, "legs-2"),
        ("legs-1", "b", None, None, "legs-2"),
        ("legs-2", "a", None, None, "legs-1"),
        ("none-1", "a", None, None, None),
        ("none-2", "b", None, None, None),
        ("pair-1", "a", "m", "PAID", "pair-2"),
        ("pair-2", "b", "m", "PAID", "pair-1"),
        ("three-1", "a", None, None, None),
        ("three-2", "b", None, None, None),
        ("three-3", "c", None, None, None),
        ("unknown", "a", None, None, None),
    ]


def test_search_rows_keep_the_entry_s_own_values_and_the_run_s_id(spark: SparkSession) -> None:
    at = "2026-02-10T01:00:00Z"
    entry: Values = {
        "event_date_kst": DAY_1, "tx_id": "t", "wallet_id": "w", "entry_type": "PAYMENT", "amount": "1.5",
        "amount_signed": "-1.5", "event_time": at, "related_id": "o", "related_type": "PAYMENT_ORDER",
        "status": "PENDING", "run_id": "of silver", "rule_id": "of silver",
    }  # fmt: skip
    order: Values = {"order_ref": "o", "merchant_name": "m", "status": "PAID"}
    found = search_rows(
        frame(spark, ledger_entries.TABLE, [entry]), frame(spark, order_events.TABLE, [order]), run_id="run"
    )
    assert found.dtypes == [(column.name, column.type) for column in TABLE.columns]
    ids, related = (str(DAY_1), "t", "w"), ("o", "PAYMENT_ORDER", "m", "PAID")
    assert plain(found) == [(*ids, "PAYMENT", "1.50", "-1.50", at, *related, None, "run", None)]

"""Shop orders and payment orders as events: which are rejected, what is stored, which row stays (spec section 5)."""

from __future__ import annotations

from pyspark.sql import SparkSession

from ledger.bronze import orders_raw, payment_orders_raw
from ledger.money import MONEY
from ledger.silver import order_events
from ledger.silver.source_order import ORDER_COLUMNS
from tests.ledger.frames import Values, by_first, frame, plain

T1, T2 = "2026-02-10T01:00:00Z", "2026-02-10T02:00:00Z"
LAST_OF_DAY, NEXT_DAY = "2026-02-10T14:59:59.999999Z", "2026-02-10T15:00:00Z"
ALLOWED = ("PAID", "REFUNDED")
PAYMENT_REASONS: dict[str, tuple[Values, str | None]] = {
    "good": ({}, None),
    "a cent": ({"amount": "0.01"}, None),
    "no status is allowed": ({"status": None}, None),
    "a blank status is none": ({"status": " "}, None),
    "status is trimmed": ({"status": " REFUNDED\n"}, None),
    "status is case-sensitive": ({"status": "paid"}, "invalid_status"),
    "status is not listed": ({"status": "LOST"}, "invalid_status"),
    "no order": ({"order_id": None}, "missing_order_id"),
    "blank order": ({"order_id": "\t"}, "missing_order_id"),
    "no amount": ({"amount": None}, "invalid_amount"),
    "amount zero": ({"amount": "0.00"}, "non_positive_amount"),
    "amount below zero": ({"amount": "-0.01"}, "non_positive_amount"),
    "order before amount": ({"order_id": None, "amount": None}, "missing_order_id"),
    "amount before status": ({"amount": None, "status": "LOST"}, "invalid_amount"),
    "sign before status": ({"amount": "0", "status": "LOST"}, "non_positive_amount"),
    "no record comes first": ({"order_id": None, "_raw": "{"}, "unparsable_record"),
}


def test_payment_reason_is_the_first_rule_that_the_row_breaks(spark: SparkSession) -> None:
    rows = [{"case": case, **changed} for case, (changed, _) in PAYMENT_REASONS.items()]
    bronze = frame(spark, payment_orders_raw.TABLE, rows, order_id="p", amount="1.00", status="PAID")
    found = by_first(bronze.select("case", order_events.payment_reason(ALLOWED).alias("reason")))
    assert found == {case: expected for case, (_, expected) in PAYMENT_REASONS.items()}


def test_order_reason_asks_for_the_order_alone(spark: SparkSession) -> None:
    rows: list[Values] = [
        {"case": "any status, no amount", "order_id": 0, "status": "LOST"},
        {"case": "no order", "user_id": "u"},
        {"case": "no record", "_raw": "x"},
    ]
    found = by_first(
        frame(spark, orders_raw.TABLE, rows).select("case", order_events.order_reason().alias("reason"))
    )
    assert found == {
        "any status, no amount": None,
        "no order": "missing_order_id",
        "no record": "unparsable_record",
    }


SHOWN = (*order_events.TABLE.key, *order_events.BUSINESS, *ORDER_COLUMNS, "_reason", "_record_json")


def test_evaluate_orders_has_no_merchant_and_the_order_s_canonical_text(spark: SparkSession) -> None:
    rows: list[Values] = [
        {
            "order_id": "+012",
            "user_id": " u ",
            "total_amount": "3",
            "status": " NEW ",
            "created_at": LAST_OF_DAY,
            "source_extracted_at": T1,
            "ingested_at": T2,
            "batch_id": "b",
        },
        {
            "order_id": None,
            "status": " ",
            "created_at": NEXT_DAY,
            "_reason": "missing_order_id",
            "_record_json": "{}",
        },
    ]
    found = order_events.evaluate_orders(
        frame(spark, orders_raw.TABLE, rows, _reason=None, _record_json=None)
    )
    assert dict(found.dtypes)["amount"] == MONEY
    assert plain(found, *SHOWN) == [
        ("12", "ORDERS", "u", None, "3.00", "NEW", LAST_OF_DAY, "2026-02-10", T1, T2, "b", None, None),
        (None, "ORDERS", None, None, None, None, NEXT_DAY, "2026-02-11", None, None, None, "missing_order_id", "{}"),
    ]  # fmt: skip


def test_evaluate_payment_orders_trims_every_text(spark: SparkSession) -> None:
    rows: list[Values] = [
        {
            "order_id": " 012 ",
            "user_id": "\tu",
            "merchant_name": " m n ",
            "amount": "3.1",
            "status": " PAID",
            "created_at": NEXT_DAY,
            "source_extracted_at": T1,
            "ingested_at": T2,
            "batch_id": "b",
        },
        {"order_id": "p", "user_id": "", "merchant_name": "\n"},
    ]
    bronze = frame(spark, payment_orders_raw.TABLE, rows, _reason=None, _record_json=None)
    found = order_events.evaluate_payment_orders(bronze)
    assert dict(found.dtypes)["amount"] == MONEY
    assert plain(found, *SHOWN) == [
        ("012", "PAYMENT_ORDERS", "u", "m n", "3.10", "PAID", NEXT_DAY, "2026-02-11", T1, T2, "b", None, None),
        ("p", "PAYMENT_ORDERS", *[None] * 11),
    ]  # fmt: skip


def test_collapse_keeps_the_latest_row_per_order_of_a_source(spark: SparkSession) -> None:
    rows: list[Values] = [
        {"order_ref": "later", "status": "PAID", "_ingested_at": T2},
        {"order_ref": "later", "status": "PENDING", "_ingested_at": T1},
        {"order_ref": "of both sources", "status": "PAID", "_ingested_at": T1},
        {"order_ref": "of both sources", "status": "NEW", "_ingested_at": T2, "order_source": "ORDERS"},
        {"order_ref": "equal order", "status": "PAID"},
        {"order_ref": "equal order", "status": "REFUNDED"},
    ]
    valid = frame(spark, order_events.TABLE, [{"order_source": "PAYMENT_ORDERS", **row} for row in rows])
    assert plain(order_events.collapse(valid), "order_ref", "order_source", "status") == [
        ("equal order", "PAYMENT_ORDERS", "REFUNDED"),
        ("later", "PAYMENT_ORDERS", "PAID"),
        ("of both sources", "ORDERS", "NEW"),
        ("of both sources", "PAYMENT_ORDERS", "PAID"),
    ]

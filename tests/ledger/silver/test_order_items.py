"""Items of shop orders: which rows are rejected, what is stored, which row stays (spec section 5)."""

from __future__ import annotations

from pyspark.sql import SparkSession

from ledger.bronze import order_items_raw
from ledger.money import MONEY
from ledger.silver import order_items
from ledger.silver.source_order import ORDER_COLUMNS
from tests.ledger.frames import Values, by_first, frame, plain

T1, T2 = "2026-02-10T01:00:00Z", "2026-02-10T02:00:00Z"


def test_reason_asks_for_all_three_keys_and_nothing_else(spark: SparkSession) -> None:
    cases: dict[str, tuple[Values, str | None]] = {
        "keys alone": ({}, None),
        "keys of zero": ({"item_id": 0, "order_id": 0, "product_id": 0}, None),
        "no item": ({"item_id": None}, "missing_required_keys"),
        "no order": ({"order_id": None}, "missing_required_keys"),
        "no product": ({"product_id": None}, "missing_required_keys"),
        "no record": ({"item_id": None, "_raw": "x"}, "unparsable_record"),
    }
    rows = [{"case": case, **changed} for case, (changed, _) in cases.items()]
    bronze = frame(spark, order_items_raw.TABLE, rows, item_id=1, order_id=2, product_id=3)
    found = by_first(bronze.select("case", order_items.reason().alias("reason")))
    assert found == {case: expected for case, (_, expected) in cases.items()}


def test_evaluate_names_the_order_by_its_canonical_text(spark: SparkSession) -> None:
    rows: list[Values] = [
        {
            "item_id": 1,
            "order_id": "007",
            "product_id": 3,
            "quantity": 2,
            "price_at_purchase": "1.5",
            "source_extracted_at": T1,
            "ingested_at": T2,
            "batch_id": "b",
        },
        {"item_id": 2, "_reason": "missing_required_keys", "_record_json": "{}"},
    ]
    found = order_items.evaluate(frame(spark, order_items_raw.TABLE, rows, _reason=None, _record_json=None))
    assert dict(found.dtypes)["price_at_purchase"] == MONEY
    assert plain(found, *order_items.TABLE.key, *order_items.BUSINESS, *ORDER_COLUMNS, "_reason", "_record_json") == [
        (1, 7, "7", 3, 2, "1.50", T1, T2, "b", None, None),
        (2, None, None, None, None, None, None, None, None, "missing_required_keys", "{}"),
    ]  # fmt: skip


def test_collapse_keeps_the_latest_row_per_item(spark: SparkSession) -> None:
    rows: list[Values] = [
        {"item_id": 1, "quantity": 9, "_ingested_at": T1},
        {"item_id": 1, "quantity": 1, "_ingested_at": T2},
        {"item_id": 2, "quantity": 2},
        {"item_id": 2, "quantity": 2},
        {"item_id": 3, "quantity": 3},
        {"item_id": 3, "quantity": 4},
    ]
    valid = frame(spark, order_items.TABLE, rows)
    assert by_first(order_items.collapse(valid), "item_id", "quantity") == {1: 1, 2: 2, 3: 4}

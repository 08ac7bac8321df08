"""The product catalogue: which rows are rejected, what is stored, which row stays (spec section 5)."""

from __future__ import annotations

from pyspark.sql import SparkSession

from ledger.bronze import products_raw
from ledger.money import MONEY
from ledger.silver import products
from ledger.silver.source_order import ORDER_COLUMNS
from tests.ledger.frames import Values, by_first, frame, plain

T1, T2 = "2026-02-10T01:00:00Z", "2026-02-10T02:00:00Z"


def test_reason_asks_for_the_product_and_nothing_else(spark: SparkSession) -> None:
    cases: dict[str, tuple[Values, str | None]] = {
        "product alone": ({"product_id": 0}, None),
        "no product": ({"product_name": "p", "category": "c"}, "missing_product_id"),
        "no record": ({"_raw": "[]"}, "unparsable_record"),
    }
    rows = [{"case": case, **changed} for case, (changed, _) in cases.items()]
    found = by_first(frame(spark, products_raw.TABLE, rows).select("case", products.reason().alias("reason")))
    assert found == {case: expected for case, (_, expected) in cases.items()}


def test_evaluate_trims_texts_and_stores_blank_ones_as_null(spark: SparkSession) -> None:
    rows: list[Values] = [
        {
            "product_id": 1,
            "product_name": " p q ",
            "category": "\tc\n",
            "price_krw": "2",
            "is_display": "true",
            "source_extracted_at": T1,
            "ingested_at": T2,
            "batch_id": "b",
        },
        {"product_id": 2, "product_name": " ", "category": "\v", "is_display": "false"},
        {"_reason": "missing_product_id", "_record_json": "{}"},
    ]
    found = products.evaluate(frame(spark, products_raw.TABLE, rows, _reason=None, _record_json=None))
    assert dict(found.dtypes)["price_krw"] == MONEY
    assert plain(found, *products.TABLE.key, *products.BUSINESS, *ORDER_COLUMNS, "_reason", "_record_json") == [
        (1, "p q", "c", "2.00", True, T1, T2, "b", None, None),
        (2, None, None, None, False, None, None, None, None, None),
        (None, None, None, None, None, None, None, None, "missing_product_id", "{}"),
    ]  # fmt: skip


def test_collapse_keeps_the_latest_row_per_product(spark: SparkSession) -> None:
    rows: list[Values] = [
        {"product_id": 1, "category": "older", "_ingested_at": T1},
        {"product_id": 1, "category": "newer", "_ingested_at": T2},
        {"product_id": 2, "category": "same"},
        {"product_id": 2, "category": "same"},
        {"product_id": 3, "category": None},
        {"product_id": 3, "category": "some"},
    ]
    valid = frame(spark, products.TABLE, rows)
    assert by_first(products.collapse(valid), "product_id", "category") == {1: "newer", 2: "same", 3: "some"}

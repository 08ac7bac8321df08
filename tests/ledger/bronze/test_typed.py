"""Texts of records to Bronze rows: typed from the source text, nothing lost (spec section 4)."""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ledger.bronze import order_items_raw, payment_orders_raw, products_raw
from ledger.bronze.metadata import STAMPED
from ledger.bronze.records import FILE_COLUMNS, SourceText, known_columns
from ledger.bronze.typed import bronze_rows
from ledger.contract import Table
from tests.ledger.frames import Values, by_first, frame, plain

STAMP = datetime(2026, 2, 3, 14, 59, 59, 999999, tzinfo=UTC)
ARRIVED = "2026-02-03T14:59:59.999999Z"
FILE = dict(zip(FILE_COLUMNS, ("payment_orders/a", "sha", "a:sha", "2026-02-03"), strict=True))


def rows(spark: SparkSession, table: Table, records: list[Values], extra: tuple[str, ...] = ()) -> DataFrame:
    """Records as texts: ``text`` is the whole record, ``is_record`` and ``leftover`` are true or false."""
    names = (*known_columns(table), *extra)
    columns = ", ".join(f"{name} string" for name in (*names, *FILE_COLUMNS, "text"))
    shared = {**FILE, "text": "the record", "is_record": "true"}
    texts = frame(spark, f"{columns}, is_record boolean, leftover boolean", records, **shared)
    source = SourceText(
        texts,
        {name: F.col(name) for name in names},
        F.col("text"),
        F.col("is_record"),
        F.col("leftover"),
        extra,
    )
    return bronze_rows(table, source, STAMP)


# amount as it was written: its value, or None where it is lost and the record's text is kept.
AMOUNTS = {
    "1.5": "1.50",
    " 1.500\t": "1.50",
    "007": "7.00",
    "-0.01": "-0.01",
    "9999999999999999.99": "9999999999999999.99",
    "1.005": None,
    "1e3": None,
    "10000000000000000": None,
    "1,000": None,
    "NaN": None,
}


def test_bronze_rows_never_round_money_and_keep_the_text_of_what_does_not_fit(spark: SparkSession) -> None:
    records = [{"order_id": text, "amount": text} for text in AMOUNTS]
    found = rows(spark, payment_orders_raw.TABLE, [*records, {"order_id": "blank", "amount": " "}])
    assert by_first(found, "order_id", "amount", "_raw") == {
        **{text: (value, None if value else "the record") for text, value in AMOUNTS.items()},
        "blank": (None, None),
    }


def test_bronze_rows_keep_strings_as_they_came(spark: SparkSession) -> None:
    """Blanks and all: they are trimmed in Silver."""
    found = rows(spark, payment_orders_raw.TABLE, [{"order_id": " a ", "status": "", "merchant_name": "\t"}])
    assert plain(found, "order_id", "status", "merchant_name", "_raw") == [(" a ", "", "\t", None)]


def test_bronze_rows_have_times_numbers_and_booleans_in_one_spelling(spark: SparkSession) -> None:
    goods: list[Values] = [
        {"product_id": "+007", "product_name": "good", "stock_quantity": "-1", "is_display": "true"},
        {
            "product_id": "1.0",
            "product_name": "no integer",
            "stock_quantity": "2147483648",
            "is_display": "TRUE",
        },
    ]
    found = by_first(
        rows(spark, products_raw.TABLE, goods),
        "product_name",
        "product_id",
        "stock_quantity",
        "is_display",
        "_raw",
    )
    assert found == {"good": (7, -1, True, None), "no integer": (None, None, None, "the record")}
    times = {
        "2026-02-03T00:00:00.1234567+09:00": "2026-02-02T15:00:00.123456Z",
        "2026-02-03 01:02": "2026-02-03T01:02:00Z",
        "2026-02-03": "2026-02-03T00:00:00Z",
        "1770076800": None,
        "2026-02-30T00:00:00Z": None,
    }
    records: list[Values] = [{"order_id": text, "created_at": text} for text in times]
    shown = by_first(rows(spark, payment_orders_raw.TABLE, records), "order_id", "created_at", "_raw")
    assert shown == {text: (at, None if at else "the record") for text, at in times.items()}


def test_bronze_rows_of_no_record_are_nothing_but_their_text(spark: SparkSession) -> None:
    """A leftover keeps the text, too, beside the values."""
    records: list[Values] = [
        {"order_id": "no record", "amount": "1", "memo": "m", "is_record": "false"},
        {"order_id": "leftover", "amount": "1", "memo": "m", "leftover": "true"},
        {"order_id": "clean", "amount": "1", "memo": "m", "leftover": "false"},
    ]
    found = rows(spark, payment_orders_raw.TABLE, records, extra=("memo",))
    assert found.columns == [*payment_orders_raw.TABLE.column_names, "memo"]
    assert plain(found, "order_id", "amount", "memo", "_raw", "_source_file", "ingest_date_kst") == [
        ("clean", "1.00", "m", None, "payment_orders/a", "2026-02-03"),
        ("leftover", "1.00", "m", "the record", "payment_orders/a", "2026-02-03"),
        (None, None, None, "the record", "payment_orders/a", "2026-02-03"),
    ]


def test_bronze_rows_are_stamped_where_the_record_is_silent(spark: SparkSession) -> None:
    """Extraction without a time is arrival; a time that is none is stamped, and the record's text is kept."""
    at, later = "2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"
    records: list[Values] = [
        {"item_id": 1},
        {"item_id": 2, "ingested_at": at, "batch_id": " ", "source_system": "\t"},
        {
            "item_id": 3,
            "ingested_at": at,
            "source_extracted_at": later,
            "batch_id": "b",
            "source_system": "s",
        },
        {"item_id": 4, "ingested_at": "yesterday"},
    ]
    found = rows(spark, order_items_raw.TABLE, records)
    assert found.dtypes == [(column.name, column.type) for column in order_items_raw.TABLE.columns]
    assert by_first(found, "item_id", *[column.name for column in STAMPED], "_raw") == {
        1: (ARRIVED, ARRIVED, "a:sha", "landing", None),
        2: (at, at, "a:sha", "landing", None),
        3: (at, later, "b", "s", None),
        4: (ARRIVED, ARRIVED, "a:sha", "landing", "the record"),
    }

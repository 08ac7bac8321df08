"""Texts of JSON records as columns of text, by the engine (spec section 4)."""

from __future__ import annotations

import json

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ledger.bronze.json_records import FieldNames, field_names, json_records
from ledger.bronze.payment_orders_raw import TABLE
from ledger.bronze.records import MAX_UNKNOWN
from ledger.delta.lakehouse import Lakehouse
from tests.ledger.frames import by_first, frame


def texts(spark: SparkSession, *records: str) -> DataFrame:
    return frame(spark, "value string", [{"value": record} for record in records])


def many(count: int) -> str:
    return json.dumps({f"k{n}": n for n in range(count)})


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([], FieldNames()),
        (['{"order_id":"1"}', "x", "[1]"], FieldNames()),
        (['{"order_id":"1","memo":1}', '{"note":{"deep":1}}'], FieldNames(frozenset({"memo", "note"}))),
        (['{"order_id":"1","order_id":"2"}'], FieldNames(repeated=True)),
        (['{"memo":1}', '{"a b":1}'], FieldNames(frozenset({"memo"}), others=True)),
        (['{"Order_ID":"1"}'], FieldNames(frozenset({"Order_ID"}))),
        ([many(MAX_UNKNOWN)], FieldNames(frozenset(f"k{n}" for n in range(MAX_UNKNOWN)))),
        ([many(MAX_UNKNOWN + 1), '{"memo":1}'], FieldNames(frozenset({"memo"}), others=True)),
    ],
    ids=["none", "known", "unknown", "twice", "no column's name", "case", "most", "too many"],
)
def test_field_names_are_the_unknown_fields_of_all_records(
    spark: SparkSession, lakehouse: Lakehouse, records: list[str], expected: FieldNames
) -> None:
    """A record with more fields than a table may grow by asks for no column."""
    keeps = lakehouse.keeps_json_text
    assert field_names(TABLE, texts(spark, *records), TABLE.column_names, engine_keeps_text=keeps) == expected


def test_json_records_have_each_field_s_source_text_and_say_what_is_left_over(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    """Numbers keep their notation, null is absent; a field without a column leaves the record's text to be kept."""
    records = {
        '{"order_id":"1","amount":1e3,"memo":[1, 2]}': (True, False, "1", "1e3", "[1, 2]"),
        '{"amount":9999999999999999.99,"order_id":null}': (True, False, None, "9999999999999999.99", None),
        '{"order_id":"3","other":1}': (True, True, "3", None, None),
        '{"order_id":"4","order_id":"5"}': (False, False, None, None, None),
        "no record": (False, None, None, None, None),
    }
    keeps = lakehouse.keeps_json_text
    found = FieldNames(frozenset({"memo", "other"}), repeated=True)
    source = json_records(TABLE, texts(spark, *records), found, ("memo",), engine_keeps_text=keeps)
    assert source.extra == ("memo",)
    valid = source.is_record
    shown = source.df.select(
        source.raw.alias("raw"),
        valid.alias("is_record"),
        source.leftover.alias("leftover"),
        *[F.when(valid, source.columns[name]).alias(name) for name in ("order_id", "amount", "memo")],
    )
    assert by_first(shown) == records

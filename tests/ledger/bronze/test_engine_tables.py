"""Rows of CSV and Parquet files at a URI as texts (spec section 4)."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from ledger.bronze.engine_tables import EngineTable, engine_records
from ledger.bronze.payment_orders_raw import TABLE
from tests.ledger.bronze.reading import landed
from tests.ledger.frames import frame, plain


def test_engine_records_take_over_no_binary_float_and_no_column_that_nobody_asked_for(
    spark: SparkSession, tmp_path: Path
) -> None:
    """A row with such a value has something left over, so that its text is kept."""
    names = ("order_id", "amount", "user_id", "memo", "other")
    places = "c0 string, c1 decimal(38,18), c2 double, c3 string, c4 string"
    cells = frame(spark, places, [
        {"c0": "clean", "c1": "0", "c3": "m"},
        {"c0": "float", "c1": "1.5", "c2": "1.5"},
        {"c0": "other", "c4": "o"},
    ])  # fmt: skip
    source = engine_records(
        TABLE, EngineTable(landed(tmp_path, "a.parquet", b""), cells, names), ("memo", "absent")
    )
    assert source.extra == ("memo",)
    assert source.columns.keys() == {"order_id", "amount", "memo"}
    shown = [source.columns[name].alias(name) for name in ("order_id", "amount", "memo")]
    found = source.df.select(*shown, source.leftover.alias("leftover"), source.raw.alias("raw"))
    digits = "1.500000000000000000"
    assert plain(found) == [
        ("clean", "0", "m", False, '{"order_id":"clean","amount":"0","memo":"m"}'),
        ("float", digits, None, True, f'{{"order_id":"float","amount":"{digits}","user_id":"1.5"}}'),
        ("other", None, None, True, '{"order_id":"other","other":"o"}'),
    ]

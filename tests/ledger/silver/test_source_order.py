"""Which of several rows for one key stays, by source order (spec section 5). Each key is called after its case."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ledger.silver.source_order import (
    ORDER_COLUMNS,
    earliest_per_key,
    first_per_key,
    is_earlier,
    is_later,
    latest_per_key,
    source_order,
)
from tests.ledger.frames import by_first, frame, plain

T1, T2 = "2026-02-10T01:00:00Z", "2026-02-10T01:00:00.000001Z"
ROWS = "key string, row string, _source_extracted_at timestamp, _ingested_at timestamp, _batch_id string"

# key: (extracted, ingested, batch) of two rows, the first of which comes first in source order; null is first.
FIRST_THEN_SECOND = {
    "extraction decides by a microsecond": ((T1, T2, "b"), (T2, T1, "a")),
    "arrival decides at equal extraction": ((T1, T1, "b"), (T1, T2, "a")),
    "batch decides at equal times": ((T1, T1, "a"), (T1, T1, "b")),
    "no extraction comes first": ((None, T2, "b"), (T1, T1, "a")),
    "no arrival comes first": ((T1, None, "b"), (T1, T1, "a")),
    "no batch comes first": ((T1, T1, None), (T1, T1, "")),
    "nulls are equal": ((None, None, "a"), (None, None, "b")),
}
# The same, settled by the tie break alone: the row's own name.
EQUAL = {"equal order": (T1, T1, "a"), "no order at all": (None, None, None)}


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    pairs = [
        {"key": key, "row": name, **dict(zip(ORDER_COLUMNS, place, strict=True))}
        for key, (first, second) in FIRST_THEN_SECOND.items()
        for name, place in (("z-first", first), ("a-second", second))
    ]
    ties = [
        {"key": key, "row": name, **dict(zip(ORDER_COLUMNS, place, strict=True))}
        for key, place in EQUAL.items()
        for name in ("a", "b")
    ]
    return frame(spark, ROWS, [*pairs, *ties, {"key": "alone", "row": "only"}])


def test_latest_per_key_is_the_last_with_nulls_first(rows: DataFrame) -> None:
    expected = dict.fromkeys(FIRST_THEN_SECOND, "a-second") | dict.fromkeys(EQUAL, "b") | {"alone": "only"}
    assert by_first(latest_per_key(rows, ["key"], ["row"]), "key", "row") == expected


def test_earliest_per_key_is_the_first_with_nulls_last(rows: DataFrame) -> None:
    """So a row without an extraction time is neither the latest nor the earliest."""
    swapped = {key for key in FIRST_THEN_SECOND if key.startswith("no ")}
    expected = {key: "a-second" if key in swapped else "z-first" for key in FIRST_THEN_SECOND}
    expected |= dict.fromkeys(EQUAL, "a") | {"alone": "only"}
    assert by_first(earliest_per_key(rows, ["key"], ["row"]), "key", "row") == expected


def test_first_per_key_takes_null_for_a_key_of_its_own(spark: SparkSession) -> None:
    rows = frame(
        spark,
        "a string, b string, n int",
        [
            {"a": "x", "n": 2},
            {"a": "x", "n": 1},
            {"a": "x", "b": "y", "n": 3},
            {"n": 5},
            {"n": 4},
        ],
    )
    found = first_per_key(rows, ("a", "b"), [F.col("n").desc()])
    assert plain(found) == [("x", "y", 3), ("x", None, 2), (None, None, 5)]


def test_is_later_and_is_earlier_agree_with_the_rows_that_stay(spark: SparkSession) -> None:
    """Later: null before every value. Earlier: null after every value. Never both ways, and never of itself."""
    kinds = dict(zip(ORDER_COLUMNS, ("timestamp", "timestamp", "string"), strict=True))
    columns = ", ".join(f"{side}_{name} {kind}" for side in ("s", "t") for name, kind in kinds.items())
    pairs = [
        {"case": key}
        | {f"s_{c}": v for c, v in zip(ORDER_COLUMNS, second, strict=True)}
        | {f"t_{c}": v for c, v in zip(ORDER_COLUMNS, first, strict=True)}
        for key, (first, second) in {**FIRST_THEN_SECOND, **{k: (v, v) for k, v in EQUAL.items()}}.items()
    ]
    found = by_first(
        frame(spark, f"case string, {columns}", pairs).select(
            "case",
            F.expr(is_later(ORDER_COLUMNS, "s_{}", "t_{}")).alias("later"),
            F.expr(is_later(ORDER_COLUMNS, "t_{}", "s_{}")).alias("later_back"),
            F.expr(is_earlier(ORDER_COLUMNS, "t_{}", "s_{}")).alias("earlier"),
            F.expr(is_earlier(ORDER_COLUMNS, "s_{}", "t_{}")).alias("earlier_back"),
        )
    )
    usual, null_first, same = (True, False, True, False), (True, False, False, True), (False,) * 4
    expected = {key: null_first if key.startswith("no ") else usual for key in FIRST_THEN_SECOND}
    assert found == expected | dict.fromkeys(EQUAL, same)


def test_source_order_is_the_place_of_a_bronze_row(spark: SparkSession) -> None:
    row = {"source_extracted_at": T1, "ingested_at": T2, "batch_id": "b"}
    bronze = frame(spark, "ingested_at timestamp, source_extracted_at timestamp, batch_id string", [row])
    assert plain(bronze.select(*[c.alias(n) for n, c in source_order().items()]), *ORDER_COLUMNS) == [
        (T1, T2, "b")
    ]

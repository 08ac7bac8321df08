"""Text as the sources write it (spec sections 4 and 5): trimming, numbers, times."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from ledger.text import (
    clean,
    parse_boolean,
    parse_integer,
    parse_timestamp,
)

TRIMMED: Mapping[str | None, str | None] = {
    None: None,
    "": None,
    "  \t\n\r\f\v ": None,
    " a ": "a",
    "\t\r\n a b \v\f": "a b",
    "\u00a0a\u00a0": "\u00a0a\u00a0",
    "\u3000": "\u3000",
    "지갑 ": "지갑",
    "\x1c": "\x1c",
}
BIGINTS: Mapping[str | None, int | None] = {
    None: None,
    "0": 0,
    "-0": 0,
    "+5": 5,
    "-007": -7,
    "0" * 40: 0,
    "0" * 40 + "12": 12,
    "9223372036854775807": 2**63 - 1,
    "-9223372036854775808": -(2**63),
    "9223372036854775808": None,
    "-9223372036854775809": None,
    "1" * 40: None,
    "1.0": None,
    "1e3": None,
    "": None,
    "+": None,
    "--1": None,
    "+-1": None,
    "0x1": None,
    "１": None,
}
INTS: Mapping[str | None, int | None] = {
    "2147483647": 2**31 - 1,
    "-2147483648": -(2**31),
    "2147483648": None,
    "-2147483649": None,
    "00002": 2,
}
# Microseconds since 2026-02-01T00:00:00Z.
HOUR = 3_600_000_000
TIMES: Mapping[str | None, int | None] = {
    None: None,
    "2026-02-01T00:00:00Z": 0,
    "2026-02-01 00:00:00": 0,
    "2026-02-01T01:00": HOUR,
    "2026-02-01T01:00:00": HOUR,
    "2026-02-01T09:00:00+09:00": 0,
    "2026-02-01T09:00:00+0900": 0,
    "2026-02-01T09:00:00+09": 0,
    "2026-01-31T19:00:00-05:00": 0,
    "2026-02-01T00:00:00-00:00": 0,
    "2026-02-01T00:00:00.1Z": 100_000,
    "2026-02-01T00:00:00.123456": 123_456,
    "2026-02-01T00:00:00.1234567Z": 123_456,
    "2026-02-01T00:00:00.99999999999999Z": 999_999,
    "2026-02-01T09:00:00.9999999+09:00": 999_999,
    "2026-02-30T00:00:00Z": None,
    "2026-02-01T25:00:00Z": None,
    "2026-02-01T00:60:00Z": None,
    "2026-02-01T00:00:00+25:00": None,
    "2026-02-01T00:00:00 Z": None,
    "2026-02-01T00:00:00.Z": None,
    "2026-2-1T00:00:00Z": None,
    "20260201T000000Z": None,
    "1769904000": None,
    "yesterday": None,
    "": None,
}
BOOLEANS: Mapping[str | None, bool | None] = {"true": True, "false": False, "1": None, "yes": None, "": None}


def _evaluate(
    spark: SparkSession, texts: Mapping[str | None, object], of: Callable[[Column], Column]
) -> dict[str | None, object]:
    df = spark.createDataFrame([(text,) for text in texts], "text string")
    return {
        row["text"]: row["value"] for row in df.select("text", of(F.col("text")).alias("value")).collect()
    }


@pytest.mark.parametrize(
    ("expected", "function"),
    [
        pytest.param(TRIMMED, clean, id="clean"),
        pytest.param(BIGINTS, lambda c: parse_integer(c, "bigint"), id="bigint"),
        pytest.param(INTS, lambda c: parse_integer(c, "int"), id="int"),
        pytest.param(BOOLEANS, parse_boolean, id="boolean"),
    ],
)
def test_text_is_read_without_loss(
    spark: SparkSession, expected: Mapping[str | None, object], function: Callable[[Column], Column]
) -> None:
    """INV-02: what is not exactly a value of the type is null, never something near it."""
    assert _evaluate(spark, expected, function) == expected


def test_times_are_utc_and_cut_to_microseconds(spark: SparkSession) -> None:
    """INV-02: digits beyond microseconds are cut, not rounded; without an offset a time is UTC."""
    start = F.unix_micros(F.expr("timestamp'2026-02-01T00:00:00Z'"))
    assert _evaluate(spark, TIMES, lambda c: F.unix_micros(parse_timestamp(c)) - start) == TIMES


def test_a_time_without_seconds_may_have_an_offset(spark: SparkSession) -> None:
    """INV-02: ``10:00Z`` is ISO-8601 as well."""
    texts: Mapping[str | None, object] = {"2026-02-01T01:00Z": HOUR, "2026-02-01T10:00+09:00": HOUR}
    start = F.unix_micros(F.expr("timestamp'2026-02-01T00:00:00Z'"))
    assert _evaluate(spark, texts, lambda c: F.unix_micros(parse_timestamp(c)) - start) == texts


def test_a_time_that_has_no_kst_day_is_none(spark: SparkSession) -> None:
    """INV-02, INV-07: "the end of time" is a usual sentinel; its row is quarantined, and the day goes on."""
    texts: Mapping[str | None, object] = dict.fromkeys(
        (
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+09:00",
            "9999-12-31",
            "9999-12-31T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59-12:00",
        )
    )
    assert _evaluate(spark, texts, lambda c: F.unix_micros(parse_timestamp(c))) == texts

"""Money and rates: decimal only, read exactly, rounded half up (spec sections 1 and 5)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ledger.money import RATE, above, cents, parse_money, rate, round_rate

MICRO = Decimal("0.000001")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (1, "1"),
        (Fraction(1, 3), "0.333333"),
        (Fraction(2, 3), "0.666667"),
        (Fraction(1, 2_000_000), "0.000001"),
        (Fraction(1, 2_000_001), "0"),
        (Fraction(-1, 2_000_000), "-0.000001"),
        (Fraction(-2, 3), "-0.666667"),
        (Decimal("0.1234565"), "0.123457"),
        (Decimal("0.1234564999"), "0.123456"),
        (10**30, str(10**30)),
        (Fraction(10**31 + 1, 2), "5000000000000000000000000000000.5"),
    ],
)
def test_round_rate(value: Fraction | Decimal | int, expected: str) -> None:
    """INV-03"""
    result = round_rate(value)
    assert result == Decimal(expected)
    assert result.as_tuple().exponent == -6


@given(st.integers(-(10**20), 10**20), st.integers(1, 10**12))
def test_round_rate_is_half_up_of_the_exact_quotient(numerator: int, denominator: int) -> None:
    """INV-03: held against Decimal's own ROUND_HALF_UP, with digits to spare."""
    with localcontext() as context:
        context.prec = 80
        # Every tie of a six-decimal rounding is exact within 80 digits, so no double rounding can hide one.
        exact = Decimal(numerator) / Decimal(denominator)
        expected = exact.quantize(MICRO, ROUND_HALF_UP)
    assert round_rate(Fraction(numerator, denominator)) == expected


# Source text -> the value it fits, or None. Nothing is ever rounded.
MONEY = {
    "0": "0.00",
    "-0": "0.00",
    "-0.00": "0.00",
    "+7": "7.00",
    "-7": "-7.00",
    "007": "7.00",
    "1.5": "1.50",
    "1.50": "1.50",
    "1.500": "1.50",
    "00.10": "0.10",
    "9999999999999999.99": "9999999999999999.99",
    "-9999999999999999.99": "-9999999999999999.99",
    "9999999999999999.990000": "9999999999999999.99",
    "0000000000009999999999999999.99": "9999999999999999.99",
    "0" * 60: "0.00",
    "1" * 16 + "." + "0" * 60: "1" * 16 + ".00",
    "-" + "0" * 40 + "1.50": "-1.50",
    "1.505": None,
    "1.00001": None,
    "9999999999999999.995": None,
    "99999999999999999": None,
    "12345678901234567.00": None,
    "1e3": None,
    "1E3": None,
    "1.": None,
    ".5": None,
    "-.5": None,
    ".": None,
    "": None,
    " 1": None,
    "1 ": None,
    "1\n": None,
    "1,000": None,
    "1_000": None,
    "1.5.0": None,
    "--1": None,
    "+-1": None,
    "0x10": None,
    "NaN": None,
    "Infinity": None,
    "１": None,
    "٣": None,
    "abc": None,
}


def test_parse_money_holds_the_text_exactly_or_not_at_all(spark: SparkSession) -> None:
    """INV-02"""
    df = spark.createDataFrame([(text,) for text in [*MONEY, None]], "text string")
    rows = df.select("text", parse_money(F.col("text")).alias("value")).collect()
    read = {row["text"]: row["value"] for row in rows}
    expected: dict[str | None, Decimal | None] = {
        text: None if value is None else Decimal(value) for text, value in MONEY.items()
    }
    assert read == {**expected, None: None}
    assert all(value is None or value.as_tuple().exponent == -2 for value in read.values())


RATES = [
    (0, 1),
    (1, 1),
    (1, 3),
    (2, 3),
    (1, 2_000_000),
    (1, 2_000_001),
    (999_999, 2_000_000),
    (1_999_999, 2_000_000),  # 0.9999995 rounds up into the whole
    (3_999_999, 2_000_000),
    (5, 2),
    (10**18, 7),
    (7, 10**18),
    (10**29 + 1, 3),
    (10**25, 10**29),
    (1, 0),
    (0, 0),
]


def test_rate_is_exact_on_the_engine(spark: SparkSession) -> None:
    """INV-03: counts and sums of any size, no double and no truncating division."""
    df = spark.createDataFrame([(str(n), str(d)) for n, d in RATES], "n string, d string")
    n, d = F.col("n").cast("decimal(38,0)"), F.col("d").cast("decimal(38,0)")
    rows = df.select(
        rate(n, d, when_zero=F.lit(0)).alias("zero"),
        rate(n, d, when_zero=F.lit(None).cast(RATE)).alias("absent"),
        rate(n, d, when_zero=F.lit(0)).cast("string").alias("text"),
    )
    assert rows.schema["zero"].dataType.simpleString() == RATE
    expected = [round_rate(Fraction(n, d)) if d else None for n, d in RATES]
    collected = rows.collect()
    assert [row["absent"] for row in collected] == expected
    assert [row["zero"] for row in collected] == [e if e is not None else Decimal(0) for e in expected]
    assert collected[2]["text"] == "0.333333"


def test_cents_count_the_smallest_unit(spark: SparkSession) -> None:
    """INV-03: money becomes a whole number, beyond 18 digits too."""
    amounts = ["0.00", "-0.01", "9999999999999999.99", "123456789012345678901234567890.12"]
    df = spark.createDataFrame([(a,) for a in amounts], "a string")
    rows = df.select(cents(F.col("a").cast("decimal(38,2)")).alias("c")).collect()
    assert [int(row["c"]) for row in rows] == [int(a.replace(".", "")) for a in amounts]


@pytest.mark.parametrize(
    ("value", "limit", "expected"),
    [
        ("0.01", "0", True),
        ("0.49", "0", True),
        ("0.00", "0", False),
        ("0.50", "0.5", False),
        ("0.50", "0.4999999", True),
        ("999999999999999999.99", "999999999999999999.98", True),
        ("999999999999999999.99", "1E+18", False),
        (None, "0", None),
    ],
)
def test_above_a_limit_is_exact(
    spark: SparkSession, value: str | None, limit: str, expected: bool | None
) -> None:
    """INV-03: engines bring two decimals of 38 digits to the scale of the coarser one."""
    rows = spark.createDataFrame([(value,)], "value string")
    measured = rows.select(above(F.col("value").cast("decimal(38,2)"), Decimal(limit)).alias("is_above"))
    assert measured.collect()[0]["is_above"] is expected

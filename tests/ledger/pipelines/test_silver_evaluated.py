"""The steps that the evaluation of all Silver tables shares (spec section 5)."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_evaluated import (
    Evaluated,
    days_of,
    good_rows,
    profile,
    rejected_rows,
    repeated_keys,
    search_scope,
)
from ledger.silver import order_events, products
from ledger.window import Window
from tests.ledger.frames import Values, frame, plain
from tests.ledger.pipelines.landed_by_hand import HandLanding, lenient_rules
from tests.support import DAY_1, DAY_2

STAGED = "order_ref string, event_date_kst date, _reason string, _record_json string"
ROWS: list[Values] = [
    {"order_ref": "a", "event_date_kst": DAY_1},
    {"order_ref": "b", "event_date_kst": DAY_1},
    {"order_ref": "c", "event_date_kst": DAY_2},
    {"order_ref": "without day"},
    {"order_ref": "bad", "event_date_kst": "2026-01-01", "_reason": "wrong", "_record_json": "{}"},
]


@pytest.fixture
def run(lakehouse: Lakehouse, tmp_path: Path) -> Run:
    return HandLanding(lakehouse, lenient_rules(tmp_path)).run("run")


def test_profile_counts_rows_and_bad_rows_and_names_the_days_of_good_ones(spark: SparkSession) -> None:
    staged = frame(spark, STAGED, ROWS)
    assert profile(staged, order_events.TABLE) == (5, 1, frozenset({DAY_1, DAY_2}))
    assert profile(staged, products.TABLE) == (5, 1, frozenset())
    assert profile(frame(spark, STAGED, []), order_events.TABLE) == (0, 0, frozenset())


def test_good_rows_have_no_reason_and_no_text(run: Run) -> None:
    staged = frame(run.lakehouse.spark, STAGED, ROWS)
    kept = good_rows(run, staged, bad=1)
    assert kept.columns == ["order_ref", "event_date_kst"]
    assert [ref for ref, _ in plain(kept)] == ["a", "b", "c", "without day"]
    all_good = frame(run.lakehouse.spark, STAGED, ROWS[:1])
    assert plain(good_rows(run, all_good, bad=0)) == [("a", str(DAY_1))]


def test_repeated_keys_are_those_of_more_than_one_row(spark: SparkSession) -> None:
    """Every column of the key counts."""
    keys = [("once", 1), ("twice", 1), ("twice", 1), ("thrice", 2), ("thrice", 2), ("thrice", 2), ("once", 2)]
    rows = frame(spark, "a string, b int", [{"a": a, "b": b} for a, b in keys])
    assert plain(repeated_keys(rows, ["a", "b"])) == [("thrice", 2), ("twice", 1)]
    assert [a for (a,) in plain(repeated_keys(rows, ["a"]))] == ["once", "thrice", "twice"]


def test_rejected_rows_are_reason_and_text(spark: SparkSession) -> None:
    found = rejected_rows(frame(spark, STAGED, ROWS))
    assert found.columns == ["reason", "record_json"]
    assert plain(found) == [("wrong", "{}")]


def test_days_of_are_the_partitions_of_all_frames_and_none_of_a_table_without(spark: SparkSession) -> None:
    frames = frame(spark, STAGED, ROWS[:2]), frame(spark, STAGED, ROWS[2:4])
    assert days_of(order_events.TABLE, *frames) == {DAY_1, DAY_2}
    assert days_of(products.TABLE, *frames) == frozenset()


def test_search_scope_is_the_lookback_on_both_sides_the_rows_days_and_the_null_partition(run: Run) -> None:
    far = frozenset({date(2020, 1, 1)})
    found = search_scope(run, Window.of_day(DAY_2), far, nullable=True)
    assert found == Scope(date(2026, 1, 7), date(2026, 3, 18), far, null_partition=True)
    assert not search_scope(run, Window.of_day(DAY_2), far, nullable=False).null_partition


@pytest.mark.parametrize(
    ("valid", "bad", "rate"), [(0, 0, 0), (99, 1, Fraction(1, 100)), (0, 2, 1), (3, 0, 0)]
)
def test_bad_rate_is_the_share_of_bad_rows_and_zero_of_none(
    spark: SparkSession, valid: int, bad: int, rate: Fraction
) -> None:
    none = frame(spark, STAGED, [])
    item = Evaluated(products.TABLE, none, none, valid + bad, valid, bad, frozenset())
    assert item.bad_rate == rate

"""One Silver table's evaluated rows (spec section 5)."""

from __future__ import annotations

from fractions import Fraction

import pytest
from pyspark.sql import SparkSession

from ledger.delta.row_checks import Look
from ledger.pipelines.silver_evaluated import Evaluated, days_of
from ledger.pipelines.silver_judged import Judged, Profile
from ledger.silver import order_events, products
from tests.ledger.frames import Values, frame, plain
from tests.support import DAY_1, DAY_2

STAGED = "order_ref string, event_date_kst date, _reason string, _record_json string"
ROWS: list[Values] = [
    {"order_ref": "a", "event_date_kst": DAY_1},
    {"order_ref": "b", "event_date_kst": DAY_1},
    {"order_ref": "c", "event_date_kst": DAY_2},
    {"order_ref": "without day"},
]


def test_of_keeps_every_good_row_and_what_is_known_of_it(spark: SparkSession) -> None:
    """No two share a key; what has been counted is not looked at again by the merge."""
    bad: Values = {"order_ref": "bad", "_reason": "wrong", "_record_json": "{}"}
    staged, good = frame(spark, STAGED, [*ROWS, bad]), frame(spark, STAGED, ROWS)
    profile = Profile(rows=5, good={DAY_1: 2, DAY_2: 1, None: 1})
    look = Look({DAY_1: 2, DAY_2: 1, None: 1}, False, False, False, False)
    found = Evaluated.of(Judged(order_events.SILVER, staged, good, profile, look))
    assert found.table is order_events.TABLE
    assert (found.rows_read, found.valid_rows, found.bad_rows) == (5, 4, 1)
    assert found.days == {DAY_1, DAY_2}
    assert found.seen is look
    assert [ref for (ref,) in plain(found.valid, "order_ref")] == ["a", "b", "c", "without day"]
    assert plain(found.rejected) == [("wrong", "{}")]


def test_days_of_are_the_partitions_of_all_frames_and_none_of_a_table_without(spark: SparkSession) -> None:
    frames = frame(spark, STAGED, ROWS[:2]), frame(spark, STAGED, ROWS[2:4])
    assert days_of(order_events.TABLE, *frames) == {DAY_1, DAY_2}
    assert days_of(products.TABLE, *frames) == frozenset()


@pytest.mark.parametrize(
    ("valid", "bad", "rate"), [(0, 0, 0), (99, 1, Fraction(1, 100)), (0, 2, 1), (3, 0, 0)]
)
def test_bad_rate_is_the_share_of_bad_rows_and_zero_of_none(
    spark: SparkSession, valid: int, bad: int, rate: Fraction
) -> None:
    none = frame(spark, STAGED, [])
    item = Evaluated(products.SILVER, none, none, valid + bad, valid, bad, frozenset())
    assert item.bad_rate == rate

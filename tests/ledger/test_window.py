"""Windows and KST business days (spec section 1). Pure, except the last class, which asks the engine the same."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ledger.errors import ParameterError
from ledger.window import Window, day_start, kst_date, kst_day, lit_date, lit_ts, sql_date, sql_timestamp

DAY = date(2026, 2, 10)
START = datetime(2026, 2, 9, 15, tzinfo=UTC)
END = datetime(2026, 2, 10, 15, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


def test_a_kst_day_begins_at_15_utc_of_the_day_before() -> None:
    """INV-01"""
    assert Window.of_day(DAY) == Window(START, END)
    assert day_start(DAY) == START


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (START, DAY),
        (START - MICROSECOND, DAY - timedelta(days=1)),
        (END - MICROSECOND, DAY),
        (END, DAY + timedelta(days=1)),
        (datetime(2026, 2, 10, 0, 0, tzinfo=timezone(timedelta(hours=9))), DAY),
        (datetime(2026, 2, 10, 23, 59, tzinfo=timezone(timedelta(hours=-5))), date(2026, 2, 11)),
        (datetime(2024, 2, 28, 15, tzinfo=UTC), date(2024, 2, 29)),
        (datetime(2025, 12, 31, 15, tzinfo=UTC), date(2026, 1, 1)),
    ],
)
def test_an_instant_belongs_to_one_kst_day(instant: datetime, day: date) -> None:
    """INV-01: the boundary instant itself belongs to the new day."""
    assert kst_day(instant) == day


def test_a_window_belongs_to_the_day_of_its_last_instant() -> None:
    """INV-01: a window that ends at KST midnight belongs to the day it covers, not to the next one."""
    assert Window.of_day(DAY).date_kst == DAY
    assert Window(START, START + MICROSECOND).date_kst == DAY
    assert Window(END - MICROSECOND, END).date_kst == DAY
    assert Window(END - MICROSECOND, END + MICROSECOND).date_kst == DAY + timedelta(days=1)


def test_only_a_whole_day_is_a_kst_day() -> None:
    assert Window.of_day(DAY).is_kst_day
    assert not Window(START, END - MICROSECOND).is_kst_day
    assert not Window(START + MICROSECOND, END).is_kst_day
    assert not Window(START, END + timedelta(days=1)).is_kst_day


@given(INSTANTS, st.timedeltas(MICROSECOND, timedelta(days=9)))
def test_splitting_leaves_no_gap_and_no_overlap(start: datetime, length: timedelta) -> None:
    """INV-01: the parts follow each other without a gap, each within one KST day, and are the whole window."""
    window = Window(start, start + length)
    parts = list(window.split_by_day())
    assert (parts[0].start, parts[-1].end) == (window.start, window.end)
    assert all(left.end == right.start for left, right in itertools.pairwise(parts))
    assert all(kst_day(part.start) == part.date_kst for part in parts)
    assert [p.date_kst for p in parts] == sorted({p.date_kst for p in parts})


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (START, START, "not before"),
        (END, START, "not before"),
        (START.replace(tzinfo=None), END, "time zones"),
        (START, END.replace(tzinfo=None), "time zones"),
    ],
)
def test_an_empty_a_reversed_and_a_zoneless_window_are_refused(
    start: datetime, end: datetime, message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        Window(start, end)


def test_a_window_prints_in_utc() -> None:
    seoul = timezone(timedelta(hours=9))
    assert str(Window(START, END)) == "[2026-02-09T15:00:00Z, 2026-02-10T15:00:00Z)"
    assert sql_timestamp(START.astimezone(seoul)) == "timestamp'2026-02-09T15:00:00.000000Z'"
    assert sql_date(DAY) == "date'2026-02-10'"


class TestOnTheEngine:
    """The engine's idea of a day and a window is the same as Python's."""

    EDGES = (
        START - MICROSECOND,
        START,
        START + MICROSECOND,
        END - MICROSECOND,
        END,
        datetime(2024, 2, 28, 15, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2099, 12, 31, 14, 59, 59, 999999, tzinfo=UTC),
        datetime(1999, 12, 31, 15, tzinfo=UTC),
    )

    def test_kst_date_agrees_with_python(self, spark: SparkSession) -> None:
        """INV-01"""
        row = spark.range(1).select(*[kst_date(lit_ts(e)).alias(f"d{i}") for i, e in enumerate(self.EDGES)])
        assert list(row.collect()[0]) == [kst_day(edge) for edge in self.EDGES]

    def test_a_window_contains_its_start_and_not_its_end(self, spark: SparkSession) -> None:
        """INV-01: half open, to the microsecond; null where there is no time."""
        window = Window(START, END)
        tested = [*[lit_ts(edge) for edge in self.EDGES], F.lit(None).cast("timestamp")]
        row = spark.range(1).select(*[window.contains(ts).alias(f"w{i}") for i, ts in enumerate(tested)])
        assert list(row.collect()[0]) == [*[START <= edge < END for edge in self.EDGES], None]

    def test_literals_do_not_depend_on_the_session_time_zone(self, spark: SparkSession) -> None:
        before = spark.conf.get("spark.sql.session.timeZone")
        spark.conf.set("spark.sql.session.timeZone", "America/New_York")
        try:
            row = (
                spark.range(1)
                .select(F.unix_micros(lit_ts(START)).alias("t"), lit_date(DAY).cast("string").alias("d"))
                .collect()[0]
            )
        finally:
            spark.conf.set("spark.sql.session.timeZone", before or "UTC")
        assert row["t"] == int(START.timestamp()) * 1_000_000
        assert row["d"] == "2026-02-10"

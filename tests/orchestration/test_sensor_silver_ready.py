"""Silver finished a day: what B and C are asked to do (spec section 7). Cursor cases on a real instance."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from ledger.pipelines.registry import PipelineName
from ledger.window import kst_day
from orchestration.definitions import defs
from orchestration.sensors.missed_days import evaluate as evaluate_missed
from orchestration.sensors.silver_ready import SETTLE, evaluate
from resources.ledger import LedgerResource
from tests.orchestration.records import FAILURE, STARTED, SUCCESS, D, Records, day, requested

SILVER: PipelineName = "pipeline_silver"
BOTH: tuple[PipelineName, ...] = ("pipeline_b", "pipeline_c")
B_JOB, C_JOB = "pipeline_b_controls", "pipeline_c_analytics"
NOW = datetime.now(UTC)  # events carry the wall clock's time; D lies long before it
LATER = NOW + timedelta(days=1)


class Watch:
    """The sensor's evaluations; the cursor is kept as the daemon keeps it."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.cursor: str | None = None
        self.result = self.evaluate()

    def evaluate(self, now: datetime = LATER) -> dg.SensorResult:
        self.result = evaluate(self.records.instance, self.cursor, now)
        self.cursor = self.result.cursor
        return self.result

    def asks(self, now: datetime = LATER) -> list[tuple[str | None, str | None]]:
        return requested(self.evaluate(now))

    @property
    def reason(self) -> str:
        assert not self.result.run_requests
        return str(self.result.skip_reason)


def test_first_evaluation_starts_with_the_newest(records: Records) -> None:
    """INV-34: what was done before the sensor was turned on is not run again."""
    records.run(SILVER, D, SUCCESS)
    watch = Watch(records)
    assert "first evaluation" in watch.reason
    assert watch.asks() == []
    assert "no new success" in watch.reason


@pytest.mark.parametrize(
    "cursor", ["x", "{}", '{"seen": "a", "open": []}', '{"seen": 1, "open": [["x", 1, 1]]}']
)
def test_a_cursor_that_is_none_starts_anew(records: Records, cursor: str) -> None:
    """INV-34"""
    assert "first evaluation" in str(evaluate(records.instance, cursor, NOW).skip_reason)


def test_a_missed_day_is_run_once(records: Records) -> None:
    """INV-34: repeated with the old cursor it asks for the same run keys."""
    watch = Watch(records)
    records.run(SILVER, D, SUCCESS)
    before = watch.cursor
    assert watch.asks() == [(B_JOB, str(D)), (C_JOB, str(D))]
    keys = [r.run_key for r in watch.result.run_requests or []]
    assert watch.asks() == []
    watch.cursor = before
    watch.asks()
    assert [r.run_key for r in watch.result.run_requests or []] == keys


def test_the_schedule_comes_first(records: Records) -> None:
    """INV-34: yesterday is left to the schedule, and whoever runs Silver by hand has time to run B."""
    watch = Watch(records)
    yesterday = kst_day(NOW) - timedelta(days=1)
    records.run(SILVER, D, SUCCESS)
    assert watch.asks(datetime.now(UTC) + SETTLE / 2) == []
    assert "waiting for the schedule" in watch.reason
    assert watch.asks(datetime.now(UTC) + 2 * SETTLE) == [(B_JOB, str(D)), (C_JOB, str(D))]
    records.run(SILVER, yesterday, SUCCESS)
    for pipeline in BOTH:
        records.run(pipeline, yesterday, STARTED)
    assert watch.asks() == [], "they are at work"


def test_a_day_that_failed_before_the_repair_is_run_again(records: Records) -> None:
    """INV-34: one that failed after it, or succeeded, is not."""
    watch = Watch(records)
    records.run("pipeline_b", D, FAILURE)
    records.run("pipeline_c", D, SUCCESS)
    records.run(SILVER, D, SUCCESS)
    assert watch.asks() == [(B_JOB, str(D))]
    records.run("pipeline_b", D, FAILURE)
    assert watch.asks() == []
    records.run(SILVER, D, SUCCESS)
    records.run("pipeline_b", D, FAILURE)
    assert watch.asks() == [], "it failed on the repaired day: that is a verdict"


def test_partly_done_the_rest_is_asked_for(records: Records) -> None:
    """INV-34: C ran, B did not; a B at work is waited for, and its failure on the old state repaired."""
    watch = Watch(records)
    records.run("pipeline_c", D, SUCCESS)
    b = records.run("pipeline_b", D, STARTED)
    records.run(SILVER, D, SUCCESS)
    assert watch.asks() == []
    assert str(D) in watch.reason
    records.instance.report_run_failed(b)
    assert watch.asks() == [(B_JOB, str(D))]


def test_days_out_of_order_and_repeated(records: Records) -> None:
    """INV-34: the newest success of a day counts; days are asked for ascending."""
    watch = Watch(records)
    for n in (2, 0, 1, 0):
        records.run(SILVER, day(n), SUCCESS)
    assert watch.asks() == [(job, str(day(n))) for n in range(3) for job in (B_JOB, C_JOB)]
    assert json.loads(watch.cursor or "")["open"] == []


def test_through_its_definition(records: Records) -> None:
    """INV-34: as the daemon evaluates it; first, then a missed day."""
    (sensor,) = [s for s in defs.get_repository_def().sensor_defs if s.name == "silver_ready"]

    def tick(cursor: str | None) -> dg.SensorExecutionData:
        context = dg.build_sensor_context(
            instance=records.instance, cursor=cursor, resources={"ledger": LedgerResource()}, definitions=defs
        )
        return sensor.evaluate_tick(context)

    first = tick(None)
    assert "first evaluation" in str(first.skip_message)
    records.run(SILVER, D, SUCCESS)
    assert "waiting for the schedule" in str(tick(first.cursor).skip_message)


class TestMissedDays:
    """Silver's own missed days. No cursor: a day that was run is not missed."""

    def asks(self, records: Records, now: datetime = NOW) -> list[str | None]:
        return [d for _, d in requested(evaluate_missed(records.instance, now, catch_up_days=31))]

    def test_by_cases(self, records: Records) -> None:
        """INV-34: first, nothing missed, missed in between, repeated, at work."""
        at = datetime(2026, 2, 12, 3, tzinfo=UTC)  # noon in Korea on the 12th: yesterday is the 11th
        assert self.asks(records, at) == [str(day(1))], "the first day of an installation"
        records.run(SILVER, day(-2), SUCCESS)
        records.run(SILVER, day(0), SUCCESS)
        assert self.asks(records, at) == [str(day(-1)), str(day(1))] == self.asks(records, at)
        run = records.run(SILVER, day(-1), STARTED)
        assert self.asks(records, at) == []
        records.instance.report_run_failed(run)
        assert self.asks(records, at) == [str(day(1))], "a failed day was not missed"
        records.run(SILVER, day(1), SUCCESS)
        assert self.asks(records, at) == []

    def test_the_schedule_comes_first(self, records: Records) -> None:
        """INV-34"""
        midnight = datetime(2026, 2, 11, 15, tzinfo=UTC)
        assert self.asks(records, midnight + timedelta(minutes=9)) == []
        assert self.asks(records, midnight + timedelta(minutes=10)) == [str(day(1))]

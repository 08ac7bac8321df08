"""The landing sensor by cursor cases: first, nothing new, new, partial, repeated, out of order (spec section 4)."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from ledger.window import kst_day
from orchestration.definitions import defs
from orchestration.sensors.landing import SETTLE, arrived, evaluate
from resources.ledger import LedgerResource
from tests.orchestration.records import STARTED, SUCCESS, D, Records, day, requested, utc

NOW = utc(D, 12)
SILVER = "pipeline_silver_materialization"


class Landing:
    """A landing folder, and the sensor's evaluations over it; the cursor is kept as the daemon keeps it."""

    def __init__(self, root: Path, records: Records) -> None:
        self.root, self.records = root, records
        self.cursor: str | None = None
        root.mkdir(exist_ok=True)

    def file(
        self, on: date | str, name: str = "a.jsonl", text: str = "{}", age: timedelta = 2 * SETTLE
    ) -> Path:
        path = self.root / "orders" / f"date={on}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        at = (NOW - age).timestamp()
        os.utime(path, (at, at))
        return path

    def evaluate(self, now: datetime = NOW) -> dg.SensorResult:
        result = evaluate(self.records.instance, arrived(self.root, day(-35), now), self.cursor, now)
        self.cursor = result.cursor
        return result


@pytest.fixture
def landing(tmp_path: Path, records: Records) -> Landing:
    return Landing(tmp_path / "landing", records)


def reason(result: dg.SensorResult) -> str:
    assert not result.run_requests
    return str(result.skip_reason)


def test_first_evaluation_only_remembers(landing: Landing) -> None:
    """INV-33"""
    landing.file(D)
    landing.file(day(-1))
    assert "first evaluation: 2 landing days" in reason(landing.evaluate())
    assert "no new landing files" in reason(landing.evaluate())


@pytest.mark.parametrize("cursor", ["nonsense", "[]", '{"x": "y"}'])
def test_a_cursor_that_is_none_starts_anew(landing: Landing, cursor: str) -> None:
    """INV-33: a cursor set by hand in the UI breaks nothing."""
    landing.cursor = cursor
    assert "first evaluation" in reason(landing.evaluate())


def test_a_new_file_of_today_is_loaded_once(landing: Landing) -> None:
    """INV-33: repeated evaluations, also with the old cursor, ask for the same run key."""
    landing.evaluate()
    landing.file(D)
    before = landing.cursor
    first = landing.evaluate()
    assert requested(first) == [("bronze_ingest", str(D))]
    assert "no new landing files" in reason(landing.evaluate())
    landing.cursor = before
    assert [r.run_key for r in landing.evaluate().run_requests or []] == [
        r.run_key for r in first.run_requests or []
    ]


def test_a_file_that_is_still_written_waits(landing: Landing) -> None:
    """INV-33: partial: the whole day waits, so that it is loaded once."""
    landing.evaluate()
    landing.file(D, "done.csv")
    landing.file(D, "growing.jsonl", age=SETTLE / 2)
    assert "may still be written" in reason(landing.evaluate())
    assert requested(landing.evaluate(NOW + SETTLE)) == [("bronze_ingest", str(D))]


def test_days_arrive_in_any_order(landing: Landing) -> None:
    """INV-33: a day that Silver has done runs again, one that it has not is loaded; ascending."""
    landing.evaluate()
    landing.records.run("pipeline_silver", day(-3), SUCCESS)
    landing.file(D)
    assert requested(landing.evaluate()) == [("bronze_ingest", str(D))]
    landing.file(day(-1))
    landing.file(day(-3))
    assert requested(landing.evaluate()) == [(SILVER, str(day(-3))), ("bronze_ingest", str(day(-1)))]
    landing.file(day(-3), text="corrected")
    assert requested(landing.evaluate()) == [(SILVER, str(day(-3)))]


def test_one_load_at_a_time(landing: Landing) -> None:
    """INV-33: what arrives during a load is loaded after it."""
    landing.evaluate()
    landing.file(D)
    job = defs.resolve_job_def("bronze_ingest")
    run = landing.records.instance.create_run_for_job(job, status=STARTED)
    assert "still at work" in reason(landing.evaluate())
    landing.records.instance.delete_run(run.run_id)
    assert requested(landing.evaluate()) == [("bronze_ingest", str(D))]


def test_what_is_no_landing_file_is_not_seen(landing: Landing) -> None:
    """INV-33: other names, other formats, days before the lookback and days to come."""
    landing.evaluate()
    landing.file(D, "notes.txt")
    landing.file("2026-02-30")
    landing.file("today")
    landing.file(day(-36))
    assert "no new landing files" in reason(landing.evaluate())
    landing.file(day(1))
    assert "2026-02-11" in reason(landing.evaluate())


def test_days_leave_the_cursor_with_the_lookback(landing: Landing) -> None:
    """INV-33: the cursor does not grow for ever."""
    landing.file(day(-35))
    landing.file(D)
    landing.evaluate()
    assert set(json.loads(landing.cursor or "")) == {str(day(-35)), str(D)}
    landing.file(day(-35)).unlink()
    landing.evaluate()
    assert set(json.loads(landing.cursor or "")) == {str(D)}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"PIPELINE_CFG__BRONZE__INGEST": "external"}, "another system fills Bronze"),
        ({"PIPELINE_CFG__LAKEHOUSE__LANDING": "abfss://a@b/c"}, "is not a folder of this host"),
        ({}, "first evaluation"),
    ],
)
def test_where_the_host_sees_no_files_it_says_so(
    records: Records, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], said: str
) -> None:
    """INV-33: through the definition, as the daemon evaluates it."""
    from configs.settings import load_settings
    from orchestration.sensors.landing import landing_sensor

    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    sensor = landing_sensor(load_settings(), dg.DefaultSensorStatus.STOPPED)
    context = dg.build_sensor_context(
        instance=records.instance, resources={"ledger": LedgerResource()}, definitions=defs
    )
    assert said in str(sensor.evaluate_tick(context).skip_message)
    assert kst_day(datetime.now(UTC)) > D

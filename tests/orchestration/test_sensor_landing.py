"""The landing sensor by cursor cases: first, nothing new, new, partial, repeated, out of order (spec section 4)."""

from __future__ import annotations

import errno
import json
import os
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from ledger.errors import IngestError
from ledger.window import kst_day
from orchestration.definitions import defs
from orchestration.sensors.landing import AWAY_EVALUATIONS, SETTLE, arrived, evaluate
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
        self,
        on: date | str,
        name: str = "a.jsonl",
        text: str = "{}",
        age: timedelta = 2 * SETTLE,
        table: str = "orders",
    ) -> Path:
        path = self.root / table / f"date={on}" / name
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


def test_a_file_whose_time_was_set_ahead_by_hand_does_not_wait_for_it(landing: Landing) -> None:
    """INV-33: a year ahead is no sign of writing; it would never have been loaded."""
    landing.evaluate()
    landing.file(D, "ahead.jsonl", age=-timedelta(days=365))
    assert requested(landing.evaluate()) == [("bronze_ingest", str(D))]


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


def test_other_files_are_not_seen_by_the_sensor(landing: Landing) -> None:
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
    """INV-33: the cursor does not grow for ever; a day whose files were archived is remembered until then."""
    landing.file(day(-35))
    landing.file(D)
    landing.evaluate()
    landing.file(day(-35)).unlink()
    landing.evaluate()
    assert set(json.loads(landing.cursor or "")) == {str(day(-35)), str(D)}
    found = arrived(landing.root, day(-34), NOW)
    cursor = evaluate(landing.records.instance, found, landing.cursor, NOW).cursor
    assert set(json.loads(cursor or "")) == {str(D)}


def test_loadable_file_is_seen_by_the_sensor(landing: Landing) -> None:
    """INV-33: sub-folders, letter case, compressed text; not what is skipped for its name."""
    landing.evaluate()
    for name in ("sub/a.JSONL", "b.csv.gz", "out.parquet/part-0.parquet"):
        landing.file(D, name)
        assert requested(landing.evaluate()) == [("bronze_ingest", str(D))], name
    for name in (".hidden.jsonl", "_SUCCESS", "a.jsonl.tmp", "_temporary/0/a.jsonl"):
        landing.file(D, name)
        assert "no new landing files" in reason(landing.evaluate()), name


def test_files_that_are_put_back_as_they_were_are_asked_for_again(landing: Landing) -> None:
    """INV-33: a run key is used once, ever: the third request is another one than the first."""
    landing.records.run("pipeline_silver", D, SUCCESS)
    landing.evaluate()
    keys = []
    for text in ("a", "bb", "a"):
        landing.file(D, text=text)
        keys += [r.run_key for r in landing.evaluate().run_requests or []]
    assert len(set(keys)) == 3


def test_a_cursor_of_an_earlier_release_asks_for_nothing(landing: Landing) -> None:
    """INV-33: its days were dealt with; what changes from now on is seen."""
    landing.file(D)
    landing.cursor = json.dumps({str(D): "0123456789abcdef"})
    assert "no new landing files" in reason(landing.evaluate())
    landing.file(D, text="corrected")
    assert requested(landing.evaluate()) == [("bronze_ingest", str(D))]


@pytest.fixture
def watched(landing: Landing) -> Landing:
    """Twenty days that Silver has done, of two tables, seen once."""
    for n in range(20):
        landing.records.run("pipeline_silver", day(-n), SUCCESS)
        landing.file(day(-n))
        landing.file(day(-n), table="products")
    landing.evaluate()
    return landing


def test_a_landing_that_is_away_is_said_once_and_nothing_is_asked_again(
    watched: Landing, caplog: pytest.LogCaptureFixture
) -> None:
    """INV-63: the root, a table's folder, an empty mount; what came meanwhile is seen when it is back."""
    root, aside = watched.root, watched.root.with_name("aside")

    def take_the_root() -> None:
        root.rename(aside)

    def empty_the_root() -> None:
        root.rename(aside)
        root.mkdir()

    def take_a_table() -> None:
        root.rename(aside)
        shutil.copytree(aside, root)
        shutil.rmtree(root / "products")

    for take in (take_the_root, empty_the_root, take_a_table):
        take()
        caplog.clear()
        for _ in range(AWAY_EVALUATIONS - 1):
            assert "the landing is away" in reason(watched.evaluate()), take.__name__
        assert len([m for m in caplog.messages if "the landing is away" in m]) == 1
        shutil.rmtree(root, ignore_errors=True)
        aside.rename(root)
        assert "no new landing files" in reason(watched.evaluate()), take.__name__
    take_the_root()
    watched.evaluate()
    aside.rename(root)
    watched.file(D, text="corrected")
    assert requested(watched.evaluate()) == [(SILVER, str(D))]


def test_a_landing_that_stays_away_is_an_alarm(watched: Landing) -> None:
    """INV-63: the tick fails, and every one after it, until the landing is back."""
    aside = watched.root.rename(watched.root.with_name("aside"))
    for _ in range(AWAY_EVALUATIONS - 1):
        watched.evaluate()
    for _ in range(2):
        with pytest.raises(IngestError, match=r"the landing is away: .* is not there, .* -> mount it again"):
            watched.evaluate()
    aside.rename(watched.root)
    assert "no new landing files" in reason(watched.evaluate())


def test_a_landing_that_was_never_there_is_an_alarm_and_then_a_first_evaluation(landing: Landing) -> None:
    """INV-63"""
    landing.root.rmdir()
    assert "first evaluation: the landing is away" in reason(landing.evaluate())
    for _ in range(AWAY_EVALUATIONS - 2):
        landing.evaluate()
    with pytest.raises(IngestError):
        landing.evaluate()
    landing.file(D)
    assert "first evaluation: 1 landing days" in reason(landing.evaluate())


def test_storage_that_does_not_answer_is_away(watched: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-63: an I/O error is no empty folder."""
    seen = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == f"date={D}":
            raise OSError(errno.ESTALE, "Stale file handle", str(path))
        return seen(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        assert "Stale file handle" in reason(watched.evaluate())
    assert "no new landing files" in reason(watched.evaluate())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"PIPELINE_CFG__BRONZE__INGEST": "external"}, "another system fills Bronze"),
        ({"PIPELINE_CFG__LAKEHOUSE__LANDING": "abfss://a@b/c"}, "is not a folder of this host"),
        ({}, "first evaluation"),
    ],
)
def test_landing_out_of_the_hosts_sight_is_skipped_with_reason(
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

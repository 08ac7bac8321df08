"""A simulated week: every pipeline's ticks, files that arrive meanwhile, outages, real runs (spec section 3).

It has to end in the tables that as many plain days leave, but for what A measures per window. All ticks of A are
evaluated, at the moment a daemon would see them: it looks a few times a day, and is down for parts of the week, among
them one midnight and two whole days. A real run of A follows wherever its schedule asks for one; between looks its
ticks count as missed, which is what makes a week affordable (docs/decisions.md, D-066).
"""

from __future__ import annotations

import json
import logging
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import freeze_time
from dagster._utils.schedules import schedule_execution_time_iterator

from assets.partitions import TIMEZONE
from ledger.window import Window, day_start
from orchestration.definitions import defs
from orchestration.jobs import HEALTH_JOB
from orchestration.launch import dagster_instance
from resources.ledger import LedgerResource
from tests.support import DAY_1, Home, difference, entered, ledgerctl

EXHAUSTIVE = bool(os.environ.get("LEDGER_TEST_EXHAUSTIVE"))
DAYS = 7 if EXHAUSTIVE else 5  # without two of its undisturbed days
TICKS_OF_A = DAYS * 24 * 6
INSTALLED = DAY_1 - timedelta(days=1)  # an empty day, with which the schedules find a history
START = day_start(DAY_1)
END = START + timedelta(days=DAYS)
MINUTE = timedelta(minutes=1)
# When the daemon looks, in minutes of the KST day; None: it is down all day.
NORMAL = (10, 20, 35, 9 * 60, 18 * 60 + 30, 24 * 60)
LOOKS: tuple[tuple[int, ...], ...] = (
    *([NORMAL] if EXHAUSTIVE else []),
    NORMAL[:-1],  # down over the midnight that ends the day ...
    (9 * 60, 9 * 60 + 20, 18 * 60 + 30, 24 * 60),  # ... and back at nine
    *([NORMAL] if EXHAUSTIVE else []),
    (10, 20, 35),  # down from here on
    (),
    (15 * 60, 15 * 60 + 20, 24 * 60),
)
AFTERWARDS = (20, 35, 60)
SENSORS = ("missed_days", "silver_ready", "late_data")
# A's measurements depend on its windows, the records of attempts on the attempts; the files arrive in other pieces.
NOT_COMPARED = {
    *("silver.dq_status", "gold.pipeline_state", "gold.pipeline_run_log", "silver.day_changes"),
    "bronze.landing_file",
}
COLUMNS = ("run_id", "dq_tag", "_source_file", "_file_sha256")


class Clock:
    """The time of the product: set by the simulation, read by everything."""

    def __init__(self) -> None:
        self.now = START


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(LedgerResource, "now", lambda _: made.now)
    return made


class Daemon:
    """Evaluates schedules and sensors as they are defined, and makes the runs that they ask for, one by one."""

    def __init__(self, instance: dg.DagsterInstance, clock: Clock) -> None:
        self._instance, self._clock = instance, clock
        self._repository = defs.get_repository_def()
        self._seen, self._keys = START, set[str]()
        self._cursors: dict[str, str | None] = {}
        self.ticks: dict[str, list[str]] = defaultdict(list)

    def look(self, now: datetime) -> None:
        """Everything that was due since the last look, then the sensors until they ask for nothing."""
        for tick, schedule in sorted(self._due(now), key=lambda due: due[0]):
            with self._at(now):
                context = dg.build_schedule_context(
                    instance=self._instance,
                    scheduled_execution_time=tick,
                    repository_def=self._repository,
                    resources={"ledger": LedgerResource()},
                )
                found = schedule.evaluate_tick(context)
            self.ticks[schedule.name].append(found.skip_message or "run")
            self._launch(found.run_requests or [], schedule.job_name)
        self._seen = now
        for delay in (MINUTE, 20 * MINUTE):  # the second time what was to settle has settled
            for name in SENSORS:
                self._sense(name, now + delay)

    def _due(self, now: datetime) -> Iterator[tuple[datetime, dg.ScheduleDefinition]]:
        for schedule in self._repository.schedule_defs:
            if schedule.job_name == HEALTH_JOB:  # it writes no table
                continue
            start = (self._seen + timedelta(seconds=1)).timestamp()
            for tick in schedule_execution_time_iterator(start, str(schedule.cron_schedule), TIMEZONE):
                if tick > now:
                    break
                yield tick, schedule

    def _sense(self, name: str, now: datetime) -> None:
        sensor = self._repository.get_sensor_def(name)
        with self._at(now):
            context = dg.build_sensor_context(
                instance=self._instance,
                cursor=self._cursors.get(name),
                repository_def=self._repository,
                resources={"ledger": LedgerResource()},
            )
            found = sensor.evaluate_tick(context)
        self._cursors[name] = found.cursor
        self._launch(found.run_requests or [], str(sensor.job_name) if len(sensor.targets) == 1 else "")

    def _launch(self, requests: Any, job: str) -> None:
        for request in requests:
            name = request.job_name or job
            if request.run_key in self._keys:
                continue
            self._keys.add(request.run_key)
            with self._at(self._clock.now + timedelta(seconds=5)):
                result = defs.resolve_job_def(name).execute_in_process(
                    run_config=request.run_config or None,
                    instance=self._instance,
                    partition_key=request.partition_key,
                    tags=dict(request.tags),
                    raise_on_error=False,
                )
            assert result.success, f"{name} {request.partition_key}: {result.all_events[-1].message}"

    def _at(self, now: datetime) -> Any:
        self._clock.now = now
        return freeze_time(now)


class Arrivals:
    """Lays the records of whole-day files down when they arrive, as files of their own."""

    def __init__(self, source: Path, target: Path) -> None:
        self._target = target
        self._waiting = sorted(
            (datetime.fromisoformat(json.loads(line)["ingested_at"]), path.parent.relative_to(source), line)
            for path in source.glob("*/date=*/*.jsonl")
            for line in path.read_text().splitlines()
        )

    def until(self, now: datetime) -> None:
        arrived: dict[Path, list[str]] = defaultdict(list)
        while self._waiting and self._waiting[0][0] < now:
            _, folder, line = self._waiting.pop(0)
            arrived[folder].append(line)
        for folder, lines in arrived.items():
            path = self._target / folder / f"arrived-{now:%Y%m%dT%H%M}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{line}\n" for line in lines))

    @property
    def all_there(self) -> bool:
        return not self._waiting


def looks() -> Iterator[datetime]:
    for n, minutes in enumerate((*LOOKS, AFTERWARDS)):
        yield from (START + timedelta(days=n) + m * MINUTE for m in minutes)


def results(home: Home) -> dict[str, Any]:
    content = home.content(*[t for t in home.tables() if t not in NOT_COMPARED], without=COLUMNS)
    rows = [row for row in home.rows("gold.exception_ledger") if row["domain"] != "dq"]
    content["gold.exception_ledger"] = type(content["gold.exception_ledger"])(
        json.dumps([str(row[k]) for k in ("date_kst", "exception_type", "severity", "metric", "message")])
        for row in rows
    )
    return content


def test_a_week_of_ticks_ends_as_plain_days_do(
    home: Home,
    tmp_path: Path,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """INV-32: gapless windows of A whatever the outages, every day controlled once, the same tables."""
    plain = Home(tmp_path / "plain")
    for landing in (plain.landing, home.landing):
        landing.mkdir(parents=True)
    days: list[date] = [DAY_1 + timedelta(days=n) for n in range(DAYS)]
    with entered(plain):
        clock.now = END
        assert ledgerctl("day", INSTALLED, "--run-id", "installed").code == 0
        assert ledgerctl("mock", "--from", DAY_1, "--days", DAYS, "--users", 5, "--entries", 40).code == 0
        for n, day in enumerate(days):
            clock.now = Window.of_day(day).end + 60 * MINUTE
            assert ledgerctl("day", day, "--run-id", f"plain-{n}").code == 0
    clock.now = START
    assert ledgerctl("day", INSTALLED, "--run-id", "installed").code == 0
    arrivals = Arrivals(plain.landing, home.landing)
    for name in ("dagster", "dagster.builtin"):
        caplog.set_level(logging.CRITICAL, logger=name)
    with dagster_instance() as instance:
        # Every evaluation would open the instance anew, which is half of the time; the daemon's has it open as well.
        monkeypatch.setattr(dg.DagsterInstance, "from_ref", lambda _: nullcontext(instance))
        daemon = Daemon(instance, clock)
        for now in looks():
            arrivals.until(now)
            daemon.look(now + timedelta(seconds=2))
    assert arrivals.all_there
    _assert_ticks(daemon)
    _assert_windows(home)
    assert difference(results(plain), results(home)) == ""
    attempts = [(r["pipeline_name"], r["date_kst"]) for r in home.rows("gold.pipeline_run_log")]
    for pipeline in ("pipeline_silver", "pipeline_b", "pipeline_c"):
        assert sorted(d for p, d in attempts if p == pipeline) == [INSTALLED, *days], (
            f"{pipeline}: every day once"
        )


def _assert_ticks(daemon: Daemon) -> None:
    of_a = daemon.ticks["pipeline_a_every_10_minutes"]
    assert len(of_a) == TICKS_OF_A + AFTERWARDS[-1] // 10
    assert set(of_a) - {"run"} != set(), "some were missed"
    assert all(said == "run" or "the newest tick's run starts at the watermark" in said for said in of_a)
    assert {name: len(said) for name, said in daemon.ticks.items() if "daily" in name} == {
        f"{pipeline}_daily": DAYS + (pipeline != "pipeline_silver")
        for pipeline in ("pipeline_b", "pipeline_c")
    } | {"pipeline_silver_daily": DAYS}


def _assert_windows(home: Home) -> None:
    """A's windows follow each other without a gap or an overlap, each within one KST day, from first to last tick."""
    rows = [r for r in home.rows("silver.dq_status") if r["source_table"] == "bronze.transaction_ledger_raw"]
    windows = sorted((r["window_start_ts"], r["window_end_ts"]) for r in rows)
    windows = [w for w in windows if w[0] >= START]
    starts, ends = [w[0] for w in windows], [w[1] for w in windows]
    assert starts[1:] == ends[:-1]
    assert (starts[0], ends[-1]) == (START, END + AFTERWARDS[-1] * MINUTE)
    days = {(r["window_start_ts"], r["window_end_ts"]): r["date_kst"] for r in rows}
    assert {w: days[w] for w in windows} == {w: Window(*w).date_kst for w in windows}
    assert all(len(list(Window(a, b).split_by_day())) == 1 for a, b in windows)

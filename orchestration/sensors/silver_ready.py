"""Silver finished a day: B and C run it where their schedule missed it, or where they failed before the repair."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from ledger.pipelines.registry import CONTROLS, PIPELINE_SILVER, Pipeline
from orchestration.jobs import jobs_named
from orchestration.processes import end_dead_runs
from orchestration.requests import day_request
from orchestration.runs import is_unfinished, made_after, newest_runs, state_key
from resources import told
from resources.ledger import LedgerResource

# An operator who ran Silver by hand may be about to run B and C, too.
SETTLE = timedelta(minutes=10)
_BATCH = 200
_WAIT = "wait"


@dataclass(frozen=True)
class Success:
    """One success of Silver on one KST day: its place in the event log, and when it was."""

    day: date
    storage_id: int
    at: float

    @property
    def instant(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)


@dataclass
class ReadyCursor:
    """``seen``: storage id of the last success looked at; ``open``: the newest one of each day not settled yet."""

    seen: int = 0
    open: dict[date, Success] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None) -> ReadyCursor | None:
        """None for the sensor's first evaluation, or a cursor that is not one."""
        try:
            data = json.loads(text or "")
            found = [Success(date.fromisoformat(day), int(i), float(at)) for day, i, at in data["open"]]
            return cls(int(data["seen"]), {success.day: success for success in found})
        except (ValueError, KeyError, TypeError):
            return None

    def text(self) -> str:
        waiting = [[s.day.isoformat(), s.storage_id, s.at] for _, s in sorted(self.open.items())]
        return json.dumps({"seen": self.seen, "open": waiting})


def silver_ready_sensor(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """B and C for days that Silver finished."""

    @dg.sensor(
        name="silver_ready",
        jobs=jobs_named(*[pipeline.job for pipeline in CONTROLS]),
        minimum_interval_seconds=30,
        default_status=status,
        description="Runs B and C for days that their schedule missed, or that failed before Silver was repaired",
    )
    def silver_ready(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.SensorResult:
        return evaluate(context.instance, context.cursor, ledger.now())

    return silver_ready


def evaluate(instance: dg.DagsterInstance, cursor: str | None, now: datetime) -> dg.SensorResult:
    """The runs to request now, and the cursor for the next evaluation."""
    parsed = ReadyCursor.parse(cursor)
    if parsed is None:
        newest = silver_successes(instance, after=None, limit=1)
        start = ReadyCursor(newest[-1].storage_id if newest else 0)
        return dg.SensorResult(
            cursor=start.text(), skip_reason="first evaluation: watching Silver's successes from now on"
        )
    for success in silver_successes(instance, after=parsed.seen, limit=_BATCH):
        parsed.seen = success.storage_id
        parsed.open[success.day] = success
    if not parsed.open:
        return dg.SensorResult(cursor=parsed.text(), skip_reason="no new success of Silver")
    end_dead_runs(instance)  # or a day would wait for them
    runs = {pipeline.name: newest_runs(instance, pipeline.name, parsed.open) for pipeline in CONTROLS}
    requests: list[dg.RunRequest] = []
    waiting: dict[date, Success] = {}
    for day, success in sorted(parsed.open.items()):
        for pipeline in CONTROLS:
            verdict = _judge(instance, pipeline, success, runs[pipeline.name].get(day), now)
            if verdict == _WAIT:
                waiting[day] = success
            elif verdict:
                requests.append(day_request(pipeline.name, day, f"ready:{day}:{success.storage_id}", verdict))
    parsed.open = waiting
    return dg.SensorResult(
        run_requests=requests,
        cursor=parsed.text(),
        skip_reason=None if requests else told.text(_nothing_to_run(waiting)),
    )


def _judge(
    instance: dg.DagsterInstance,
    pipeline: Pipeline,
    success: Success,
    newest: dg.RunRecord | None,
    now: datetime,
) -> str | None:
    """``wait``, the reason for a run, or None when there is nothing to do."""
    if newest is None:
        is_settled = now >= max(pipeline.schedule.due_at(success.day), success.instant) + SETTLE
        return "missed" if is_settled else _WAIT
    if is_unfinished(newest):
        return _WAIT
    if newest.dagster_run.status == dg.DagsterRunStatus.SUCCESS:
        return None  # whether it has to be restated is for late_data to say
    since = success.storage_id, success.instant
    return None if made_after(instance, pipeline.name, success.day, newest, since) else "repaired"


def _nothing_to_run(waiting: Mapping[date, Success]) -> str:
    if waiting:
        return f"waiting for the schedule, or for runs at work, of {', '.join(map(str, sorted(waiting)))}"
    return "B and C have run what Silver finished"


def silver_successes(instance: dg.DagsterInstance, *, after: int | None, limit: int) -> list[Success]:
    """Silver's successes after a storage id, ascending; the newest ``limit`` when ``after`` is None."""
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=state_key(PIPELINE_SILVER.name), after_storage_id=after),
        limit=limit,
        ascending=after is not None,
    ).records
    return [
        Success(date.fromisoformat(record.partition_key), record.storage_id, record.timestamp)
        for record in found
        if record.partition_key
    ]

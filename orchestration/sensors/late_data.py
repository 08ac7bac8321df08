"""Late data: days that were controlled before Silver changed them are run again (spec section 2, Convergence).

Every success of Silver publishes the days that are due, as its compute read them from the tables; a withdrawal
of a landing file publishes those on which Silver itself is due. A list is whole each time, so that only the newest one of
either kind counts and nothing is lost by an event that was missed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import dagster as dg

from ledger.pipelines.registry import BY_NAME, DAILY, PIPELINE_SILVER, PipelineName
from orchestration.jobs import jobs_named
from orchestration.processes import end_dead_runs
from orchestration.requests import day_request
from orchestration.runs import is_unfinished, made_after, newest_runs, state_key
from resources import told

DUE = "due_for_restatement"  # metadata of Silver's state: {pipeline: [days]}


@dataclass(frozen=True)
class Published:
    """A list of due days: its place in the event log, when it was made, and what made it."""

    storage_id: int
    at: datetime
    why: str
    due: Mapping[PipelineName, list[date]]


def late_data_sensor(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Silver, B and C of the days that are due."""

    @dg.sensor(
        name="late_data",
        jobs=jobs_named(*[pipeline.job for pipeline in DAILY]),
        minimum_interval_seconds=30,
        default_status=status,
        description="Runs B and C again for controlled days that Silver changed, and for later days that depend on them;"
        " Silver first where a landing file was withdrawn",
    )
    def late_data(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return evaluate(context.instance, context.cursor)

    return late_data


def evaluate(instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    """The runs to request, and the cursor: the storage id of the newest list that was looked at."""
    seen = int(cursor) if cursor and cursor.isdigit() else 0
    lists = _newest_lists(instance)
    new = [published for published in lists if published.storage_id > seen]
    if not new:
        return dg.SensorResult(
            skip_reason="no new success of Silver, no withdrawal"
            if lists
            else "Silver has not succeeded yet",
            cursor=cursor,
        )
    end_dead_runs(instance)  # or a day would count as at work
    requests = [
        day_request(pipeline.name, day, f"restatement:{day}:{published.storage_id}", published.why)
        for published in new
        for pipeline in DAILY
        for day in _not_run_since(instance, pipeline.name, published)
    ]
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else "no controlled day was changed",
        cursor=str(max(published.storage_id for published in new)),
    )


def _not_run_since(instance: dg.DagsterInstance, pipeline: PipelineName, published: Published) -> list[date]:
    """The due days without a run that was created after the list and is not known to have failed."""
    days = published.due.get(pipeline, [])
    newest = newest_runs(instance, pipeline, days)

    def has_run(day: date) -> bool:
        record = newest.get(day)
        since = published.storage_id, published.at
        if record is None or not made_after(instance, pipeline, day, record, since):
            return False
        return is_unfinished(record) or record.dagster_run.status == dg.DagsterRunStatus.SUCCESS

    return [day for day in sorted(days) if not has_run(day)]


def withdrawal(days: Iterable[date]) -> dg.AssetObservation:
    """The event by which a withdrawal tells this sensor all days on which Silver is due."""
    due = {PIPELINE_SILVER.name: [day.isoformat() for day in days]}
    return dg.AssetObservation(
        state_key(PIPELINE_SILVER.name), metadata=told.metadata({DUE: json.dumps(due)})
    )


def _newest_lists(instance: dg.DagsterInstance) -> list[Published]:
    """The newest list of a success, and that of a withdrawal, where there is one."""
    silver = state_key(PIPELINE_SILVER.name)
    lists = []
    for record in instance.fetch_materializations(silver, limit=1).records:
        assert record.asset_materialization is not None, "a record of a materialization has one"
        metadata = record.asset_materialization.metadata
        lists.append(_published(record, metadata, f"restatement after Silver {record.partition_key}"))
    for record in instance.fetch_observations(silver, limit=1).records:
        assert record.asset_observation is not None, "a record of an observation has one"
        lists.append(_published(record, record.asset_observation.metadata, "a landing file was withdrawn"))
    return lists


def _published(record: dg.EventLogRecord, metadata: Mapping[str, dg.MetadataValue], why: str) -> Published:
    at = datetime.fromtimestamp(record.timestamp, UTC)
    return Published(record.storage_id, at, why, due_days(metadata))


def due_days(metadata: Mapping[str, dg.MetadataValue]) -> dict[PipelineName, list[date]]:
    """The days that an event found due, per pipeline."""
    found = metadata.get(DUE)
    if found is None:
        return {}
    return {
        BY_NAME[name].name: [date.fromisoformat(day) for day in days]
        for name, days in json.loads(str(found.value)).items()
        if name in BY_NAME
    }

"""Late data: days that were controlled before Silver changed them are run again (spec section 2, Convergence).

Every success of Silver publishes the days that are due, as its compute read them from the tables. The list is whole
each time, so that only the newest one counts and nothing is lost by an event that was missed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date

import dagster as dg

from orchestration.jobs import PIPELINE_JOBS, jobs_named
from orchestration.processes import end_dead_runs
from orchestration.run_config import Pipeline
from orchestration.runs import is_unfinished, newest_runs, state_key
from orchestration.schedules import request
from orchestration.sensors.silver_ready import CONTROLS, Success

DUE = "due_for_restatement"  # metadata of Silver's state: {pipeline: [days]}


def late_data_sensor(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """B and C of the days that are due for restatement."""

    @dg.sensor(
        name="late_data",
        jobs=jobs_named(*[PIPELINE_JOBS[pipeline] for pipeline in CONTROLS]),
        minimum_interval_seconds=30,
        default_status=status,
        description="Runs B and C again for controlled days that Silver changed, and for later days that depend on them",
    )
    def late_data(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return evaluate(context.instance, context.cursor)

    return late_data


def evaluate(instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    """What is to run again, and the cursor: the storage id of the newest success of Silver that was looked at."""
    newest = _newest_success(instance)
    if newest is None:
        return dg.SensorResult(skip_reason="Silver has not succeeded yet", cursor=cursor)
    success, due = newest
    if cursor and cursor.isdigit() and int(cursor) >= success.storage_id:
        return dg.SensorResult(skip_reason="no new success of Silver", cursor=cursor)
    end_dead_runs(instance)  # or a day would count as at work
    requests = [
        request(
            pipeline,
            day,
            f"restatement:{day}:{success.storage_id}",
            f"restatement after Silver {success.day}",
        )
        for pipeline in CONTROLS
        for day in _not_run_since(instance, pipeline, due.get(pipeline, []), success)
    ]
    skip = None if requests else "no controlled day was changed"
    return dg.SensorResult(run_requests=requests, skip_reason=skip, cursor=str(success.storage_id))


def _not_run_since(
    instance: dg.DagsterInstance, pipeline: Pipeline, days: list[date], success: Success
) -> list[date]:
    """The due days without a run that was created after Silver's success and is not known to have failed."""
    newest = newest_runs(instance, pipeline, days)

    def has_run(day: date) -> bool:
        record = newest.get(day)
        if record is None or record.create_timestamp < success.instant:
            return False
        return is_unfinished(record) or record.dagster_run.status == dg.DagsterRunStatus.SUCCESS

    return [day for day in sorted(days) if not has_run(day)]


def _newest_success(instance: dg.DagsterInstance) -> tuple[Success, dict[Pipeline, list[date]]] | None:
    records = instance.fetch_materializations(state_key("pipeline_silver"), limit=1).records
    if not records:
        return None
    record = records[0]
    materialization = record.asset_materialization
    assert materialization is not None, "a record of a materialization has one"
    day = record.partition_key
    success = Success(date.fromisoformat(day) if day else date.min, record.storage_id, record.timestamp)
    return success, due_days(materialization.metadata)


def due_days(metadata: Mapping[str, dg.MetadataValue]) -> dict[Pipeline, list[date]]:
    """The days that a success of Silver found due, per pipeline."""
    found = metadata.get(DUE)
    if found is None:
        return {}
    listed = json.loads(str(found.value))
    return {pipeline: [date.fromisoformat(day) for day in listed.get(pipeline, [])] for pipeline in CONTROLS}

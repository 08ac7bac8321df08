"""The pipelines' runs as the Dagster instance knows them.

Schedules and sensors decide by runs and materializations alone: these are at hand on every engine, while the tables
of a catalog cannot be read from the host (docs/decisions.md, D-061).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from assets.bronze import KEYS as BRONZE_KEYS
from assets.catalog import asset_key
from ledger.gold import dim_rule_scd2
from ledger.pipelines.registry import BY_JOB, BY_NAME, PIPELINES, PipelineName
from resources.dagster_internals import NOT_FINISHED_STATUSES, PARTITION_NAME_TAG

_ASSET_JOB = "__ASSET_JOB"  # the runs of assets that are materialized from the asset graph
# By which assets a run of the asset graph is known to do a job's work; a pipeline is known by its state.
_MADE_BY: Mapping[str, frozenset[dg.AssetKey]] = {
    "bronze_ingest": frozenset(BRONZE_KEYS.values()),
    "sync_dim_rule_scd2": frozenset({asset_key(dim_rule_scd2.TABLE)}),
}


def state_key(pipeline: PipelineName) -> dg.AssetKey:
    """The asset that a run of the pipeline materializes last, on success only."""
    return dg.AssetKey(["gold", "pipeline_state", pipeline])


def pipelines_of(run: dg.DagsterRun) -> list[PipelineName]:
    """The pipelines that a run executes: its job's, or those of the assets that it was asked for."""
    if run.job_name in BY_JOB:
        return [BY_JOB[run.job_name].name]
    if run.job_name != _ASSET_JOB:
        return []
    chosen = run.asset_selection or set()
    return [pipeline.name for pipeline in PIPELINES if state_key(pipeline.name) in chosen]


def unfinished_run(instance: dg.DagsterInstance, work: str) -> dg.RunRecord | None:
    """The oldest run at this work (a pipeline or a job) that is queued or in progress, however it was launched.

    It may be one whose process is gone: :func:`orchestration.processes.run_at_work` ends such runs first.
    """
    found = [
        record
        for job in (BY_NAME[work].job if work in BY_NAME else work, _ASSET_JOB)
        for record in instance.get_run_records(dg.RunsFilter(job_name=job, statuses=NOT_FINISHED_STATUSES))
        if _works_at(record.dagster_run, work)
    ]
    return min(found, key=lambda record: record.create_timestamp, default=None)


def _works_at(run: dg.DagsterRun, work: str) -> bool:
    if run.job_name != _ASSET_JOB:
        return True  # it was found by the name of its job
    return work in pipelines_of(run) or bool(_MADE_BY.get(work, frozenset()) & (run.asset_selection or set()))


def newest_runs(
    instance: dg.DagsterInstance, pipeline: PipelineName, days: Iterable[date]
) -> dict[date, dg.RunRecord]:
    """The newest run of each of the days, where there is one."""
    wanted = [day.isoformat() for day in days]
    newest: dict[date, dg.RunRecord] = {}
    if not wanted:
        return newest
    for job in (BY_NAME[pipeline].job, _ASSET_JOB):
        for record in instance.get_run_records(
            dg.RunsFilter(job_name=job, tags={PARTITION_NAME_TAG: wanted})
        ):
            if pipeline not in pipelines_of(record.dagster_run):
                continue
            day = date.fromisoformat(record.dagster_run.tags[PARTITION_NAME_TAG])
            if day not in newest or newest[day].storage_id < record.storage_id:
                newest[day] = record
    return newest


def succeeded_days(instance: dg.DagsterInstance, pipeline: PipelineName) -> set[date]:
    """The days on which the pipeline ever succeeded."""
    return {date.fromisoformat(key) for key in instance.get_materialized_partitions(state_key(pipeline))}


def missed_days(
    instance: dg.DagsterInstance, pipeline: PipelineName, newest: date, *, within_days: int
) -> list[date]:
    """Days up to ``newest`` that nobody ran, ascending, of the last ``within_days``.

    None before the first of these days that was run: a new installation, or one after a longer pause, starts with
    ``newest``. A day that failed was run; it waits for an operator or a repair.
    """
    days = [newest - timedelta(days=n) for n in range(within_days)][::-1]
    ran = {*newest_runs(instance, pipeline, days), *succeeded_days(instance, pipeline)} & set(days)
    first = min(ran, default=newest - timedelta(days=1))
    return [day for day in days if day > first and day not in ran]


def is_unfinished(record: dg.RunRecord | None) -> bool:
    """Whether the run is queued or in progress."""
    return record is not None and record.dagster_run.status in NOT_FINISHED_STATUSES


def made_after(
    instance: dg.DagsterInstance,
    pipeline: PipelineName,
    day: date,
    run: dg.RunRecord,
    since: tuple[int, datetime],
) -> bool:
    """Whether the pipeline's run of the day was made after an event, by their places in the event log.

    ``since``: the event's storage id and time. A run announces in the log what it is to materialize when it is made; one
    that did not is judged by the clocks.
    """
    announced = dg.AssetRecordsFilter(asset_key=state_key(pipeline), asset_partitions=[day.isoformat()])
    for record in instance.fetch_planned_materializations(announced, limit=1).records:
        if record.event_log_entry.run_id == run.dagster_run.run_id:
            return record.storage_id > since[0]
    return run.create_timestamp >= since[1]


def describe(record: dg.RunRecord) -> str:
    """A run as an operator names it: the first characters of its id, its state and since when."""
    since = record.create_timestamp.astimezone(UTC)
    return f"run {record.dagster_run.run_id[:8]} ({record.dagster_run.status.value.lower()}, {since:%Y-%m-%d %H:%MZ})"


def operations(pipeline: PipelineName, planned: Collection[str]) -> list[str]:
    """The pipeline's operations among those that a run was to execute."""
    return [op for op in BY_NAME[pipeline].job_operations if op in planned]

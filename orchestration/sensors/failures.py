"""Runs that ended without their own record: the finalizer job writes the failure state (spec section 3).

A compute that raises records its failure itself; one whose process was killed, timed out or was cancelled cannot.
The sensors do not guess which it was: the finalizer looks, and records an attempt once.
"""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

from assets.finalize import FailedRun, windows_of
from assets.limits import INTERRUPTED
from assets.run_tags import TICK_TAG, refuse_range
from ledger.errors import ParameterError
from ledger.pipelines.registry import BY_NAME, PIPELINES, Pipeline, PipelineName
from orchestration.jobs import jobs_named
from orchestration.requests import REASON_TAG, Launch, run_request
from orchestration.runs import operations, pipelines_of
from resources import told
from resources.dagster_internals import PARTITION_NAME_TAG, WILL_RETRY_TAG, auto_reexecution_should_retry_run
from resources.ledger import LedgerResource
from resources.parameters import given_to

_STEP_EVENTS = {
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_RESTARTED,
    dg.DagsterEventType.STEP_SUCCESS,
}
_MESSAGE_CHARACTERS = 1000


def failure_sensors(status: dg.DefaultSensorStatus) -> list[dg.SensorDefinition]:
    """One sensor for failed runs (also killed and timed out ones), one for cancelled runs."""

    @dg.run_status_sensor(
        name="pipeline_failed",
        run_status=dg.DagsterRunStatus.FAILURE,
        request_jobs=jobs_named(*[pipeline.finalizer for pipeline in PIPELINES]),
        minimum_interval_seconds=10,
        default_status=status,
        description="Records failures that a run could not record itself, once no retry is pending",
    )
    def failed(context: dg.RunStatusSensorContext, ledger: LedgerResource) -> dg.SensorResult | dg.SkipReason:
        why = _why(context.instance, context.dagster_run, context.dagster_event)
        return finalizer_requests(context.instance, ledger, context.dagster_run, why)

    @dg.run_status_sensor(
        name="pipeline_canceled",
        run_status=dg.DagsterRunStatus.CANCELED,
        request_jobs=jobs_named(*[pipeline.finalizer for pipeline in PIPELINES]),
        minimum_interval_seconds=10,
        default_status=status,
        description="Records the attempts of cancelled runs as failed",
    )
    def canceled(
        context: dg.RunStatusSensorContext, ledger: LedgerResource
    ) -> dg.SensorResult | dg.SkipReason:
        return finalizer_requests(context.instance, ledger, context.dagster_run, "the run was cancelled")

    return [failed, canceled]


def finalizer_requests(
    instance: dg.DagsterInstance, ledger: LedgerResource, run: dg.DagsterRun, why: str
) -> dg.SensorResult | dg.SkipReason:
    """The finalizer runs that an ended run needs: one per pipeline that it left unfinished."""
    pipelines = pipelines_of(run)
    if not pipelines:
        return dg.SkipReason(told.text(f"{run.job_name} is no pipeline with a state"))
    if _will_be_retried(instance, run):
        return dg.SkipReason(told.text(f"run {run.run_id[:8]} is retried: the last attempt decides"))
    requests, left_out = [], []
    for pipeline in map(BY_NAME.__getitem__, pipelines):
        attempt = _last_attempt(instance, run, pipeline)
        if attempt is None:
            left_out.append(f"{pipeline.name}: no attempt was made, or all of its operations succeeded")
            continue
        config = _config(run, attempt, why)
        try:
            _refuse_without_a_day(instance, run, pipeline)
            windows_of(ledger, pipeline, config)
        except ParameterError as error:
            left_out.append(f"{pipeline.name}: refused, nothing was started ({error})")
            continue
        requests.append(_request(run, pipeline, config))
    if requests:
        return dg.SensorResult(run_requests=requests)
    return dg.SkipReason(told.text(f"run {run.run_id[:8]}: " + "; ".join(left_out)))


def attempt_started(
    instance: dg.DagsterInstance, run: dg.DagsterRun, pipeline: PipelineName
) -> datetime | None:
    """When the run's last attempt at what the pipeline left unfinished began; None when nothing is unfinished."""
    attempt = _last_attempt(instance, run, BY_NAME[pipeline])
    return attempt[0] if attempt else None


def _last_attempt(
    instance: dg.DagsterInstance, run: dg.DagsterRun, pipeline: Pipeline
) -> tuple[datetime, bool] | None:
    """:func:`attempt_started`, and whether that is when the run itself began, as its steps record it.

    With several unfinished operations (B's) the first counts.
    """
    unfinished = set(operations(pipeline.name, _planned(instance, run, pipeline)))
    begun: dict[str, float] = {}
    restarted = set()
    for record in instance.all_logs(run.run_id, of_type=_STEP_EVENTS):
        if record.step_key is None or record.dagster_event is None:
            continue
        if record.dagster_event.event_type == dg.DagsterEventType.STEP_SUCCESS:
            unfinished.discard(record.step_key)
            continue
        begun[record.step_key] = record.timestamp
        if record.dagster_event.event_type == dg.DagsterEventType.STEP_RESTARTED:
            restarted.add(record.step_key)
    if not unfinished:
        return None
    known = instance.get_run_record_by_id(run.run_id)
    tried = unfinished & begun.keys()
    if known is not None and known.start_time is not None and (tried - restarted or not tried):
        return datetime.fromtimestamp(known.start_time, UTC), True
    first = [begun[step] for step in tried]
    if not first:
        launched = instance.get_run_stats(run.run_id).launch_time
        first = [launched] if launched is not None else []
    return (datetime.fromtimestamp(min(first), UTC), False) if first else None


def _refuse_without_a_day(instance: dg.DagsterInstance, run: dg.DagsterRun, pipeline: Pipeline) -> None:
    """Refuse as the run's own operations did, or it would seem to have been a run of the default day."""
    refuse_range(run.tags)
    is_gated = pipeline.gate in _planned(instance, run, pipeline)
    if is_gated and PARTITION_NAME_TAG not in run.tags:
        raise ParameterError("parameter partition: the gate asks about one KST day, and none was given")


def _planned(instance: dg.DagsterInstance, run: dg.DagsterRun, pipeline: Pipeline) -> list[str]:
    if run.execution_plan_snapshot_id is None:
        return list(pipeline.job_operations)
    return list(instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).step_keys_to_execute)


def _will_be_retried(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Dagster tags a failed run just after it stored the failure; whoever is faster asks as Dagster does."""
    newest = instance.get_run_by_id(run.run_id) or run
    if not instance.run_retries_enabled or newest.status != dg.DagsterRunStatus.FAILURE:
        return False
    tag = newest.tags.get(WILL_RETRY_TAG)
    if tag is not None:
        return tag == "true"
    return bool(auto_reexecution_should_retry_run(instance, newest, None))


def _config(run: dg.DagsterRun, attempt: tuple[datetime, bool], why: str) -> FailedRun:
    started_at, is_first_try = attempt
    return FailedRun(
        dagster_run_id=run.run_id,
        run_id=run.root_run_id or run.run_id,
        partition=run.tags.get(PARTITION_NAME_TAG, ""),
        tick=run.tags.get(TICK_TAG, ""),
        started_at=started_at.isoformat(),
        is_first_try=is_first_try,
        message=why[:_MESSAGE_CHARACTERS],
        parameters=given_to(run.run_config),
    )


def _request(run: dg.DagsterRun, pipeline: Pipeline, config: FailedRun) -> dg.RunRequest:
    why = f"run {run.run_id} ended as {run.status.value.lower()}"
    launch = Launch(pipeline.finalizer, None, config.model_dump(), {REASON_TAG: why})
    return run_request(launch, f"finalize:{pipeline.name}:{run.run_id}")


def _why(instance: dg.DagsterInstance, run: dg.DagsterRun, event: dg.DagsterEvent) -> str:
    """The first step's failure in its own words, else what Dagster says of the run's end (a crash, a limit)."""
    if said := words_of_failure(instance, run):
        return said
    error = getattr(event.event_specific_data, "error", None)
    return str(error.message).strip() if error else (event.message or "the run failed")


def words_of_failure(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """The words of the run's first failed step; None when none did, or was only told to end."""
    for record in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        data = record.get_dagster_event().step_failure_data
        described = data.user_failure_data.description if data.user_failure_data else None
        if described == INTERRUPTED:
            continue  # that is how the run's end reached it, not why it ended
        if described:
            return described
        if data.error:
            return str(data.error.message).strip()
    return None

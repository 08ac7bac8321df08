"""Checks that a failed run planned and did not evaluate: they say so, why, and of which day.

Left to itself Dagster shows them as "Execution failed", without a word, also where the run was only refused.
"""

from collections.abc import Collection, Iterator

import dagster as dg

from assets.checks.results import RUNBOOK
from resources import told

_REASON_CHARACTERS = 500
_EVENTS = {
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
}


@dg.failure_hook(name="say_what_was_not_evaluated")
def say_what_was_not_evaluated(context: dg.HookContext) -> None:
    """When a step has failed for good: its own checks, and those of the steps that are skipped because of it."""
    run = context.instance.get_run_by_id(context.run_id)
    error = context.op_exception
    why = error.description if isinstance(error, dg.Failure) else str(error)
    if run is not None:
        mark_unevaluated(context.instance, run, why or "no reason given", of_steps=_skipped(context, run))


def mark_unevaluated(
    instance: dg.DagsterInstance, run: dg.DagsterRun, why: str, *, of_steps: Collection[str] | None = None
) -> int:
    """Give every check that the run planned, of these steps (None: of all), and did not evaluate the reason; how many."""
    waiting = list(_waiting(instance, run, of_steps))
    for step, key, partition in waiting:
        day = f" of {partition}" if partition else ""
        reason = f"not evaluated{day}: {why.strip().splitlines()[0][:_REASON_CHARACTERS]}"
        evaluation = dg.AssetCheckEvaluation(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=told.text(reason),
            metadata=told.metadata({"runbook": RUNBOOK.format("6")}),
            partition=partition,
        )
        event = dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
            job_name=run.job_name,
            step_key=step,
            message=told.text(reason),
            event_specific_data=evaluation,
        )
        instance.report_dagster_event(event, run_id=run.run_id)
    return len(waiting)


def _waiting(
    instance: dg.DagsterInstance, run: dg.DagsterRun, of_steps: Collection[str] | None
) -> Iterator[tuple[str | None, dg.AssetCheckKey, str | None]]:
    """(step, check, partition) of what was planned and has no evaluation."""
    planned: dict[tuple[dg.AssetCheckKey, str | None], str | None] = {}
    for record in instance.all_logs(run.run_id, of_type=_EVENTS):
        event = record.get_dagster_event()
        data = event.event_specific_data
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluated = event.asset_check_evaluation_data
            planned.pop((evaluated.asset_check_key, evaluated.partition), None)
            continue
        key = dg.AssetCheckKey(data.asset_key, data.check_name)  # type: ignore[union-attr]  # of a planned event
        subset = data.partitions_subset  # type: ignore[union-attr]
        for partition in subset.get_partition_keys() if subset else [None]:
            planned[key, partition] = event.step_key
    for (key, partition), step in planned.items():
        if of_steps is None or step in of_steps:
            yield step, key, partition


def _skipped(context: dg.HookContext, run: dg.DagsterRun) -> set[str]:
    """The failed step, and every step that depends on it."""
    assert run.execution_plan_snapshot_id is not None, "a run that executes has a plan"
    plan = context.instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    lost = {context.step_key}
    while True:
        more = {
            step.key
            for step in plan.steps
            if step.key not in lost and any(up in lost for i in step.inputs for up in i.upstream_step_keys)
        }
        if not more:
            return lost
        lost |= more

"""The failure state of a run whose process could not write it (runbook section 2: finalize_failure)."""

from datetime import date, datetime

import dagster as dg
from pydantic import Field

from assets.execution import failing_at_once
from assets.limits import RETRY_POLICY, run_tags
from assets.parameters import Asked
from ledger.errors import ParameterError
from ledger.parameters import RunParameters, default_guardrail_window
from ledger.pipelines.finalize import finalize_failure
from ledger.pipelines.registry import PIPELINES, Pipeline
from ledger.state import read_state
from ledger.window import Window
from resources import told
from resources.ledger import LedgerResource


class FailedRun(dg.Config):
    """The run that ended without recording itself, as the sensor found it. Times are ISO-8601."""

    dagster_run_id: str = Field(description="the run that failed")
    run_id: str = Field(description="its root run id, unless its parameters name another")
    partition: str = Field("", description="its KST day")
    tick: str = Field("", description="end of its scheduled window (A)")
    started_at: str = Field(description="when its last attempt began, UTC")
    is_first_try: bool = Field(False, description="whether that was when the run itself began")
    message: str = Field(description="why it ended")
    parameters: dict[str, str] = Field(default_factory=dict, description="its run parameters")


def finalize_jobs() -> list[dg.JobDefinition]:
    """``pipeline_<x>_finalize_failure`` for each pipeline."""
    return [_job(pipeline) for pipeline in PIPELINES]


def finalizer_op(pipeline: Pipeline) -> str:
    """The operation of a pipeline's finalizer job."""
    return f"{pipeline.name}_record_failure"


def windows_of(ledger: LedgerResource, pipeline: Pipeline, failed: FailedRun) -> tuple[Window, ...]:
    """The windows that the run was asked for, empty for A's default; raises :class:`ParameterError`."""
    asked = Asked(
        failed.dagster_run_id,
        failed.run_id,
        RunParameters(**failed.parameters),
        date.fromisoformat(failed.partition) if failed.partition else None,
        datetime.fromisoformat(failed.tick) if failed.tick else None,
        ledger.settings().is_prod,
        ledger.now(),
    )
    return asked.resolved(pipeline).windows


def _job(pipeline: Pipeline) -> dg.JobDefinition:
    @dg.op(name=finalizer_op(pipeline), retry_policy=RETRY_POLICY)
    def record_failure(context: dg.OpExecutionContext, config: FailedRun, ledger: LedgerResource) -> None:
        """Record the attempt as failed in state and run log, unless it recorded itself."""
        with failing_at_once():
            settings = ledger.settings()
            started_at = datetime.fromisoformat(config.started_at)
            try:
                windows = windows_of(ledger, pipeline, config)
            except ParameterError as error:
                context.log.info(told.text(f"{config.dagster_run_id} was refused and did nothing: {error}"))
                return
            with ledger.lakehouse(settings) as lakehouse:
                if not windows:
                    watermark = read_state(lakehouse, pipeline.name).last_processed_end
                    end = datetime.fromisoformat(config.tick) if config.tick else started_at
                    windows = tuple(default_guardrail_window(end, watermark).split_by_day())
                recorded = finalize_failure(
                    lakehouse,
                    pipeline.name,
                    windows,
                    run_id=config.parameters.get("run_id", "").strip() or config.run_id,
                    started_at=started_at,
                    is_first_try=config.is_first_try,
                    now=ledger.now(),
                    message=config.message,
                )
        said = (
            f"recorded the failure of {recorded}" if recorded else "the attempt had recorded itself already"
        )
        context.log.info(told.text(said))

    @dg.job(
        name=pipeline.finalizer,
        executor_def=dg.in_process_executor,
        tags=run_tags(pipeline.finalizer),
        description=f"Records a failure of {pipeline.name} that its own process could not; launched by the sensors.",
    )
    def job() -> None:
        record_failure()

    return job

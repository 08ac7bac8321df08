"""Launching Dagster runs from the command line, in the same instance as the UI's."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from assets.limits import INTERRUPTED, INTERRUPTS, new_run
from configs.settings import ROOT, load_settings
from ledger.shortages import require
from orchestration.instance import INSTANCE_FILES, dagster_instance
from orchestration.jobs import JOB_OPS, POOLS
from orchestration.planning import JOB_PIPELINES, Launch, day_launches, plan, preparations
from orchestration.processes import PROCESS_TAG, busy_with, end_dead_runs, this_process
from orchestration.recovery import end_interrupted
from resources.dagster_internals import (
    MAX_RETRIES_TAG,
    PARTITION_NAME_TAG,
    REPOSITORY_LABEL_TAG,
    ErrorSource,
    ReconstructableRepository,
    make_new_run_id,
)
from resources.interrupts import raise_if_interrupted
from resources.parameters import RUN_ID_TAG, as_run_config
from resources.spark import lost_engine

__all__ = [
    "INSTANCE_FILES",
    "Launch",
    "Launched",
    "dagster_instance",
    "day_launches",
    "execute",
    "plan",
    "preparations",
]

PATIENCE_SEC = 30
"""So long a run waits for another one of the same work: most are over by then (A runs every ten minutes)."""
_POLL_SEC = 0.5
logger = logging.getLogger("ledger.run")
_REPOSITORY = "__repository__@ledger_controls"  # the location of workspace.yaml


@dataclass(frozen=True)
class Launched:
    """How a run ended; ``reason`` says why it failed, ``step`` where."""

    launch: Launch
    dagster_run_id: str
    success: bool
    step: str | None = None
    reason: str | None = None


def execute(launch: Launch, instance: dg.DagsterInstance) -> Launched:
    """Make one run in this process and wait for it; another run of the same work is waited for, :data:`PATIENCE_SEC` long.

    An interrupt ends the run, records the failure as the sensors would, and is raised as :class:`KeyboardInterrupt`.
    """
    _quieten_dagster()
    raise_if_interrupted()
    settings = load_settings()
    if settings.spark.engine == "sail":
        require(engine_mb=settings.spark.memory_mb)
    new_run()
    end_dead_runs(instance)
    work = JOB_PIPELINES.get(launch.job, launch.job)
    busy = _wait_for_another(instance, work) if work in POOLS else None
    if busy:
        reason = f"{busy} -> wait for it or cancel it, then run the same command again"
        return Launched(launch, "", success=False, reason=reason)
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if launch.parameters:
        config |= _run_config(launch)
    if not settings.has_local_tables:
        result: Any = _run_launched(launch, config, instance)
    else:
        run_id = make_new_run_id()
        try:
            result = _run_here(launch, config, instance, run_id)
            raise_if_interrupted()
        except INTERRUPTS:  # of the operator: nothing else of the command is to start
            end_interrupted(instance, run_id)
            raise KeyboardInterrupt from None
    if result.success:
        return Launched(launch, result.run_id, success=True)
    step, reason = _first_failure(result)
    if reason == INTERRUPTED:
        end_interrupted(instance, result.run_id)
        raise KeyboardInterrupt
    if lost_engine():
        end_interrupted(instance, result.run_id)
    return Launched(launch, result.run_id, success=False, step=step, reason=reason)


def _wait_for_another(instance: dg.DagsterInstance, work: str) -> str | None:
    """The run at this work that is still there after a while, in words; None once there is none."""
    until = time.monotonic() + PATIENCE_SEC
    busy = busy_with(instance, work)
    if busy:
        logger.info("%s; waiting for it, %s s at most", busy, PATIENCE_SEC)
    while busy and time.monotonic() < until:
        time.sleep(_POLL_SEC)
        raise_if_interrupted()
        busy = busy_with(instance, work)
    return busy


def _run_config(launch: Launch) -> dict[str, Any]:
    if launch.job in JOB_PIPELINES:
        return as_run_config(launch.parameters)
    return {"ops": {op: {"config": dict(launch.parameters)} for op in JOB_OPS[launch.job]}}


def _run_here(
    launch: Launch, config: Mapping[str, Any], instance: dg.DagsterInstance, run_id: str
) -> dg.ExecuteInProcessResult:
    from orchestration.definitions import defs  # imported late: --help and bad usage need no Dagster graph

    return defs.resolve_job_def(launch.job).execute_in_process(
        run_config=config,
        instance=instance,
        partition_key=launch.day.isoformat() if launch.day else None,
        tags=_tags(launch),
        run_id=run_id,
        raise_on_error=False,
    )


def _run_launched(
    launch: Launch, config: Mapping[str, Any], instance: dg.DagsterInstance
) -> dg.JobExecutionResult:
    """For steps that a launcher takes elsewhere, which needs a job that another process can load."""
    repository = ReconstructableRepository.for_module("orchestration.definitions", "defs", str(ROOT))
    day = {PARTITION_NAME_TAG: launch.day.isoformat()} if launch.day else {}
    return dg.execute_job(
        repository.get_reconstructable_job(launch.job),
        instance=instance,
        run_config=config,
        tags=_tags(launch) | day,
        raise_on_error=False,
    )


def _tags(launch: Launch) -> dict[str, str]:
    """Whose run it is, and of which code location: without the second the UI's job pages would not list it.

    Dagster cannot start such a run again, though it would say so: its failure would be waited for, never recorded.
    """
    tags = {PROCESS_TAG: this_process(), REPOSITORY_LABEL_TAG: _REPOSITORY, MAX_RETRIES_TAG: "0"}
    run_id = launch.parameters.get("run_id", "").strip()
    return tags | ({RUN_ID_TAG: run_id} if run_id else {})


def _first_failure(result: dg.ExecuteInProcessResult | dg.JobExecutionResult) -> tuple[str | None, str]:
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            described = data.user_failure_data.description if data.user_failure_data else None
            if data.error_source is ErrorSource.INTERRUPT:
                return event.step_key, INTERRUPTED
            return event.step_key, described or (
                data.error.message.strip() if data.error else "no reason given"
            )
    for event in result.all_events:
        if event.is_failure:
            return None, event.message or "the run failed"
    return None, "the run failed"


def _quieten_dagster() -> None:
    for name in ("dagster", "dagster.builtin", "py4j", "grpc", "pyspark", "sqlalchemy.pool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)

"""Launching Dagster runs from the command line, in the same instance as the UI's."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import dagster as dg

from assets.limits import INTERRUPTED, INTERRUPTS, new_run
from configs.settings import load_settings
from ledger.pipelines.registry import BY_JOB
from ledger.shortages import require
from orchestration.instance import INSTANCE_FILES, dagster_instance
from orchestration.jobs import POOLS
from orchestration.planning import day_launches, plan, preparations
from orchestration.processes import busy_with, end_dead_runs
from orchestration.recovery import end_interrupted
from orchestration.requests import Launch, execute_elsewhere, execute_here, run_request
from resources.dagster_internals import ErrorSource, make_new_run_id
from resources.interrupts import raise_if_interrupted
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
    work = BY_JOB[launch.job].name if launch.job in BY_JOB else launch.job
    busy = _wait_for_another(instance, work) if work in POOLS else None
    if busy:
        reason = f"{busy} -> wait for it or cancel it, then run the same command again"
        return Launched(launch, "", success=False, reason=reason)
    request = run_request(launch)
    if not settings.has_local_tables:
        result: Any = execute_elsewhere(request, instance)
    else:
        run_id = make_new_run_id()
        try:
            result = execute_here(request, instance, run_id)
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

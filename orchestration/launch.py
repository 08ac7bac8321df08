"""Launching Dagster runs from the command line, in the same instance as the UI's."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.execution.plan.objects import ErrorSource
from dagster._core.storage.tags import MAX_RETRIES_TAG, PARTITION_NAME_TAG, REPOSITORY_LABEL_TAG
from dagster._core.utils import make_new_run_id

from assets.limits import INTERRUPTED, INTERRUPTS, new_run
from assets.retention import RETENTION_JOB, is_dry_run, retention_days
from configs.settings import ROOT, Settings, load_settings
from ledger.errors import ParameterError
from ledger.gold import dim_rule_scd2
from ledger.state import read_state
from ledger.tables import ALL
from ledger.window import Window, kst_day
from orchestration.instance import INSTANCE_FILES, dagster_instance
from orchestration.interrupts import raise_if_interrupted
from orchestration.jobs import JOB_OPS, PIPELINE_JOBS, POOLS
from orchestration.processes import PROCESS_TAG, busy_with, end_dead_runs, this_process
from orchestration.recovery import end_interrupted
from orchestration.run_config import ALLOWED, Pipeline, default_guardrail_window, resolve
from resources.environments import ledger_of
from resources.ledger import LedgerResource, landing_root
from resources.parameters import RUN_ID_TAG, RunParameters, as_run_config
from resources.spark import lost_engine

__all__ = [
    "INSTANCE_FILES",
    "Launch",
    "Launched",
    "dagster_instance",
    "day_launches",
    "execute",
    "parameters_of",
    "plan",
    "preparations",
]

_REPOSITORY = "__repository__@ledger_controls"  # the location of workspace.yaml
_JOB_PIPELINES: Mapping[str, Pipeline] = {job: name for name, job in PIPELINE_JOBS.items()}
_PARAMETERS = {
    "bronze_ingest": ("date_kst_start", "date_kst_end"),
    "sync_dim_rule_scd2": ("seed_path",),
    RETENTION_JOB: ("retention_days", "dry_run"),
}


_READ_LANDING = ("bronze_ingest", PIPELINE_JOBS["pipeline_a"], PIPELINE_JOBS["pipeline_silver"])


@dataclass(frozen=True)
class Launch:
    """One Dagster run to be made: its job, day and parameters."""

    job: str
    day: date | None
    parameters: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.job} {self.day}" if self.day else self.job


@dataclass(frozen=True)
class Launched:
    """How a run ended; ``reason`` says why it failed, ``step`` where."""

    launch: Launch
    dagster_run_id: str
    success: bool
    step: str | None = None
    reason: str | None = None


def plan(job: str, parameters: Mapping[str, str], partition: str | None) -> list[Launch]:
    """The runs that a command asks for, one per KST day, ascending. Starts no Spark, except for A's default window.

    Raises :class:`ParameterError` naming the parameter that is wrong.
    """
    if job not in JOB_OPS:
        raise ParameterError(f"unknown job {job!r}", action=f"one of {', '.join(JOB_OPS)}")
    settings = load_settings()
    given = {name: value for name, value in parameters.items() if value.strip()}
    if job in _JOB_PIPELINES:
        return _plan_pipeline(job, _JOB_PIPELINES[job], given, partition, settings)
    _refuse_unknown(job, given, _PARAMETERS.get(job, ()))
    if job == RETENTION_JOB:
        retention_days(given.get("retention_days", ""), settings.retention.days)
        is_dry_run(given.get("dry_run", ""))
    if job != "bronze_ingest":
        if partition:
            raise ParameterError(f"parameter partition: {job} has no partitions")
        return [Launch(job, None, given)]
    # Landing days follow the rules of a backfill of A: whole days, today included.
    what = resolve(
        "pipeline_a",
        RunParameters(**({"run_mode": "backfill"} | given)),
        now=LedgerResource().now(),
        default_run_id="ingest",
        is_prod=False,
        partition=_partition(partition, settings, including_today=True),
    )
    _require_landing(job, settings)
    return [Launch(job, window.date_kst, {}) for window in what.windows]


def _plan_pipeline(
    job: str, pipeline: Pipeline, given: Mapping[str, str], partition: str | None, settings: Settings
) -> list[Launch]:
    _refuse_unknown(job, given, ALLOWED[pipeline])
    ledger = ledger_of(settings)
    now = ledger.now()
    what = resolve(
        pipeline,
        RunParameters(**given),
        now=now,
        default_run_id="root",
        is_prod=settings.is_prod,
        partition=_partition(partition, settings, including_today=pipeline == "pipeline_a"),
    )
    shared = {
        k: v for k, v in given.items() if k not in ("start_ts", "end_ts", "date_kst_start", "date_kst_end")
    }
    for window in what.windows if what.is_backfill else ():
        _partition(window.date_kst.isoformat(), settings, including_today=pipeline == "pipeline_a")
    _require_landing(job, settings)
    if not what.windows:
        window = _guardrail_default(ledger, settings)
        return [_incremental(job, window, shared)]
    if pipeline == "pipeline_a" and not what.is_backfill and "start_ts" in given:
        return [_incremental(job, Window(what.windows[0].start, what.windows[-1].end), shared)]
    if pipeline == "pipeline_silver" and any(not w.is_kst_day for w in what.windows):
        return [_incremental(job, window, shared) for window in what.windows]
    for window in what.windows:
        _partition(window.date_kst.isoformat(), settings, including_today=pipeline == "pipeline_a")
    return [Launch(job, w.date_kst, {**shared, "run_mode": "backfill"}) for w in what.windows]


def _require_landing(job: str, settings: Settings) -> None:
    """A typo in the landing's name must not look like a day without files; asked before Spark starts."""
    if job in _READ_LANDING and settings.bronze.ingest == "landing":
        landing_root(settings)


def _guardrail_default(ledger: LedgerResource, settings: Settings) -> Window:
    with ledger.lakehouse(settings) as lakehouse:
        return default_guardrail_window(ledger.now(), read_state(lakehouse, "pipeline_a").last_processed_end)


def _incremental(job: str, window: Window, shared: Mapping[str, str]) -> Launch:
    """An incremental run belongs to the daily partition of its window's last instant."""
    times = {"start_ts": window.start.isoformat(), "end_ts": window.end.isoformat()}
    return Launch(job, window.date_kst, {**shared, **times, "run_mode": "incremental"})


def parameters_of(job: str) -> tuple[str, ...]:
    """The parameters that a job takes on the command line."""
    pipeline = _JOB_PIPELINES.get(job)
    return ALLOWED[pipeline] if pipeline else _PARAMETERS.get(job, ())


def _refuse_unknown(job: str, given: Mapping[str, str], allowed: tuple[str, ...]) -> None:
    for name in given:
        if name not in allowed:
            raise ParameterError(
                f"parameter {name}: {job} does not take it", action=f"it takes {', '.join(allowed) or 'none'}"
            )


def _partition(text: str | None, settings: Settings, *, including_today: bool) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ParameterError(f"parameter partition: {text!r} is not a day such as 2026-02-01") from None
    first = settings.partitions.start_date
    last = kst_day(LedgerResource().now()) - timedelta(days=0 if including_today else 1)
    if not first <= day <= last:
        raise ParameterError(
            f"parameter partition: {day} is not between {first} (partitions.start_date) and {last}",
            action="choose a KST day that has ended" if day > last else "choose a later day",
        )
    return day


def execute(launch: Launch, instance: dg.DagsterInstance) -> Launched:
    """Make one run in this process and wait for it.

    An interrupt ends the run, records the failure as the sensors would, and is raised as :class:`KeyboardInterrupt`.
    """
    _quieten_dagster()
    raise_if_interrupted()
    new_run()
    end_dead_runs(instance)
    work = _JOB_PIPELINES.get(launch.job, launch.job)
    busy = busy_with(instance, work) if work in POOLS else None
    if busy:
        reason = f"{busy} -> wait for it or cancel it, then run the same command again"
        return Launched(launch, "", success=False, reason=reason)
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if launch.parameters:
        config |= _run_config(launch)
    if not load_settings().has_local_tables:
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


def _run_config(launch: Launch) -> dict[str, Any]:
    if launch.job in _JOB_PIPELINES:
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
    for name in ("dagster", "dagster.builtin", "py4j", "grpc", "pyspark"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def preparations(settings: Settings) -> Iterator[Launch]:
    """What a day needs first: the catalog where a table is missing, the rules where there are none.

    Nothing on Databricks: there both jobs are the operator's, on demand (runbook, section 2).
    """
    if not settings.has_local_tables:
        return
    with ledger_of(settings).lakehouse(settings) as lakehouse:
        is_complete = all(lakehouse.exists(table) for table in ALL)
        if not is_complete:
            yield Launch("bootstrap_catalog", None, {})
        if not lakehouse.count(dim_rule_scd2.TABLE):
            yield Launch("sync_dim_rule_scd2", None, {})


def day_launches(day: date, settings: Settings, run_id: str | None) -> list[Launch]:
    """Ingest (unless another system fills Bronze), then A as a backfill, Silver, B and C of one KST day."""
    parameters = {"run_mode": "backfill", **({"run_id": run_id} if run_id else {})}
    ingest = [Launch("bronze_ingest", day, {})] if settings.bronze.ingest == "landing" else []
    return [*ingest, *[Launch(job, day, parameters) for job in PIPELINE_JOBS.values()]]

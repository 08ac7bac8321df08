"""A Dagster run that is asked for, whoever asks: command line, schedule or sensor. Its config, tags and partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg

from configs.settings import ROOT
from ledger.pipelines.registry import BY_JOB, BY_NAME, PipelineName
from orchestration.jobs import operations_of
from orchestration.processes import PROCESS_TAG, this_process
from resources.dagster_internals import (
    MAX_RETRIES_TAG,
    PARTITION_NAME_TAG,
    REPOSITORY_LABEL_TAG,
    ReconstructableRepository,
)
from resources.parameters import RUN_ID_TAG, as_run_config

REASON_TAG = "ledger/reason"  # why a sensor or schedule asked for a run
_REPOSITORY = "__repository__@ledger_controls"  # the location of workspace.yaml
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Launch:
    """One Dagster run to be made: its job, KST day and parameters. ``tags`` say why, or of which tick it is."""

    job: str
    day: date | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.job} {self.day}" if self.day else self.job


def run_request(launch: Launch, key: str | None = None) -> dg.RunRequest:
    """The run as Dagster takes it. The key makes the same request, made twice, one run.

    A pipeline's operations share the run's parameters; the operations of other jobs have a config of their own.
    """
    config: dict[str, Any] = {}
    tags = dict(launch.tags)
    if launch.parameters and launch.job in BY_JOB:
        config = as_run_config(launch.parameters)
        if run_id := launch.parameters.get("run_id", "").strip():
            tags[RUN_ID_TAG] = run_id
    elif launch.parameters:
        config = {"ops": {op: {"config": dict(launch.parameters)} for op in operations_of(launch.job)}}
    day = launch.day.isoformat() if launch.day else None
    return dg.RunRequest(job_name=launch.job, run_key=key, partition_key=day, run_config=config, tags=tags)


def day_request(pipeline: PipelineName, day: date, key: str, reason: str) -> dg.RunRequest:
    """A run of one KST day, as a schedule or sensor asks for it."""
    launch = Launch(BY_NAME[pipeline].job, day, tags={REASON_TAG: reason})
    return run_request(launch, f"{pipeline}:{key}")


def execute_here(
    request: dg.RunRequest, instance: dg.DagsterInstance, run_id: str
) -> dg.ExecuteInProcessResult:
    """Make the run in this process."""
    from orchestration.definitions import defs  # imported late: the definitions import what asks for runs

    return defs.resolve_job_def(str(request.job_name)).execute_in_process(
        run_config={**request.run_config, **_QUIET},
        instance=instance,
        partition_key=request.partition_key,
        tags=_tags(request),
        run_id=run_id,
        raise_on_error=False,
    )


def execute_elsewhere(request: dg.RunRequest, instance: dg.DagsterInstance) -> dg.JobExecutionResult:
    """Make the run with steps that a launcher takes elsewhere, which needs a job that another process can load."""
    repository = ReconstructableRepository.for_module("orchestration.definitions", "defs", str(ROOT))
    day = {PARTITION_NAME_TAG: request.partition_key} if request.partition_key else {}
    return dg.execute_job(
        repository.get_reconstructable_job(str(request.job_name)),
        instance=instance,
        run_config={**request.run_config, **_QUIET},
        tags=_tags(request) | day,
        raise_on_error=False,
    )


def _tags(request: dg.RunRequest) -> dict[str, str]:
    """Whose run it is, and of which code location: without the second the UI's job pages would not list it.

    Dagster cannot start such a run again, though it would say so: its failure would be waited for, never recorded.
    """
    own = {PROCESS_TAG: this_process(), REPOSITORY_LABEL_TAG: _REPOSITORY, MAX_RETRIES_TAG: "0"}
    return {**request.tags, **own}

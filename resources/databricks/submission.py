"""One submitted run: its identity, cluster, libraries and permissions, as the Jobs API wants them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from databricks.sdk.service.jobs import JobAccessControlRequest, SubmitTask

from configs.databricks import ClusterSettings, DatabricksSettings

# Libraries that our code imports and a runtime does not bring. None of them depends on pyspark: installing that would replace
# the runtime's own. dagster-databricks and dagster-pyspark do, so the remote side does without them.
LIBRARIES = ("dagster", "deltalake", "pydantic", "pydantic-settings", "tenacity")
_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9 _.:/=+@-]")
_NOT_IN_PATHS = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True)
class StepAttempt:
    """Which attempt of which step; ``number`` counts from 1 to ``maximum``."""

    pipeline: str
    environment: str
    run_id: str
    step_key: str
    number: int
    maximum: int

    @property
    def folder(self) -> str:
        """Its staging folder, relative to the staging root: attempts never share files."""
        return f"{self.run_id}/{_NOT_IN_PATHS.sub('_', self.step_key)}/{self.number}"

    @property
    def idempotency_token(self) -> str:
        """64 characters, the longest that the API takes; equal for every try to submit this attempt."""
        return hashlib.sha256(f"{self.run_id}:{self.step_key}:{self.number}".encode()).hexdigest()

    @property
    def tags(self) -> dict[str, str]:
        """For cost reports and alert queries; characters that a cloud refuses become ``_``."""
        values = {
            "pipeline": self.pipeline,
            "env": self.environment,
            "dagster_run_id": self.run_id,
            "dagster_step": self.step_key,
            "attempt": str(self.number),
            "max_attempts": str(self.maximum),
        }
        return {name: _NOT_IN_TAGS.sub("_", value)[:255] for name, value in values.items()}

    def __str__(self) -> str:
        """The run's name: diagnostic logs show it where they show no cluster tags."""
        return (
            f"ledger-controls {self.environment} {self.pipeline} {self.step_key}"
            f" run={self.run_id} attempt={self.number}/{self.maximum}"
        )


def submission(
    attempt: StepAttempt, settings: DatabricksSettings, *, python_file: str, parameters: list[str]
) -> dict[str, Any]:
    """The arguments of ``jobs.submit`` for one attempt."""
    task = {
        "task_key": "step",
        "spark_python_task": {"python_file": python_file, "parameters": parameters},
        "libraries": [{"pypi": {"package": f"{name}=={version(name)}"}} for name in LIBRARIES],
        **_cluster(settings.cluster, attempt.tags),
    }
    access = [
        JobAccessControlRequest.from_dict({"group_name": group, "permission_level": level})
        for level, groups in settings.permissions.items()
        for group in groups
    ]
    return {
        "run_name": str(attempt),
        "tasks": [SubmitTask.from_dict(task)],
        "idempotency_token": attempt.idempotency_token,
        # Ends the run also when the process that watches it was killed.
        "timeout_seconds": settings.timeout_sec,
        **({"access_control_list": access} if access else {}),
    }


def _cluster(settings: ClusterSettings, tags: Mapping[str, str]) -> dict[str, Any]:
    if settings.kind == "existing":
        return {"existing_cluster_id": settings.existing_cluster_id}
    pooled = settings.kind == "pool"
    given = {
        "spark_version": settings.spark_version,
        "policy_id": settings.policy_id,
        "instance_pool_id": settings.instance_pool_id if pooled else None,
        "node_type_id": None if pooled else settings.node_type_id,
        "autoscale": {"min_workers": settings.min_workers, "max_workers": settings.max_workers},
        # Dedicated access: the step's own Python code is the only user of this cluster.
        "data_security_mode": "SINGLE_USER",
        "single_user_name": settings.single_user,
        "spark_conf": dict(settings.spark_conf) or None,
        "custom_tags": dict(tags),
    }
    return {"new_cluster": {name: value for name, value in given.items() if value is not None}}

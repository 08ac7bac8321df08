"""Settings of the Databricks engine: workspace, cluster, staging, patience. Credentials are in none of them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from configs.text import Section

_VOLUME = re.compile(r"/Volumes(/[A-Za-z0-9_.-]+){3,}")
_CATALOG = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def _a_catalog(name: str) -> str:
    """Catalog names go into SQL: only those that need no quoting are taken."""
    if not _CATALOG.fullmatch(name):
        raise ValueError(f"{name!r} is no catalog name of letters, digits and underscores")
    return name


CatalogName = Annotated[str, AfterValidator(_a_catalog)]


class ClusterSettings(Section):
    """The cluster of a step: ``new`` job cluster, ``pool`` (a job cluster on pooled instances) or ``existing`` one."""

    kind: Literal["new", "pool", "existing"]
    existing_cluster_id: str | None = None
    instance_pool_id: str | None = None
    policy_id: str | None = None
    spark_version: str = Field(min_length=1)
    node_type_id: str | None = None
    min_workers: int = Field(ge=1)
    max_workers: int = Field(ge=1)
    single_user: str | None = None
    spark_conf: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> ClusterSettings:
        needed = {"new": "node_type_id", "pool": "instance_pool_id", "existing": "existing_cluster_id"}[
            self.kind
        ]
        # A policy may fix the node type, so a new cluster with a policy needs none of its own.
        if getattr(self, needed) is None and not (self.kind == "new" and self.policy_id):
            raise ValueError(f"kind {self.kind} needs {needed}")
        if self.max_workers < self.min_workers:
            raise ValueError(f"max_workers {self.max_workers} is below min_workers {self.min_workers}")
        return self


class StagingSettings(Section):
    """Folder for a step's code, reference and events. A writer to it runs code on the cluster."""

    kind: Literal["volume", "dbfs"]
    path: str

    @model_validator(mode="after")
    def _matches_kind(self) -> StagingSettings:
        if self.kind == "volume" and not _VOLUME.fullmatch(self.path):
            raise ValueError(f"path {self.path!r} is not /Volumes/<catalog>/<schema>/<volume>[/...]")
        if self.kind == "dbfs" and (not self.path.startswith("/") or self.path.startswith("/Volumes/")):
            raise ValueError(f"path {self.path!r} is not an absolute DBFS path")
        return self


class RetrySettings(Section):
    """Infrastructure faults of the remote side: how often more, how far apart (spec section 3)."""

    max: int = Field(ge=0, le=10)
    delay_sec: float = Field(ge=0)


class DatabricksSettings(Section):
    """The workspace. ``auth`` names the credentials that the environment must hold; they are never settings.

    ``timeout_sec`` ends a run on the Databricks side, also when nobody watches it any more; ``patience_sec`` is how
    long an API may go on failing before the step counts as lost.
    """

    host: str | None
    auth: Literal["token", "oauth", "azure"]
    cluster: ClusterSettings
    staging: StagingSettings
    retries: RetrySettings
    permissions: dict[Literal["CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE"], list[str]]
    timeout_sec: int = Field(ge=1)
    poll_interval_sec: float = Field(gt=0)
    patience_sec: float = Field(gt=0)

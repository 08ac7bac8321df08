"""Settings of one environment, validated whole; an unknown key or a wrong type stops the start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from configs.databricks import CatalogName, DatabricksSettings
from ledger.errors import SettingsError

Environment = Literal["local", "dev", "prod"]
ROOT = Path(__file__).resolve().parent.parent
SETTING_PREFIX = "PIPELINE_CFG__"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LakehouseSettings(_Section):
    """Where tables and landing files lie. ``catalog``: Unity Catalog name, null for tables by path."""

    warehouse: str = Field(min_length=1)
    landing: str = Field(min_length=1)
    catalog: CatalogName | None = None


class SparkSettings(_Section):
    """``engine`` computes; ``master`` and ``conf`` are the JVM engine's; ``memory_mb`` bounds the embedded one's.

    ``allow_shared_host``: the embedded engine may run where other users of the machine could reach its port.
    """

    engine: Literal["sail", "spark", "databricks"]
    master: str
    conf: dict[str, str]
    memory_mb: int = Field(ge=256, strict=True)
    allow_shared_host: bool = Field(False, strict=True)


class PartitionSettings(_Section):
    """First KST day that has partitions."""

    start_date: date


class BronzeSettings(_Section):
    """``landing``: we load Bronze from files; ``external``: another system does, we observe."""

    ingest: Literal["landing", "external"]


class RuleSettings(_Section):
    """The rule seed, and the catalog that marks a production context."""

    seed_path: str = Field(min_length=1)
    prod_catalog: str


class AnalyticsSettings(_Section):
    """Secret scope and key of the mart's salt."""

    secret_scope: str | None
    secret_key: str | None


class RetentionSettings(_Section):
    """Days that bad records are kept."""

    days: int = Field(ge=1, strict=True)


class OrchestrationSettings(_Section):
    """``automation``: whether schedules and sensors start running; ``catch_up_days``: how far back a missed day is found.

    ``instance_storage``: where Dagster keeps runs and events; postgresql reads its address from the environment.
    """

    automation: Literal["running", "stopped"]
    instance_storage: Literal["sqlite", "postgresql"]
    catch_up_days: int = Field(ge=1, le=400, strict=True)


class Settings(_Section):
    """Everything that may differ between environments."""

    environment: Environment
    lakehouse: LakehouseSettings
    spark: SparkSettings
    partitions: PartitionSettings
    bronze: BronzeSettings
    lookback_days: int = Field(ge=1, le=400, strict=True)
    rules: RuleSettings
    analytics: AnalyticsSettings
    retention: RetentionSettings
    databricks: DatabricksSettings
    orchestration: OrchestrationSettings

    @property
    def is_prod(self) -> bool:
        """A production context: by environment or by the production catalog (spec section 8)."""
        return self.environment == "prod" or self.lakehouse.catalog == self.rules.prod_catalog

    @property
    def has_local_tables(self) -> bool:
        """Whether this process can read the tables itself; on Databricks only a step on a cluster can."""
        return self.spark.engine != "databricks"

    def resolved(self, path: str) -> str:
        """A path of the settings, relative ones against the repository; URIs and volumes as they are."""
        return path if "://" in path else str((ROOT / path).resolve())


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """common.yaml, then <env>.yaml, then ``PIPELINE_CFG__A__B`` (``ledgerctl --set a.b=v`` sets it for a command).

    Raises :class:`SettingsError` with the full path of every key that is unknown or of a wrong type.
    """
    environ = os.environ if environ is None else environ
    name = environ.get("PIPELINE_ENV", "").strip() or "local"
    if name not in ("local", "dev", "prod"):
        raise SettingsError(f"PIPELINE_ENV={name!r} is unknown", action="set it to local, dev or prod")
    merged: dict[str, Any] = {}
    for source in ("common", name):
        _merge(merged, _read_yaml(ROOT / "configs" / f"{source}.yaml"))
    for variable, value in sorted(environ.items()):
        if variable.startswith(SETTING_PREFIX):
            path = variable.removeprefix(SETTING_PREFIX).lower().split("__")
            _assign(merged, path, _parsed(variable, value))
    if "environment" in merged:
        raise SettingsError("settings are wrong: environment: it is set by PIPELINE_ENV alone")
    try:
        return Settings.model_validate({"environment": name, **merged})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(
            f"settings are wrong: {problems}", action="correct configs/ or the environment"
        ) from None


def _parsed(variable: str, text: str) -> Any:
    try:
        return yaml.safe_load(text) if text.strip() else None
    except yaml.YAMLError:
        path = variable.removeprefix(SETTING_PREFIX).lower().replace("__", ".")
        raise SettingsError(f"settings are wrong: {path}: {variable} is not a YAML value") from None


def _read_yaml(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    if not isinstance(content, dict):
        raise SettingsError(f"{path.name} is not a mapping")
    return content


def _merge(into: dict[str, Any], layer: Mapping[str, Any]) -> None:
    for key, value in layer.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _assign(into: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        step = into.setdefault(key, {})
        if not isinstance(step, dict):
            raise SettingsError(f"settings are wrong: {'.'.join(path)}: {key} is not a section")
        into = step
    into[path[-1]] = value

"""Settings of one environment, validated whole; an unknown key or a wrong type stops the start."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from configs.databricks import CatalogName, DatabricksSettings
from configs.sources import SETTING_PREFIX as SETTING_PREFIX
from configs.sources import File, Variables
from configs.text import Section
from ledger.days import FIRST_DAY, LAST_DAY, is_askable
from ledger.errors import SettingsError

Environment = Literal["local", "dev", "prod"]
ROOT = Path(__file__).resolve().parent.parent
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_NOT_FOR_HADOOP = ":*?[]{}\\"  # no part of a name, or part of a pattern, in its paths


class LakehouseSettings(Section):
    """Roots of tables and landing files. ``catalog``: Unity Catalog name, null for tables by path."""

    warehouse: str = Field(min_length=1)
    landing: str = Field(min_length=1)
    catalog: CatalogName | None = None


class SparkSettings(Section):
    """``engine`` computes; ``master`` and ``conf`` are the JVM engine's; ``memory_mb`` bounds the embedded one's.

    ``allow_shared_host``: the embedded engine may run where other users of the machine could reach its port.
    """

    engine: Literal["sail", "spark", "databricks"]
    master: str
    conf: dict[str, str]
    memory_mb: int = Field(ge=256)
    allow_shared_host: bool = False


class PartitionSettings(Section):
    """First KST day that has partitions."""

    start_date: date

    @field_validator("start_date")
    @classmethod
    def _has_a_window(cls, day: date) -> date:
        if not is_askable(day):
            raise ValueError(f"{day} is not between {FIRST_DAY} and {LAST_DAY}")
        return day


class BronzeSettings(Section):
    """``landing``: we load Bronze from files; ``external``: another system does, we observe."""

    ingest: Literal["landing", "external"]


class RuleSettings(Section):
    """The rule seed, and the catalog that marks a production context."""

    seed_path: str = Field(min_length=1)
    prod_catalog: str


class AnalyticsSettings(Section):
    """Secret scope and key of the mart's salt."""

    secret_scope: str | None
    secret_key: str | None


class RetentionSettings(Section):
    """Days that bad records are kept."""

    days: int = Field(ge=1)


class OrchestrationSettings(Section):
    """``automation``: whether schedules and sensors start running; ``catch_up_days``: how far back a missed day is found.

    ``instance_storage``: where Dagster keeps runs and events; postgresql reads its address from the environment.
    """

    automation: Literal["running", "stopped"]
    instance_storage: Literal["sqlite", "postgresql"]
    catch_up_days: int = Field(ge=1, le=400)


class WebSettings(Section):
    """``public_url``: where people reach the UI through a proxy, such as https://ledger.example.com; null: here alone."""

    public_url: str | None = Field(default=None, pattern=r"\Ahttps?://[a-z0-9.-]+(:[0-9]{1,5})?\z")


class Settings(BaseSettings, Section):
    """Everything that may differ between environments, made of the variables of one."""

    environment: Environment
    lakehouse: LakehouseSettings
    spark: SparkSettings
    partitions: PartitionSettings
    bronze: BronzeSettings
    lookback_days: int = Field(ge=1, le=400)
    rules: RuleSettings
    analytics: AnalyticsSettings
    retention: RetentionSettings
    databricks: DatabricksSettings
    orchestration: OrchestrationSettings
    web: WebSettings

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ=environ)  # for the sources, it is no setting

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The first that has a key wins; sections are put together."""
        assert isinstance(init_settings, InitSettingsSource), "it carries the variables"
        environ = init_settings.init_kwargs["environ"]
        name = _environment(environ)
        return (
            Variables(settings_cls, environ),
            File(settings_cls, ROOT / "configs" / f"{name}.yaml"),
            File(settings_cls, ROOT / "configs" / "common.yaml"),
            InitSettingsSource(settings_cls, {"environment": name}),
        )

    @model_validator(mode="after")
    def _engine_reaches_the_warehouse(self) -> Settings:
        """A path that the engine cannot address is refused here; one on this machine it gets as a link."""
        engine, warehouse = self.spark.engine, self.lakehouse.warehouse
        if engine == "sail" and is_uri(warehouse):
            raise ValueError(
                f"lakehouse.warehouse: spark.engine sail keeps tables in a folder, {warehouse!r} is a URI"
            )
        if engine == "spark" and not self.spark.master.startswith("local") and not is_uri(warehouse):
            unusual = sorted(set(self.resolved(warehouse)) & set(_NOT_FOR_HADOOP))
            if unusual:
                raise ValueError(
                    f"lakehouse.warehouse: {warehouse!r} has {' '.join(unusual)}, which the workers of"
                    f" {self.spark.master} cannot address"
                )
        return self

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
        return path if is_uri(path) else str((ROOT / path).resolve())


def is_uri(path: str) -> bool:
    """Whether a root is named by a scheme; ``://`` further on is part of a folder's name."""
    return bool(_SCHEME.match(path))


def _environment(environ: Mapping[str, str]) -> Environment:
    name = environ.get("PIPELINE_ENV", "").strip() or "local"
    known: tuple[Environment, ...] = get_args(Environment)
    for environment in known:
        if environment == name:
            return environment
    raise SettingsError(f"PIPELINE_ENV={name!r} is unknown", action="set it to local, dev or prod")


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """common.yaml, then <env>.yaml, then ``PIPELINE_CFG__A__B`` (``ledgerctl --set a.b=v`` sets it for a command).

    Raises :class:`SettingsError` with the full path of every key that is unknown or of a wrong type.
    """
    try:
        return Settings(os.environ if environ is None else environ)
    except ValidationError as error:
        problems = "; ".join(
            ": ".join(filter(None, (".".join(map(str, e["loc"])), e["msg"].removeprefix("Value error, "))))
            for e in error.errors()
        )
        raise SettingsError(
            f"settings are wrong: {problems}", action="correct configs/ or the environment"
        ) from None

"""Settings: precedence, and refusals that name the full path. Pure."""

from __future__ import annotations

from datetime import date

import pytest

from configs.settings import ROOT, load_settings
from ledger.errors import SettingsError

PREFIX = "PIPELINE_CFG__"


def test_the_defaults_are_the_laptop_s() -> None:
    """INV-18"""
    settings = load_settings({})
    assert settings.environment == "local"
    assert settings.spark.engine == "sail"
    assert settings.lakehouse.catalog is None
    assert settings.lookback_days == 35
    assert settings.retention.days == 180
    assert settings.bronze.ingest == "landing"
    assert not settings.is_prod


def test_the_environment_wins_over_the_files() -> None:
    """INV-18: common.yaml, <env>.yaml, environment; ``ledgerctl --set`` sets the last for one command."""
    assert load_settings({f"{PREFIX}LOOKBACK_DAYS": "7"}).lookback_days == 7
    assert load_settings({f"{PREFIX}lookback_days": "7", "PIPELINE_ENV": "dev"}).lookback_days == 7


def test_the_environment_s_file_wins_over_the_common_one() -> None:
    """INV-18: and leaves alone what it does not name."""
    dev = load_settings({"PIPELINE_ENV": "dev"})
    assert (dev.environment, dev.spark.engine, dev.lakehouse.catalog) == ("dev", "databricks", "ledger_dev")
    assert dev.lookback_days == load_settings({}).lookback_days
    nested = load_settings({"PIPELINE_ENV": "dev", f"{PREFIX}LAKEHOUSE__CATALOG": "mine"})
    assert nested.lakehouse.catalog == "mine"
    assert nested.lakehouse.landing == dev.lakehouse.landing


def test_texts_become_values() -> None:
    environ = {
        f"{PREFIX}LAKEHOUSE__WAREHOUSE": "/tmp/w",
        f"{PREFIX}PARTITIONS__START_DATE": "2026-01-05",
        f"{PREFIX}SPARK__CONF": "{spark.sql.shuffle.partitions: '8'}",
        f"{PREFIX}ANALYTICS__SECRET_SCOPE": "",
        "PIPELINE_ENV": " local ",
        "PATH": "/bin",
    }
    settings = load_settings(environ)
    assert settings.lakehouse.warehouse == "/tmp/w"
    assert settings.partitions.start_date == date(2026, 1, 5)
    assert settings.spark.conf == {"spark.sql.shuffle.partitions": "8"}
    assert settings.analytics.secret_scope is None


@pytest.mark.parametrize(
    ("variable", "value", "path"),
    [
        ("LAKEHOUSE__WAREHUOSE", "/tmp/w", "lakehouse.warehuose"),
        ("NOPE", "1", "nope"),
        ("NOPE__DEEPER", "1", "nope"),
        ("LOOKBACK_DAYS", "many", "lookback_days"),
        ("LOOKBACK_DAYS", "0", "lookback_days"),
        ("LOOKBACK_DAYS", "1.5", "lookback_days"),
        ("LOOKBACK_DAYS", "", "lookback_days"),
        ("LOOKBACK_DAYS__DEEPER", "1", "lookback_days"),
        ("LAKEHOUSE", "/tmp/w", "lakehouse"),
        ("LAKEHOUSE__LANDING", "[a, b]", "lakehouse.landing"),
        ("LAKEHOUSE__LANDING", "", "lakehouse.landing"),
        ("SPARK__ENGINE", "duckdb", "spark.engine"),
        ("SPARK__MEMORY_MB", "1", "spark.memory_mb"),
        ("SPARK__CONF", "{a: 1}", "spark.conf"),
        ("PARTITIONS__START_DATE", "tomorrow", "partitions.start_date"),
        ("BRONZE__INGEST", "kafka", "bronze.ingest"),
        ("RETENTION__DAYS", "-1", "retention.days"),
        ("RULES__SEED_PATH", "", "rules.seed_path"),
        pytest.param("ENVIRONMENT", "local", "environment"),
        pytest.param("LOOKBACK_DAYS", "[", "lookback_days"),
        pytest.param("LAKEHOUSE__LANDING", "a: b: c", "lakehouse.landing"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_full_path(variable: str, value: str, path: str) -> None:
    """INV-18: and never as anything but a SettingsError."""
    with pytest.raises(SettingsError, match=path.replace(".", r"\.")):
        load_settings({f"{PREFIX}{variable}": value})


def test_a_truth_value_is_no_number() -> None:
    """INV-18"""
    with pytest.raises(SettingsError, match="lookback_days"):
        load_settings({f"{PREFIX}LOOKBACK_DAYS": "true"})


def test_every_wrong_key_is_named_at_once() -> None:
    """INV-18: one start shows all problems."""
    environ = {f"{PREFIX}LOOKBACK_DAYS": "x", f"{PREFIX}LAKEHOUSE__NOPE": "1", f"{PREFIX}BRONZE__INGEST": "x"}
    with pytest.raises(SettingsError) as caught:
        load_settings(environ)
    assert all(path in str(caught.value) for path in ("lookback_days", "lakehouse.nope", "bronze.ingest"))


def test_an_unknown_environment_is_refused() -> None:
    """INV-18"""
    with pytest.raises(SettingsError, match="PIPELINE_ENV='staging'"):
        load_settings({"PIPELINE_ENV": "staging"})


def test_production_is_the_environment_or_its_catalog() -> None:
    """INV-17: strict rules hold in either case."""
    assert load_settings({"PIPELINE_ENV": "prod"}).is_prod
    assert load_settings({f"{PREFIX}LAKEHOUSE__CATALOG": "ledger_prod"}).is_prod
    assert not load_settings({"PIPELINE_ENV": "dev"}).is_prod


def test_relative_paths_are_the_repository_s() -> None:
    settings = load_settings({})
    assert settings.resolved(".data/warehouse") == str(ROOT / ".data/warehouse")
    assert settings.resolved("/Volumes/a/b") == "/Volumes/a/b"
    assert settings.resolved("abfss://c@a.dfs.core.windows.net/x") == "abfss://c@a.dfs.core.windows.net/x"


@pytest.mark.parametrize("name", ["local", "dev", "prod"])
def test_every_shipped_environment_is_valid(name: str) -> None:
    """INV-18"""
    assert load_settings({"PIPELINE_ENV": name}).environment == name

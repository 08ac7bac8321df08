"""Settings: precedence, and refusals that name the full path. Pure."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

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
        ("LAKEHOUSE__LANDING", "  ", "lakehouse.landing"),
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
        ("LOOKBACK_DAYS", "null", "lookback_days"),
        (
            "LOOKBACK_DAYS",
            "010",
            "lookback_days: '010' is not a whole number in plain digits, such as 10: a leading zero means octal",
        ),
        ("LOOKBACK_DAYS", "1_0", "lookback_days"),
        ("LOOKBACK_DAYS", "1:30", "lookback_days"),
        ("LOOKBACK_DAYS", "yes", "lookback_days"),
        ("LOOKBACK_DAYS", "+5", "lookback_days"),
        ("LOOKBACK_DAYS", "٣", "lookback_days"),
        ("LOOKBACK_DAYS", "0x10", "lookback_days"),
        ("LOOKBACK_DAYS", "401", "lookback_days"),
        ("ORCHESTRATION__CATCH_UP_DAYS", "1e9", "orchestration.catch_up_days"),
        ("DATABRICKS__RETRIES__DELAY_SEC", "nan", "databricks.retries.delay_sec"),
        ("DATABRICKS__RETRIES__DELAY_SEC", "1e3", "databricks.retries.delay_sec"),
        ("PARTITIONS__START_DATE", "2026-13-01", "partitions.start_date: '2026-13-01' is not a day"),
        ("PARTITIONS__START_DATE", "2026-02-30", "partitions.start_date"),
        ("PARTITIONS__START_DATE", "20260201", "partitions.start_date"),
        ("PARTITIONS__START_DATE", "", "partitions.start_date"),
        ("PARTITIONS__START_DATE", "2026-02-01 00:00:00", "partitions.start_date"),
        ("SPARK__CONF", "[a, b]", "spark.conf"),
        ("SPARK__CONF", "{a", "spark.conf"),
        ("SPARK__CONF", "a: b: c", "spark.conf"),
        ("SPARK__CONF", "", "spark.conf"),
        ("SPARK__CONF", '{"a": "1", "a": "2"}', "spark.conf"),
        ("DATABRICKS__PERMISSIONS", "CAN_VIEW", "databricks.permissions"),
        ("DATABRICKS__PERMISSIONS", "{CAN_FLY: [x]}", "databricks.permissions"),
        ("LAKEHOUSE__WAREHOUSE", "/x/not utf-8 \udcff", "lakehouse.warehouse"),
        ("LAKEHOUSE__CATALOG", "123", "lakehouse.catalog"),
        ("LAKEHOUSE__CATALOG", "a-b", "lakehouse.catalog"),
        ("LAKEHOUSE__WAREHOUSE", "abfss://c@a/x", "lakehouse.warehouse: spark.engine sail"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_full_path(variable: str, value: str, path: str) -> None:
    """INV-18: and never as anything but a SettingsError."""
    with pytest.raises(SettingsError, match=path.replace(".", r"\.")):
        load_settings({f"{PREFIX}{variable}": value})


@pytest.mark.parametrize(
    "path",
    [
        "/x/my #1 store",
        "@data",
        "{a",
        "a: b: c",
        "[a, b]",
        "/x/- y",
        " x",
        "'quoted'",
        "null",
        "1_0",
        "~",
        "&a",
        "*",
    ],
)
def test_a_path_is_that_path(path: str) -> None:
    """INV-18: no sign of a value is anything but a letter of a name."""
    settings = load_settings({f"{PREFIX}LAKEHOUSE__WAREHOUSE": path, f"{PREFIX}RULES__SEED_PATH": path})
    assert (settings.lakehouse.warehouse, settings.rules.seed_path) == (path, path)
    assert settings.resolved(path) == str(ROOT / path)


def test_texts_of_mappings_are_json_or_yaml_and_null_empties_what_may_be_empty() -> None:
    """INV-18"""
    settings = load_settings(
        {
            "PIPELINE_ENV": "dev",
            f"{PREFIX}SPARK__CONF": '{"a": "1 # no comment", "b": "yes"}',
            f"{PREFIX}DATABRICKS__PERMISSIONS": "CAN_VIEW: [yes, on-call]",
            f"{PREFIX}LAKEHOUSE__CATALOG": "null",
            f"{PREFIX}DATABRICKS__POLL_INTERVAL_SEC": "0.5",
        }
    )
    assert settings.spark.conf == {"a": "1 # no comment", "b": "yes"}
    assert settings.databricks.permissions == {"CAN_VIEW": ["yes", "on-call"]}
    assert (settings.lakehouse.catalog, settings.databricks.poll_interval_sec) == (None, 0.5)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("lookback_days: 010", "lookback_days"),
        ("lookback_days: 1:30", "lookback_days"),
        ("lookback_days: '10'", "lookback_days"),
        ("lookback_days: 10\nlookback_days: 20", r"local\.yaml.*lookback_days is given twice"),
        ("partitions: {start_date: 2026-13-01}", "partitions.start_date: '2026-13-01' is not a day"),
        ("lakehouse: {landing: [a]}", "lakehouse.landing"),
        ("lakehouse: {catalog: 123}", "lakehouse.catalog"),
        ("spark: {conf: {a: 1}}", "spark.conf"),
        ("lookback_days: [", r"local\.yaml"),
        ("- a", r"local\.yaml"),
    ],
)
def test_a_settings_file_is_held_to_the_same_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, problem: str
) -> None:
    """INV-18: nothing in a file is an octal number, a time, or the last of two values."""
    shutil.copytree(
        ROOT / "configs", tmp_path / "configs", ignore=shutil.ignore_patterns("*.py", "__pycache__")
    )
    (tmp_path / "configs" / "local.yaml").write_text(line, "utf-8")
    monkeypatch.setattr("configs.settings.ROOT", tmp_path)
    with pytest.raises(SettingsError, match=problem):
        load_settings({})


@pytest.mark.parametrize("sign", [":", "*", "?", "[", "]", "{", "}", "\\"])
def test_a_warehouse_that_the_workers_of_a_cluster_cannot_address_is_refused(sign: str) -> None:
    """INV-18: on one machine the engine gets a link; workers elsewhere do not see it."""
    given = {f"{PREFIX}SPARK__ENGINE": "spark", f"{PREFIX}LAKEHOUSE__WAREHOUSE": f"/data/a{sign}b c"}
    assert load_settings(given).lakehouse.warehouse == f"/data/a{sign}b c"
    with pytest.raises(SettingsError, match=r"lakehouse\.warehouse: .*workers of spark://m:7077"):
        load_settings({**given, f"{PREFIX}SPARK__MASTER": "spark://m:7077"})


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

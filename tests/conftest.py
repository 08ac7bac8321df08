"""Shared by all tests: isolated homes, and one embedded Spark session for the whole run, started on first use."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ledger.delta.lakehouse import Lakehouse
from tests.boundaries import recorded_boundaries
from tests.jvm import FAST_SETTINGS, require_java
from tests.support import DAY_1, DAY_2, ENTRIES_A_DAY, Home, Template, entered, ledgerctl, plant_findings

_KEPT = "PIPELINE_CFG__SPARK__"  # which engine the suite judges is the caller's choice
if os.environ.get("PIPELINE_CFG__SPARK__ENGINE") == "spark":
    for _name, _value in FAST_SETTINGS.items():
        os.environ.setdefault(_name, _value)


# Files go to processes whole, and in this order: the longest first, so that the processes end together.
_LONGEST = (
    "test_scenarios",
    "test_faults",
    "test_week",
    "test_kill",
    "test_remote_faults",
    "test_cli_backfill",
    "test_operator",
    "test_restatement",
    "test_agreement",
    "test_changing_sources",
    "test_reruns",
    "test_launched_step",
    "test_run_worker",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting, salt or Dagster home of the developer's shell reaches a test; progress logging is put back."""
    for name in list(os.environ):
        if name.startswith("PIPELINE_CFG__") and not name.startswith(_KEPT):
            monkeypatch.delenv(name)
    for name in (
        "PIPELINE_ENV",
        "ANON_USER_KEY_SALT",
        "DAGSTER_HOME",
        "LEDGERCTL_DEBUG",
        "DATABRICKS_RUNTIME_VERSION",
    ):
        monkeypatch.delenv(name, raising=False)
    logger = logging.getLogger("ledger")
    before = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.level, logger.propagate = before


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A warehouse, a landing and a Dagster home of this test alone, set in the environment; nothing in them."""
    made = Home(tmp_path / "home")
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture(scope="session")
def spark() -> SparkSession:
    """The process's one session on the configured engine, the same one that ``ledgerctl`` uses in-process."""
    from configs.settings import load_settings
    from resources.spark import spark_session

    settings = load_settings().spark
    if settings.engine == "spark":
        require_java(os.environ)
    return spark_session(settings)


@pytest.fixture
def lakehouse(spark: SparkSession, tmp_path: Path) -> Iterator[Lakehouse]:
    """An empty warehouse of this test alone."""
    with Lakehouse(spark, warehouse=str(tmp_path / "warehouse")) as made:
        yield made


@pytest.fixture(scope="session")
def day_1(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Three generated landing days, of which the first was run as ``r1``. Not to be written to: see ``after_day_1``.

    The first day has what a rerun must not repeat: quarantined rows, a drifting user, a supply that does not match.
    """
    made = Home(tmp_path_factory.mktemp("day_1"))
    with entered(made):
        generated = ledgerctl(
            "mock", "--from", DAY_1, "--days", 3, "--users", 12, "--entries", ENTRIES_A_DAY, "--seed", 1
        )
        assert generated.code == 0, generated.err
        plant_findings(made)
        done = ledgerctl("day", DAY_1, "--run-id", "r1", "--json")
        assert done.code == 0, done.err
    return Template(made, done)


@pytest.fixture(scope="session")
def days_1_2(tmp_path_factory: pytest.TempPathFactory, day_1: Template) -> Template:
    """``day_1``, then the second day run as ``r2``: what undisturbed days leave behind."""
    made = Home(tmp_path_factory.mktemp("days_1_2")).copy_from(day_1.home)
    with entered(made), recorded_boundaries() as boundaries:
        done = ledgerctl("day", DAY_2, "--run-id", "r2", "--json")
        assert done.code == 0, done.err
    return Template(made, done, tuple(boundaries))


@pytest.fixture
def after_day_1(home: Home, day_1: Template) -> Home:
    """This test's own copy of ``day_1``."""
    return home.copy_from(day_1.home)


@pytest.fixture
def no_spark(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Starting Spark fails; how often it was asked for."""
    asked: list[object] = []

    def refuse(*arguments: object) -> None:
        asked.append(arguments)
        raise AssertionError("Spark was started")

    monkeypatch.setattr("resources.ledger.spark_session", refuse)
    return lambda: len(asked)

"""Generated days with faults on both engines, and each engine going on with a warehouse that the other wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from configs.settings import ROOT
from mock_data.faults import BAD_RATE, FAULT_NAMES
from mock_data.generator import generate
from tests.oracle import Oracle
from tests.oracle.chaos import write_landing
from tests.oracle.compare import compare
from tests.parity.engines import Engine, on_both
from tests.parity.equality import differences
from tests.support import Home

pytestmark = pytest.mark.jvm

SEED_FILE = ROOT / "mock_data" / "fixtures" / "dim_rule_scd2.json"
DAYS = DAY_1, DAY_2 = date(2026, 2, 1), date(2026, 2, 2)
ENGINES = ("sail", "spark")
ALONE, TAKING_TURNS = "sail then sail", ("sail then spark", "spark then sail")


@pytest.fixture(scope="session")
def engines(sail: Engine, jvm: Engine) -> Mapping[str, Engine]:
    return {"sail": sail, "spark": jvm}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two landing days of the oracle's generator: every notation, format and fault that the specification knows."""
    landing = tmp_path_factory.mktemp("hostile") / "landing"
    write_landing(landing, 103, list(DAYS), rows_per_table=100)
    return landing


@pytest.fixture(scope="module")
def first_days(
    tmp_path_factory: pytest.TempPathFactory, hostile: Path, engines: Mapping[str, Engine]
) -> Mapping[str, Home]:
    """Each engine's warehouse after the first hostile day."""
    root = tmp_path_factory.mktemp("first")

    def first_day(name: str, engine: Engine) -> Home:
        home = _home(root / name, hostile)
        _run(engine, home, DAY_1)
        return home

    return dict(zip(ENGINES, on_both(first_day, **engines), strict=True))


@pytest.fixture(scope="module")
def second_days(
    tmp_path_factory: pytest.TempPathFactory, first_days: Mapping[str, Home], engines: Mapping[str, Engine]
) -> Mapping[str, Home]:
    """Both hostile days, by who ran them: the embedded engine alone, and each engine after the other."""
    root = tmp_path_factory.mktemp("second")
    homes = {}
    for name in (ALONE, *TAKING_TURNS):
        writer, successor = name.split(" then ")
        homes[name] = Home(root / name.replace(" ", "-")).copy_from(first_days[writer])
        _run(engines[successor], homes[name], DAY_2)
    return homes


def test_a_hostile_day_is_the_same_on_both_engines(first_days: Mapping[str, Home]) -> None:
    """INV-42."""
    unequal = differences(first_days["sail"].root, first_days["spark"].root)
    assert not unequal, unequal


@pytest.mark.parametrize("name", TAKING_TURNS)
def test_an_engine_continues_what_the_other_wrote(second_days: Mapping[str, Home], name: str) -> None:
    """INV-43, INV-42: equal to one engine's two days."""
    unequal = differences(second_days[ALONE].root, second_days[name].root)
    assert not unequal, unequal


@pytest.mark.parametrize("name", [ALONE, *TAKING_TURNS])
def test_the_oracle_agrees(second_days: Mapping[str, Home], hostile: Path, name: str) -> None:
    """INV-30, whoever wrote which day: two engines that agree could still be wrong together."""
    oracle = Oracle(hostile, json.loads(SEED_FILE.read_text(encoding="utf-8")))
    for day in DAYS:
        assert oracle.day(day, f"r-{day}").ok
    found = [diff.report() for diff in compare(oracle, second_days[name].warehouse)]
    assert not found, "\n".join(found)


@pytest.mark.exhaustive
def test_planted_faults_are_found_alike(tmp_path: Path, engines: Mapping[str, Engine]) -> None:
    """INV-42: a clean day, then one with every fault of the generator that lets Silver pass."""
    landing = tmp_path / "landing"
    faults = [name for name in FAULT_NAMES if name != BAD_RATE]
    report = generate(landing, DAY_1, days=2, users=15, entries=400, seed=7, faults=faults)

    def both_days(name: str, engine: Engine) -> Home:
        home = _home(tmp_path / name, landing)
        for day in DAYS:
            _run(engine, home, day)
        return home

    by_sail, by_spark = on_both(both_days, **engines)
    unequal = differences(by_sail.root, by_spark.root)
    assert not unequal, unequal
    assert len(by_spark.rows("gold.exception_ledger")) == len(report.exceptions) > 0


def _home(root: Path, landing: Path) -> Home:
    home = Home(root)
    home.landing.parent.mkdir(parents=True, exist_ok=True)
    home.landing.symlink_to(landing)
    return home


def _run(engine: Engine, home: Home, day: date) -> None:
    done = engine.run(home.environment(), "day", day, "--run-id", f"r-{day}")
    assert done.exit == 0, done.output

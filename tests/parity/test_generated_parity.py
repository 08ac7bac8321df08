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
def homes(
    tmp_path_factory: pytest.TempPathFactory, hostile: Path, engines: Mapping[str, Engine]
) -> dict[tuple[str, date], Home]:
    """What each engine leaves after the first and after the second hostile day."""
    root = tmp_path_factory.mktemp("homes")

    def both_days(name: str, engine: Engine) -> dict[tuple[str, date], Home]:
        first = _home(root / f"{name}-1", hostile)
        _run(engine, first, DAY_1)
        second = Home(root / f"{name}-2").copy_from(first)
        _run(engine, second, DAY_2)
        return {(name, DAY_1): first, (name, DAY_2): second}

    by_sail, by_spark = on_both(both_days, **engines)
    return by_sail | by_spark


@pytest.mark.parametrize("day", DAYS)
def test_hostile_days_are_the_same_on_both_engines(homes: dict[tuple[str, date], Home], day: date) -> None:
    """INV-42."""
    unequal = differences(homes["sail", day].root, homes["spark", day].root)
    assert not unequal, unequal


@pytest.mark.parametrize("name", ENGINES)
def test_the_oracle_agrees(homes: dict[tuple[str, date], Home], hostile: Path, name: str) -> None:
    """INV-30, on either engine: two engines that agree could still be wrong together."""
    oracle = Oracle(hostile, json.loads(SEED_FILE.read_text(encoding="utf-8")))
    for day in DAYS:
        assert oracle.day(day, f"r-{day}").ok
    found = [diff.report() for diff in compare(oracle, homes[name, DAY_2].warehouse)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("writer", "successor"), [ENGINES, ENGINES[::-1]], ids=["sail then spark", "spark then sail"]
)
def test_an_engine_continues_what_the_other_wrote(
    homes: dict[tuple[str, date], Home],
    engines: Mapping[str, Engine],
    tmp_path: Path,
    writer: str,
    successor: str,
) -> None:
    """INV-43: the first day by one engine, the second by the other."""
    home = Home(tmp_path).copy_from(homes[writer, DAY_1])
    _run(engines[successor], home, DAY_2)
    unequal = differences(homes[writer, DAY_2].root, home.root)
    assert not unequal, unequal


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

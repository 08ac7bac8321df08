"""The named scenarios on both engines: each alone, as its expectations say; and the records of all of them at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mock_data.scenario import SCENARIOS_DIR, load_scenario, scenario_names
from tests.oracle import Oracle
from tests.oracle.compare import compare
from tests.parity.all_scenarios import TOLERANT_RULES, lay_all
from tests.parity.engines import Engine, on_both
from tests.parity.equality import differences
from tests.scenarios.runner import Workspace, play
from tests.support import DAY_1, DAY_2, Home

pytestmark = pytest.mark.jvm
_DAYS = f"date_kst_start={DAY_1},date_kst_end={DAY_1}"
_AGAIN = ("run", "pipeline_b_controls", "--params", f"run_mode=backfill,{_DAYS},run_id=r3")


@pytest.mark.exhaustive  # half an hour of a JVM; `make test` plays the records of all at once
@pytest.mark.parametrize("name", scenario_names())
def test_scenario_is_the_same_on_both_engines(name: str, tmp_path: Path, sail: Engine, jvm: Engine) -> None:
    """INV-42."""
    scenario = load_scenario(SCENARIOS_DIR / name)

    def play_on(name: str, engine: Engine) -> list[str]:
        workspace = Workspace(tmp_path / name)
        environment = workspace.environment(scenario)
        return play(scenario, workspace, lambda arguments: engine.run(environment, *arguments))

    for problems in on_both(play_on, sail=sail, spark=jvm):
        assert not problems, "\n".join(problems)
    unequal = differences(tmp_path / "sail", tmp_path / "spark")
    assert not unequal, unequal


def test_all_scenarios_at_once_are_the_same_and_as_specified(
    tmp_path: Path, sail: Engine, jvm: Engine
) -> None:
    """INV-42, INV-30: two days of every scenario's records, then B's first day again, as what came late restates it."""

    def run_on(name: str, engine: Engine) -> Home:
        home = Home(tmp_path / name)
        lay_all(home.landing)
        environment = {**home.environment(), "PIPELINE_CFG__RULES__SEED_PATH": str(TOLERANT_RULES)}
        for command in (("day", DAY_1, "--run-id", "r1"), ("day", DAY_2, "--run-id", "r2"), _AGAIN):
            done = engine.run(environment, *command)
            assert done.exit == 0, done.output
        return home

    homes = on_both(run_on, sail=sail, spark=jvm)
    unequal = differences(homes[0].root, homes[1].root)
    assert not unequal, unequal
    oracle = Oracle(homes[0].landing, json.loads(TOLERANT_RULES.read_text("utf-8")))
    assert oracle.day(DAY_1, "r1").ok
    assert oracle.day(DAY_2, "r2").ok
    assert oracle.b(DAY_1, "r3").ok
    assert {row["date_kst"] for row in homes[1].rows("gold.restatement_log")} == {DAY_1}
    for home in homes:
        found = [diff.report() for diff in compare(oracle, home.warehouse)]
        assert not found, "\n".join(found)

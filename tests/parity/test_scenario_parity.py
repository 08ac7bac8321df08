"""Every named scenario on both engines: each table as its expectations say, and each equal to the other's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mock_data.scenario import SCENARIOS_DIR, Scenario, load_scenario, scenario_names
from tests.parity.engines import Engine
from tests.parity.equality import differences
from tests.scenarios.runner import Workspace, play

pytestmark = pytest.mark.jvm
# In every `make test`: where the engines' own readers, numbers and texts come closest to the result.
CORE = ("large_amounts", "numbers_as_written", "one_day_normal", "unicode_and_quotes")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in CORE else pytest.mark.exhaustive) for name in scenario_names()],
)
def test_scenario_is_the_same_on_both_engines(name: str, tmp_path: Path, sail: Engine, jvm: Engine) -> None:
    """INV-42."""
    scenario = load_scenario(SCENARIOS_DIR / name)
    with ThreadPoolExecutor(1) as pool:
        embedded = pool.submit(_play, scenario, tmp_path / "sail", sail)
        problems = _play(scenario, tmp_path / "spark", jvm)
    assert not problems, "\n".join(problems)
    assert not embedded.result()
    unequal = differences(tmp_path / "sail", tmp_path / "spark")
    assert not unequal, unequal


def _play(scenario: Scenario, root: Path, engine: Engine) -> list[str]:
    workspace = Workspace(root)
    environment = workspace.environment(scenario)
    return play(scenario, workspace, lambda arguments: engine.run(environment, *arguments))

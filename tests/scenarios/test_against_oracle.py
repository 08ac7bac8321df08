"""The expectations were worked out by hand; here an independent implementation of the specification checks them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mock_data.scenario import SCENARIOS_DIR, load_scenario, scenario_names
from tests.scenarios.oracle_replay import NotModelledError, replay

NOT_MODELLED = {"zero_window"}  # ten-minute windows: the oracle runs whole KST days


@pytest.mark.parametrize("name", scenario_names())
def test_the_oracle_agrees(name: str, tmp_path: Path) -> None:
    scenario = load_scenario(SCENARIOS_DIR / name)
    if name in NOT_MODELLED:
        with pytest.raises(NotModelledError):
            replay(scenario, tmp_path)
        return
    problems = replay(scenario, tmp_path)
    assert not problems, "\n".join(problems)

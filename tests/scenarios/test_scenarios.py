"""Every named scenario through the real jobs: each table, reason, tag, exception and verdict as written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mock_data.scenario import SCENARIOS_DIR, load_scenario, scenario_names
from tests.scenarios.runner import Outcome, Workspace, play


@pytest.mark.parametrize("name", scenario_names())
def test_scenario(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from orchestration.cli import main

    scenario = load_scenario(SCENARIOS_DIR / name)
    workspace = Workspace(tmp_path / "run")
    workspace.enter(scenario, monkeypatch)

    def in_process(arguments: Sequence[str]) -> Outcome:
        code = main(list(arguments))
        captured = capfd.readouterr()
        return Outcome(code, captured.err + captured.out)

    problems = play(scenario, workspace, in_process)
    assert not problems, "\n".join(problems)

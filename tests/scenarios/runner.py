"""Play a named scenario against the real product: lay its files down, run `ledgerctl`, read the Delta tables.

The engine is the environment's (`PIPELINE_CFG__SPARK__ENGINE`), so one suite judges them all; how a command is run
is a parameter, so that it may also be another process.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from deltalake import DeltaTable

from mock_data.scenario import Scenario, Step
from tests.scenarios.diff import Rows, differences


class Outcome(NamedTuple):
    """How a command ended, and what it printed on either stream."""

    exit: int
    output: str


RunCommand = Callable[[Sequence[str]], Outcome]


@dataclass(frozen=True)
class Workspace:
    """The folders of one scenario run; nothing is shared between two."""

    root: Path
    landing: Path = field(init=False)
    warehouse: Path = field(init=False)
    dagster_home: Path = field(init=False)

    def __post_init__(self) -> None:
        for name in ("landing", "warehouse", "dagster_home"):
            folder = self.root / name
            folder.mkdir(parents=True)
            object.__setattr__(self, name, folder)

    def enter(self, scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
        """Point the settings at this workspace, with the scenario's own overrides on top."""
        for name in ("ANON_USER_KEY_SALT", "DATABRICKS_RUNTIME_VERSION"):
            monkeypatch.delenv(name, raising=False)
        for name, value in self.environment(scenario).items():
            monkeypatch.setenv(name, value)

    def environment(self, scenario: Scenario) -> dict[str, str]:
        """The variables that point the product at this workspace, with the scenario's own on top."""
        return {
            "PIPELINE_ENV": "local",
            "PIPELINE_CFG__LAKEHOUSE__WAREHOUSE": str(self.warehouse),
            "PIPELINE_CFG__LAKEHOUSE__LANDING": str(self.landing),
            "DAGSTER_HOME": str(self.dagster_home),
            **scenario.environment(),
        }

    def read(self, table: str) -> Rows:
        """All rows of a Delta table; none when it does not exist."""
        path = self.warehouse.joinpath(*table.split("."))
        if not (path / "_delta_log").is_dir():
            return []
        rows: list[dict[str, Any]] = DeltaTable(str(path)).to_pyarrow_table().to_pylist()
        return rows


def play(scenario: Scenario, workspace: Workspace, run: RunCommand) -> list[str]:
    """Run every step and compare; the first step that ends otherwise than expected stops the play.

    Returns what is not as expected, each text naming the scenario and the step, table and rows, or verdict.
    """
    for number, step in enumerate(scenario.steps, 1):
        if step.landing is not None:
            shutil.copytree(scenario.folder / step.landing, workspace.landing, dirs_exist_ok=True)
        outcome = run(step.ledgerctl)
        problem = _problem(step, outcome)
        if problem:
            command = " ".join(["ledgerctl", *step.ledgerctl])
            return [f"{scenario.name}: step {number} `{command}`: {problem}\n{outcome.output}"]
    return differences(scenario, workspace.read)


def _problem(step: Step, outcome: Outcome) -> str | None:
    if outcome.exit != step.exit:
        return f"expected exit code {step.exit}, got {outcome.exit}"
    if step.message_contains is not None and step.message_contains not in outcome.output:
        return f"its output does not contain {step.message_contains!r}"
    return None

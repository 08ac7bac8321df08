"""Several processes on one warehouse (spec sections 3 and 4).

INV-16: four processes that run different pipelines lose nothing. INV-08: two loads of one landing day at the same
time load each file once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from configs.settings import ROOT
from orchestration.cli import main
from tests.support import Home, difference

D1, D2 = "2026-02-01", "2026-02-02"


def _params(day: str, run_id: str) -> list[str]:
    return ["--params", f"run_mode=backfill,date_kst_start={day},date_kst_end={day},run_id={run_id}"]


def _together(home: Home, commands: Sequence[Sequence[str]]) -> None:
    """Start all commands at once, each in its own process; all must succeed."""
    environment = {**os.environ, **home.environment()}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli", *command],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    for process, command in zip(processes, commands, strict=True):
        _, messages = process.communicate()
        assert process.returncode == 0, f"{command}: {messages[-1500:]}"


def test_four_pipelines_at_once_lose_nothing(home: Home, tmp_path: Path) -> None:
    """INV-16, INV-08: A and Silver of a day (both load its files) beside B and C of the day before."""
    assert (
        main(["mock", "--from", D1, "--days", "2", "--users", "20", "--entries", "200", "--seed", "3"]) == 0
    )
    assert main(["day", D1, "--run-id", "r1"]) == 0
    alone = Home(tmp_path / "alone").copy_from(home)
    jobs = [
        ["run", "pipeline_a_guardrail", *_params(D2, "r2")],
        ["run", "pipeline_silver_materialization", *_params(D2, "r2")],
        ["run", "pipeline_b_controls", *_params(D1, "r1")],
        ["run", "pipeline_c_analytics", *_params(D1, "r1")],
    ]
    for job in jobs:
        _together(alone, [job])
    _together(home, jobs)
    assert not difference(alone.content(), home.content())

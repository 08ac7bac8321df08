"""``spark.master`` is a setting: a whole day on a standalone cluster of a master and two workers (INV-44)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from configs.settings import SETTING_PREFIX
from mock_data.scenario import SCENARIOS_DIR, load_scenario
from tests.jvm import require_java
from tests.parity.engines import ENGINE_VARIABLE, Child
from tests.parity.equality import differences
from tests.scenarios.runner import Workspace, play
from tests.spark.standalone import executors, standalone_cluster

pytestmark = [pytest.mark.jvm, pytest.mark.exhaustive]

WORKERS = 2
CONF = {
    "spark.executor.memory": "700m",
    "spark.executor.cores": "1",
    "spark.driver.host": "127.0.0.1",
    # More tasks than one worker has cores: both have to work.
    "spark.sql.shuffle.partitions": "2",
}


def test_a_day_on_a_master_and_two_workers(tmp_path: Path) -> None:
    """INV-44: both workers compute, and the tables are the embedded engine's."""
    require_java(os.environ)
    scenario = load_scenario(SCENARIOS_DIR / "drift_mismatch")
    with standalone_cluster(tmp_path / "cluster", WORKERS) as master:
        settings = {
            ENGINE_VARIABLE: "spark",
            f"{SETTING_PREFIX}SPARK__MASTER": master,
            f"{SETTING_PREFIX}SPARK__CONF": json.dumps(CONF),
        }
        for name, variables in (("spark", settings), ("sail", {ENGINE_VARIABLE: "sail"})):
            workspace, log = Workspace(tmp_path / name), tmp_path / f"{name}.log"
            child = Child(variables, log)
            environment = workspace.environment(scenario)
            problems = play(scenario, workspace, lambda a, c=child, e=environment: c.run(e, *a))  # type: ignore[misc]
            child.close()
            assert not problems, "\n".join(problems)
    unequal = differences(tmp_path / "sail", tmp_path / "spark")
    assert not unequal, unequal
    ran = executors(tmp_path / "cluster")
    assert len(ran) == WORKERS
    for worker, logs in ran.items():
        assert any("Finished task" in log for log in logs), f"{worker} computed nothing"

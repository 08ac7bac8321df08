"""Bindings of an environment: nothing of Databricks on a laptop, and no op that could run on the host of a workspace."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

_LOADED = """
import json, sys
from orchestration.definitions import defs
repository = defs.get_repository_def()
ops = {
    f"{job.name}.{node.name}": sorted(node.definition.required_resource_keys)
    for job in repository.get_all_jobs()
    for node in job.nodes
}
remote = [m for m in sys.modules if m.partition(".")[0] in ("dagster_databricks", "databricks", "pysail")]
ours = [m for m in sys.modules if m.startswith("resources.databricks")]
print(json.dumps({"ops": ops, "remote": remote, "ours": ours}))
"""


def _loaded(**environment: str) -> dict[str, object]:
    """Modules of a fresh process after loading the code location."""
    done = subprocess.run(
        [sys.executable, "-c", _LOADED],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_laptop_loads_nothing_of_databricks() -> None:
    found = _loaded(PIPELINE_ENV="local")
    assert (found["remote"], found["ours"]) == ([], [])


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_every_op_of_a_workspace_is_launched(environment: str) -> None:
    """All but the one that reads A's verdicts from the event log, which only the host has (D-086)."""
    found = _loaded(PIPELINE_ENV=environment)
    ops = found["ops"]
    assert isinstance(ops, dict)
    assert len(ops) >= 8
    on_the_host = {name.rpartition(".")[2] for name, keys in ops.items() if "ledger" not in keys}
    assert on_the_host == {"bronze_quality"}
    assert found["remote"] == [], "loading definitions reaches for no workspace"

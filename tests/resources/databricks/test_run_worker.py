"""The process that watches a launched step is stopped, politely or not."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from tests.databricks_emulator import Emulator
from tests.resources.databricks.code_server import code_server

_PROBE = "tests.resources.databricks.probe"


def test_cancelling_in_the_ui_cancels_the_databricks_run(
    workspace: Emulator, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    marker = tmp_path / "started"
    with code_server(instance, _PROBE) as server:
        run_id = server.launch("probe_job", {"probe": {"what": "hang", "marker": str(marker)}})
        _until(marker.exists)
        server.cancel(run_id)
        assert server.wait(run_id) == dg.DagsterRunStatus.CANCELED
    _until(workspace.runs[0].over.is_set)
    assert workspace.runs[0].end is not None
    assert workspace.runs[0].end.result == "CANCELED"
    assert workspace.count("POST .*/cancel") == 1
    assert (len(workspace.runs), workspace.storage.files()) == (1, [])


def test_a_killed_worker_leaves_a_run_that_databricks_ends_and_a_second_worker_does_the_day(
    workspace: Emulator, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_CFG__DATABRICKS__TIMEOUT_SEC", "20")
    marker = tmp_path / "started"
    config = {"probe": {"what": "hang once", "marker": str(marker)}}
    with code_server(instance, _PROBE) as server:
        run_id = server.launch("probe_job", config)
        _until(marker.exists)
        os.kill(server.worker_pid(run_id), signal.SIGKILL)
        _until(workspace.runs[0].over.is_set)
    assert workspace.runs[0].end is not None
    assert workspace.runs[0].end.result == "TIMEDOUT", "nobody watches it, so its own timeout ends it"
    with code_server(instance, _PROBE) as server:  # a worker killed so may leave its server's locks behind
        again = server.launch("probe_job", config)
        assert server.wait(again) == dg.DagsterRunStatus.SUCCESS
        assert server.status(run_id) != dg.DagsterRunStatus.SUCCESS
    assert len(workspace.runs) == 2
    left = workspace.storage.files()
    assert left, "the killed worker could not clear its staging"
    assert all(f"staging/{run_id}/" in path for path in left)


def _until(holds: Callable[[], bool], timeout_sec: float = 300) -> None:
    until = time.monotonic() + timeout_sec
    while not holds():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.1)

"""The fault matrix: what the workspace does wrong, and what becomes of the step, the staging and the runs."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from tests.databricks_emulator import Emulator, End, Script
from tests.databricks_emulator.script import CANCELED, DRIVER_LOST, NO_CLUSTER, SPOT_LOST
from tests.resources.databricks.workspace import run_probe

_ENDPOINTS = (
    "PUT /api/2.0/fs/directories",
    "PUT /api/2.0/fs/files.*code.zip",
    "POST /api/2.2/jobs/runs/submit",
    "GET /api/2.2/jobs/runs/get",
    "GET /api/2.0/fs/files.*events",
    "DELETE /api/2.0/fs/files",
)


@pytest.fixture
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """No retries, and little patience with a failing API."""
    monkeypatch.setenv("PIPELINE_CFG__DATABRICKS__RETRIES__MAX", "0")
    monkeypatch.setenv("PIPELINE_CFG__DATABRICKS__PATIENCE_SEC", "1")


_NEVER_STARTED = {
    "cluster start failure": NO_CLUSTER,
    "internal error": End("INTERNAL_ERROR", "FAILED", "INTERNAL_ERROR", "An unexpected error occurred"),
    "SKIPPED": End("SKIPPED", None, "SKIPPED", "Run was skipped"),
    "unknown result state": End("TERMINATED", "VAPORIZED", "SOMETHING_NEW", "?"),
    "success that never ran": End(),
    "platform cancelled it": End("TERMINATED", "CANCELED", "CANCELED", "maximum run duration"),
}


@pytest.mark.parametrize("end", _NEVER_STARTED.values(), ids=_NEVER_STARTED.keys())
def test_an_infrastructure_fault_is_retried_and_then_fails_with_the_runs_url(
    workspace: Emulator, instance: dg.DagsterInstance, end: End
) -> None:
    workspace.scripts.extend([Script(never_starts=end)] * 3)
    ran = run_probe(workspace, instance)
    assert ran.ends == ["STEP_UP_FOR_RETRY", "STEP_UP_FOR_RETRY", "STEP_FAILURE"]
    assert (ran.databricks_runs, ran.staged) == (3, [])
    assert "attempt 3 of 3" in ran.failure
    assert end.life_cycle in ran.failure
    assert workspace.runs[2].url in ran.failure


_FINAL = {
    "somebody cancelled it": CANCELED,
    "the cluster request is wrong": End(
        "INTERNAL_ERROR", "FAILED", "INVALID_CLUSTER_REQUEST", "no such policy"
    ),
}


@pytest.mark.parametrize("end", _FINAL.values(), ids=_FINAL.keys())
def test_an_end_that_would_come_again_is_not_retried(
    workspace: Emulator, instance: dg.DagsterInstance, end: End
) -> None:
    workspace.scripts.append(Script(never_starts=end))
    ran = run_probe(workspace, instance)
    assert (ran.ends, ran.databricks_runs, ran.staged) == (["STEP_FAILURE"], 1, [])
    assert end.message in ran.failure


@pytest.mark.parametrize("end", [DRIVER_LOST, SPOT_LOST], ids=["driver killed", "spot loss"])
def test_a_lost_driver_is_replaced_by_the_next_attempt(
    workspace: Emulator, instance: dg.DagsterInstance, tmp_path: Path, end: End
) -> None:
    marker = tmp_path / "started"
    workspace.scripts.append(Script(kill_when=marker.exists, killed_as=end))
    ran = run_probe(workspace, instance, what="hang once", marker=str(marker))
    assert ran.ends == ["STEP_UP_FOR_RETRY", "STEP_SUCCESS"]
    assert (ran.metadata["attempt"], ran.databricks_runs, ran.staged) == (2, 2, [])


@pytest.mark.usefixtures("one_try")
def test_a_run_that_takes_too_long_is_ended_by_databricks_itself(
    workspace: Emulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_CFG__DATABRICKS__TIMEOUT_SEC", "1")
    ran = run_probe(workspace, instance, what="hang")
    assert (ran.ends, ran.databricks_runs, ran.staged) == (["STEP_FAILURE"], 1, [])
    assert "TIMEDOUT" in ran.failure


def test_a_fault_on_every_endpoint_costs_no_second_run(
    workspace: Emulator, instance: dg.DagsterInstance
) -> None:
    faults = [workspace.fail(endpoint, status) for endpoint in _ENDPOINTS for status in (429, 500, 503)]
    ran = run_probe(workspace, instance)
    assert ran.success, workspace.runs[-1].driver_log
    assert [f.pattern for f in faults if not f.hits] == []
    assert (ran.ends, ran.databricks_runs, ran.staged) == (["STEP_SUCCESS"], 1, [])


_LASTING = {
    "staging": ("PUT /api/2.0/fs/files", 0),
    "submit": ("POST .*/submit", 0),
    "polling": ("GET .*/runs/get", 1),
    "reading events": ("GET /api/2.0/fs/files", 1),
}


@pytest.mark.usefixtures("one_try")
@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize(("endpoint", "runs"), _LASTING.values(), ids=_LASTING.keys())
def test_a_fault_that_stays_fails_the_step_and_stops_the_run(
    workspace: Emulator, instance: dg.DagsterInstance, endpoint: str, runs: int, status: int
) -> None:
    workspace.scripts.append(Script(start_delay_sec=60))
    workspace.fail(endpoint, status, times=10_000)
    ran = run_probe(workspace, instance)
    assert (ran.ends, ran.databricks_runs) == (["STEP_FAILURE"], runs)
    assert f"scripted {status}" in ran.failure or "Timed out" in ran.failure
    assert workspace.count("POST .*/cancel") == runs
    assert all(run.is_cancelled for run in workspace.runs)


@pytest.mark.usefixtures("one_try")
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_submission_whose_answer_is_lost_starts_one_run(
    workspace: Emulator, instance: dg.DagsterInstance, status: int
) -> None:
    workspace.scripts.append(Script(never_starts=NO_CLUSTER))
    workspace.fail("POST .*/submit", status, after_serving=True)
    ran = run_probe(workspace, instance)
    assert workspace.count("POST .*/submit") == 2
    assert ran.databricks_runs == 1
    assert len(workspace.runs[0].request["idempotency_token"]) == 64


def test_terminating_without_a_result_is_still_running(
    workspace: Emulator, instance: dg.DagsterInstance
) -> None:
    workspace.scripts.append(Script(terminating_sec=1.5))
    ran = run_probe(workspace, instance)
    assert ran.success, workspace.runs[-1].driver_log
    assert ran.types("STEP_SUCCESS", "STEP_FAILURE") == ["STEP_SUCCESS"]
    assert (ran.databricks_runs, ran.staged) == (1, [])


def test_once_the_step_has_ended_later_trouble_does_not_count(
    workspace: Emulator, instance: dg.DagsterInstance
) -> None:
    workspace.scripts.append(Script(ends_as=SPOT_LOST))
    ran = run_probe(workspace, instance)
    assert (ran.ends, ran.databricks_runs, ran.staged) == (["STEP_SUCCESS"], 1, [])


def test_a_missing_secret_fails_at_once_and_closed(workspace: Emulator, instance: dg.DagsterInstance) -> None:
    workspace.runner.secrets = {}
    ran = run_probe(workspace, instance, what="salt")
    assert (ran.ends, ran.databricks_runs, ran.staged) == (["STEP_FAILURE"], 1, [])
    assert "ledger-dev/anon-user-key-salt" in ran.failure


def test_other_library_versions_are_refused_before_anything_runs(
    workspace: Emulator, instance: dg.DagsterInstance
) -> None:
    workspace.runner.installed = {"dagster": "1.12.0"}
    ran = run_probe(workspace, instance)
    assert (ran.ends, ran.databricks_runs, ran.staged) == (["STEP_FAILURE"], 1, [])
    assert "dagster 1.12.0 (host:" in ran.failure


@pytest.mark.parametrize("when", ["before", "while the step runs"])
def test_an_expired_token_fails_at_once_and_says_so(
    workspace: Emulator, instance: dg.DagsterInstance, when: str
) -> None:
    if when == "before":
        workspace.tokens.clear()
    else:
        workspace.scripts.append(Script(kill_when=lambda: _revoked(workspace)))
    ran = run_probe(workspace, instance, what="hang")
    assert (ran.ends, ran.databricks_runs) == (["STEP_FAILURE"], int(when != "before"))
    assert "the token is not valid or has expired" in ran.failure
    if workspace.runs:
        assert workspace.runs[0].request["timeout_seconds"] == 3600, "what nobody can cancel ends by itself"


def _revoked(workspace: Emulator) -> bool:
    workspace.tokens.clear()
    return False

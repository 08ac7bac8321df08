"""A step that is launched, runs on the cluster and comes back, or says why it does not."""

from __future__ import annotations

import json
import pickle
import zipfile
from io import BytesIO
from pathlib import Path

import dagster as dg
import pytest

from resources.databricks.code_package import ALLOWED
from tests.databricks_emulator import Emulator
from tests.resources.databricks.workspace import CANARY, run_probe


def test_a_step_runs_on_the_cluster_and_its_events_come_back(
    workspace: Emulator, instance: dg.DagsterInstance
) -> None:
    ran = run_probe(workspace, instance)
    assert ran.success, workspace.runs[-1].driver_log
    assert ran.types("STEP_START", "ASSET_CHECK_EVALUATION", "ASSET_MATERIALIZATION", "STEP_SUCCESS") == [
        "STEP_START",
        "ASSET_MATERIALIZATION",
        "ASSET_CHECK_EVALUATION",
        "STEP_SUCCESS",
    ]
    assert (ran.databricks_runs, ran.staged) == (1, [])
    assert (ran.metadata["where"], ran.metadata["environment"]) == ("LedgerResource", "dev")
    assert ran.metadata["started"], "the run's start, which the remote instance does not know, came along"
    (announced,) = [e for e in ran.events if e.step_key and e.event_type_value == "ENGINE_EVENT"]
    assert announced.engine_event_data.metadata["databricks_run_url"].value == workspace.runs[0].url


def test_a_step_that_fails_makes_the_databricks_run_fail(
    workspace: Emulator, instance: dg.DagsterInstance
) -> None:
    ran = run_probe(workspace, instance, what="refuse")
    assert ran.ends == ["STEP_FAILURE"], "a fault that cannot pass is not tried again"
    assert "refused by the step" in ran.failure
    assert workspace.runs[0].end is not None
    assert (workspace.runs[0].end.result, ran.databricks_runs, ran.staged) == ("FAILED", 1, [])


def test_a_fault_of_the_step_that_may_pass_is_retried_by_its_own_policy(
    workspace: Emulator, instance: dg.DagsterInstance
) -> None:
    ran = run_probe(workspace, instance, what="pass by")
    assert ran.ends == ["STEP_UP_FOR_RETRY", "STEP_UP_FOR_RETRY", "STEP_FAILURE"]
    assert [r.request["run_name"].rpartition(" ")[2] for r in workspace.runs] == [
        "attempt=1/3",
        "attempt=2/3",
        "attempt=3/3",
    ]
    assert ran.staged == []


def test_the_staging_may_be_on_dbfs(
    workspace: Emulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_CFG__DATABRICKS__STAGING__KIND", "dbfs")
    monkeypatch.setenv("PIPELINE_CFG__DATABRICKS__STAGING__PATH", "/ledger/staging")
    ran = run_probe(workspace, instance)
    assert ran.success, workspace.runs[-1].driver_log
    assert workspace.count("/api/2.0/dbfs/add-block") >= 4
    assert workspace.count("/api/2.0/fs") == 0
    assert ran.staged == []


def test_only_the_allowed_code_leaves_the_host_and_no_path_of_it(
    workspace: Emulator, instance: dg.DagsterInstance
) -> None:
    assert run_probe(workspace, instance).success
    staged = {path.rpartition("/")[2]: parts[-1] for path, parts in workspace.storage.ever_written.items()}
    with zipfile.ZipFile(BytesIO(staged["code.zip"])) as archive:
        folders = {name.partition("/")[0] for name in archive.namelist()}
    assert folders == {folder.partition("/")[0] for folder, _ in ALLOWED} | {"tests"}
    assert set(staged) == {"code.zip", "config.json", "remote_entry.py", "step_run_ref.pkl"}
    pointer = pickle.loads(staged["step_run_ref.pkl"]).recon_job.repository.pointer
    assert pointer.working_directory is None
    assert str(Path.cwd()).encode() not in staged["config.json"]


def test_a_step_prints_100_mb_and_dagster_keeps_the_end(
    workspace: Emulator, instance: dg.DagsterInstance
) -> None:
    ran = run_probe(workspace, instance, what="print")
    assert ran.success, workspace.runs[-1].driver_log[-2000:]
    assert len(workspace.runs[0].driver_log) > 100_000_000, "the driver's log has all of it"
    logged = [e.user_message for e in instance.all_logs(_run_id(instance))]
    assert max(map(len, logged)) < 70_000
    assert any("last line" in message for message in logged)


def test_a_step_that_shows_its_secret_shows_nothing(
    workspace: Emulator, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    ran = run_probe(workspace, instance, what="salt")
    assert ran.metadata["salt"] == f"{len(CANARY)} characters, [REDACTED]"
    assert "the salt is [REDACTED]" in workspace.runs[0].driver_log
    forms = [CANARY.encode(), json.dumps(CANARY)[1:-1].encode()]
    kept = {str(p): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    kept |= {path: b"".join(parts) for path, parts in workspace.storage.ever_written.items()}
    assert kept
    assert [path for path, content in kept.items() if any(form in content for form in forms)] == []


def test_slow_polling_loses_no_event(
    workspace: Emulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_CFG__DATABRICKS__POLL_INTERVAL_SEC", "8")
    ran = run_probe(workspace, instance)
    assert ran.types("STEP_START", "ASSET_MATERIALIZATION", "STEP_SUCCESS") == [
        "STEP_START",
        "ASSET_MATERIALIZATION",
        "STEP_SUCCESS",
    ]
    assert workspace.count("GET .*runs/get") <= 4


def _run_id(instance: dg.DagsterInstance) -> str:
    (record,) = instance.get_run_records()
    return record.dagster_run.run_id

"""Failures that the finalizers record, and those that they leave alone; the processes themselves are in test_faults (spec section 3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from orchestration.definitions import defs
from orchestration.launch import dagster_instance
from orchestration.sensors.failures import attempt_started, finalizer_requests
from resources.ledger import LedgerResource
from resources.parameters import as_run_config
from tests.orchestration.records import FAILURE, Records
from tests.support import DAY_1, DAY_2, DAY_3, Home, Row, ledgerctl

LOG = "gold.pipeline_run_log"
A, SILVER, B, C = (
    *("pipeline_a_guardrail", "pipeline_silver_materialization"),
    *("pipeline_b_controls", "pipeline_c_analytics"),
)


def failed_run(job: str, day: object, **config: str) -> dg.DagsterRun:
    """Run a job in this process; it is expected to fail."""
    with dagster_instance() as instance:
        result = defs.resolve_job_def(job).execute_in_process(
            run_config=as_run_config(config),
            partition_key=str(day),
            instance=instance,
            raise_on_error=False,
        )
        assert not result.success
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        return run


def finalize(run: dg.DagsterRun, why: str = "why") -> dg.SensorResult | dg.SkipReason:
    """Evaluate the sensor's decision, and make the runs that it asks for."""
    with dagster_instance() as instance:
        decided = finalizer_requests(instance, LedgerResource(), run, why)
        for request in decided.run_requests or [] if isinstance(decided, dg.SensorResult) else []:
            job = defs.resolve_job_def(str(request.job_name))
            assert job.execute_in_process(run_config=request.run_config, instance=instance).success
    return decided


def rows_of(home: Home, run: dg.DagsterRun) -> list[Row]:
    return [row for row in home.rows(LOG) if row["run_id"] == run.run_id]


def skipped(decided: object) -> str:
    assert isinstance(decided, dg.SkipReason), decided
    return str(decided.skip_message)


def test_recorded_failure_is_not_recorded_again(after_day_1: Home) -> None:
    """INV-38, INV-11: B refused an unready day in two tasks at once: one attempt, one row, also after the finalizer."""
    run = failed_run(B, DAY_2)
    before = after_day_1.versions()
    assert isinstance(finalize(run), dg.SensorResult)
    assert after_day_1.versions() == before
    (row,) = rows_of(after_day_1, run)
    assert row["status"] == "failure"


def test_unrecorded_failure_is_recorded_once(after_day_1: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-38: only last_run_id and updated_at move; a finalizer that is repeated adds nothing."""
    with monkeypatch.context() as patch:
        patch.setattr("ledger.pipelines.attempt.record_failure", _cannot)
        run = failed_run(B, DAY_2)
    assert rows_of(after_day_1, run) == []
    state = {r["pipeline_name"]: r for r in after_day_1.rows("gold.pipeline_state")}
    for _ in range(2):
        finalize(run, "its process was killed")
        (row,) = rows_of(after_day_1, run)
        assert (row["status"], row["date_kst"], row["message"]) == (
            "failure",
            DAY_2,
            "its process was killed",
        )
    after = {r["pipeline_name"]: r for r in after_day_1.rows("gold.pipeline_state")}
    assert {name for name in after if after[name] != state[name]} == {"pipeline_b"}
    moved = {k for k in after["pipeline_b"] if after["pipeline_b"][k] != state["pipeline_b"][k]}
    assert moved == {"last_run_id", "updated_at"}


def test_a_scheduled_window_of_a_is_found_again(after_day_1: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-38: the tick is in the run's tags, the watermark in the state."""
    tick = datetime(2026, 2, 10, 15, 10, tzinfo=UTC)  # ten minutes into day 2 in Korea
    with monkeypatch.context() as patch, dagster_instance() as instance:
        patch.setattr("ledger.pipelines.attempt.record_failure", _cannot)
        patch.setattr("ledger.pipelines.guardrail.measure", _cannot)
        result = defs.resolve_job_def(A).execute_in_process(
            run_config=as_run_config({"run_mode": "incremental"}),
            partition_key=str(DAY_2),
            tags={"ledger/tick": tick.isoformat()},
            instance=instance,
            raise_on_error=False,
        )
        run = instance.get_run_by_id(result.run_id)
    assert run is not None
    finalize(run)
    (row,) = rows_of(after_day_1, run)
    assert (row["window_start_ts"], row["window_end_ts"]) == (tick - timedelta(minutes=10), tick)
    assert row["date_kst"] == DAY_2


def test_the_run_id_of_the_parameters_names_the_attempt(
    after_day_1: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-38"""
    with monkeypatch.context() as patch:
        patch.setattr("ledger.pipelines.attempt.record_failure", _cannot)
        run = failed_run(C, DAY_2, run_id="incident-7")
    finalize(run)
    (row,) = [row for row in after_day_1.rows(LOG) if row["run_id"] == "incident-7"]
    assert row["pipeline_name"] == "pipeline_c"


def test_an_earlier_run_of_the_same_id_on_a_host_that_is_ahead_is_not_this_one(
    after_day_1: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-38: what a run recorded is known by its start. Its success was recorded at a later time than this failure."""
    with monkeypatch.context() as patch:
        patch.setattr(LedgerResource, "now", lambda _: datetime.now(UTC) + timedelta(hours=2))
        assert ledgerctl("run", C, "--partition", DAY_1, "--params", "run_id=incident-8").code == 0
    with monkeypatch.context() as patch:
        patch.setattr("ledger.pipelines.attempt.record_failure", _cannot)
        patch.setattr("ledger.pipelines.analytics.upstream_of", _cannot)
        run = failed_run(C, DAY_1, run_id="incident-8")
    for _ in range(2):
        finalize(run)
    rows = [row for row in after_day_1.rows(LOG) if row["run_id"] == "incident-8"]
    assert [row["status"] for row in sorted(rows, key=lambda row: row["ended_at"])] == ["success", "failure"]


def test_refused_parameters_are_no_attempt(after_day_1: Home) -> None:
    """INV-38, INV-17: nothing was started, so nothing failed."""
    run = failed_run(SILVER, DAY_1, run_mode="sideways")
    assert "parameter run_mode" in skipped(finalize(run))
    assert rows_of(after_day_1, run) == []


def test_unstarted_run_is_no_attempt(records: Records) -> None:
    """INV-38: cancelled in the queue; or a job without a state."""
    waiting = records.run("pipeline_b", DAY_3, FAILURE, tags={"dagster/will_retry": "false"})
    decided = finalizer_requests(records.instance, LedgerResource(), waiting, "why")
    assert "no attempt was made" in skipped(decided)
    job = defs.resolve_job_def("bootstrap_catalog")
    other = records.instance.create_run_for_job(job, status=FAILURE)
    assert "no pipeline with a state" in skipped(
        finalizer_requests(records.instance, LedgerResource(), other, "why")
    )


@pytest.mark.parametrize(
    ("tags", "pending"),
    [
        ({"dagster/will_retry": "true"}, True),
        ({"dagster/will_retry": "false"}, False),
        ({}, True),
        ({"dagster/max_retries": "0"}, False),
    ],
)
def test_a_pending_retry_is_waited_for(records: Records, tags: dict[str, str], pending: bool) -> None:
    """INV-38: also in the moment before Dagster has tagged the run."""
    run = records.run("pipeline_b", DAY_3, FAILURE, tags=tags)
    reason = skipped(finalizer_requests(records.instance, LedgerResource(), run, "why"))
    assert ("the last attempt decides" in reason) == pending


def test_a_success_after_the_last_task_is_no_failure(after_day_1: Home) -> None:
    """INV-38: every operation of the pipeline ended well: whatever else failed the run, the pipeline did not."""
    done = ledgerctl("run", SILVER, "--partition", DAY_2, "--json")
    assert done.code == 0, done.err
    (made,) = done.json["runs"]
    with dagster_instance() as instance:
        run = instance.get_run_by_id(made["dagster_run_id"])
        assert run is not None
        assert attempt_started(instance, run, "pipeline_silver") is None


def _cannot(*_: Any, **__: Any) -> None:
    raise RuntimeError("the storage is away")

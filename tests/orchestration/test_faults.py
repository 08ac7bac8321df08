"""Real runs under a real daemon, each disturbed in its own way: the state that is left is the right one (INV-38)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest

from configs.settings import load_settings
from tests.orchestration.served import Served
from tests.support import DAY_1, DAY_2, DAY_3, Home, Row, Template, entered

SUCCESS, FAILURE, CANCELED = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)
A, SILVER, B, C = (
    *("pipeline_a_guardrail", "pipeline_silver_materialization"),
    *("pipeline_b_controls", "pipeline_c_analytics"),
)
LOG = "gold.pipeline_run_log"

pytestmark = pytest.mark.skipif(
    load_settings().spark.engine != "sail", reason="one engine is enough for daemons"
)


@pytest.fixture(scope="module")
def served(day_1: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Day 1 was run; days 2 and 3 have landed."""
    home = Home(tmp_path_factory.mktemp("served")).copy_from(day_1.home, "warehouse", "landing")
    with entered(home):
        made = Served(home)
        try:
            made.start("code", "web", "daemon")
            yield made
        finally:
            made.close()


def attempts(served: Served, run_id: str) -> list[Row]:
    """The run log's rows of one run, in order."""
    rows = [row for row in served.home.rows(LOG) if row["run_id"] == run_id]
    return sorted(rows, key=lambda row: row["ended_at"])


def statuses(served: Served, run_id: str) -> list[str]:
    return [row["status"] for row in attempts(served, run_id)]


def finalized(served: Served, run_id: str, pipeline: str) -> None:
    """The finalizer of the run was launched by its sensor, and succeeded."""
    key = {"dagster/run_key": f"finalize:{pipeline}:{run_id}"}
    served.wait_for(
        f"the finalizer of {run_id}", lambda: bool(served.runs_of(f"{pipeline}_finalize_failure", **key))
    )
    (run,) = served.runs_of(f"{pipeline}_finalize_failure", **key)
    assert served.ended(run.run_id) == [SUCCESS]


def _exists(served: Served, job: str, tags: Mapping[str, str]) -> bool:
    return bool(served.runs_of(job, **tags))


def _is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def state(served: Served, pipeline: str) -> Row:
    (row,) = [row for row in served.home.rows("gold.pipeline_state") if row["pipeline_name"] == pipeline]
    return row


def test_silver_fails_and_its_repair_runs_what_was_blocked(served: Served) -> None:
    """INV-12, INV-34, INV-38: a data error is not retried; B and C fail closed; the repair runs both, by the sensor."""
    served.plant("silver", "data")
    broken = served.launch(SILVER, DAY_2)
    assert served.ended(broken) == [FAILURE]
    assert statuses(served, broken) == ["failure"], "one attempt: a data error is not retried"
    blocked = [served.launch(job, DAY_2) for job in (B, C)]
    assert served.ended(*blocked) == [FAILURE, FAILURE]
    for run_id, pipeline in zip(blocked, ("pipeline_b", "pipeline_c"), strict=True):
        finalized(served, run_id, pipeline)
        (row,) = attempts(served, run_id)
        assert "pipeline_silver" in row["message"]
    finalized(served, broken, "pipeline_silver")
    assert statuses(served, broken) == ["failure"], "recorded once, by the run itself"
    repaired = served.launch(SILVER, DAY_2)
    assert served.ended(repaired) == [SUCCESS]
    for job in (B, C):
        wanted = {"dagster/partition": str(DAY_2), "ledger/reason": "repaired"}
        served.wait_for(f"{job} to be run again", partial(_exists, served, job, wanted))
        (run,) = served.runs_of(job, **wanted)
        assert served.ended(run.run_id) == [SUCCESS]


def test_recon_fails_and_supply_stays(served: Served) -> None:
    """INV-38: the failure state is written, and what the other task computed is kept."""
    before = state(served, "pipeline_b")
    served.plant("recon", "data")
    run_id = served.launch(B, DAY_1)
    assert served.ended(run_id) == [FAILURE]
    finalized(served, run_id, "pipeline_b")
    (row,) = attempts(served, run_id)
    assert (row["status"], "planted at recon" in row["message"]) == ("failure", True)
    after = state(served, "pipeline_b")
    assert {k for k in after if after[k] != before[k]} == {"last_run_id", "updated_at"}
    (supply,) = [r for r in served.home.rows("gold.ledger_supply_balance_daily") if r["date_kst"] == DAY_1]
    assert supply["run_id"] == run_id
    assert {
        r["run_id"] for r in served.home.rows("gold.recon_daily_snapshot_flow") if r["date_kst"] == DAY_1
    } != {run_id}


def test_a_fault_that_passes_is_retried(served: Served) -> None:
    """INV-38: two transient faults, then a success, all in one run; every attempt is logged."""
    served.plant("recon", "transient", "transient")
    run_id = served.launch(B, DAY_1)
    assert served.ended(run_id) == [SUCCESS]
    assert statuses(served, run_id) == ["failure", "failure", "success"]
    assert state(served, "pipeline_b")["last_run_id"] == run_id
    assert not served.runs_of(
        "pipeline_b_finalize_failure", **{"dagster/run_key": f"finalize:pipeline_b:{run_id}"}
    )


def test_killed_timed_out_cancelled(served: Served) -> None:
    """INV-38: four runs at once; whoever could not record itself is recorded once, unless a retry is pending."""
    for point in ("guardrail", "silver", "recon", "analytics"):
        served.plant(point, "hang")
    timed_out = served.launch(A, DAY_1, max_runtime=20, max_retries=0)
    cancelled = served.launch(SILVER, DAY_3)
    killed = served.launch(B, DAY_1, max_retries=0)
    retried = served.launch(C, DAY_1)
    for point, run_id in (("recon", killed), ("analytics", retried)):
        served.wait_for_fault(point)
        os.kill(served.worker_pid(run_id), signal.SIGKILL)
    served.wait_for_fault("silver")
    served.cancel(cancelled)
    workers = [served.worker_pid(run_id) for run_id in (cancelled, timed_out)]
    assert served.ended(timed_out, cancelled, killed, retried) == [FAILURE, CANCELED, FAILURE, FAILURE]
    for pid in workers:  # or a retry of a run that has ended would go on writing
        served.wait_for(f"process {pid} to end", partial(_is_gone, pid))
    expected: tuple[tuple[str, str, date, str], ...] = (
        (timed_out, "pipeline_a", DAY_1, "maximum runtime"),
        (cancelled, "pipeline_silver", DAY_3, "cancelled"),
        (killed, "pipeline_b", DAY_1, ""),
    )
    for run_id, pipeline, day, why in expected:
        finalized(served, run_id, pipeline)
        (row,) = attempts(served, run_id)
        assert (row["status"], row["pipeline_name"], row["date_kst"]) == ("failure", pipeline, day)
        assert why in row["message"]
        assert state(served, pipeline)["last_run_id"] == run_id
    served.wait_for("the retry", lambda: len(served.runs_of(C, **{"dagster/root_run_id": retried})) == 1)
    (again,) = served.runs_of(C, **{"dagster/root_run_id": retried})
    assert served.ended(again.run_id) == [SUCCESS]
    assert statuses(served, retried) == ["success"], (
        "the retry shares the root run's id; no failure was recorded"
    )
    assert not served.runs_of(
        "pipeline_c_finalize_failure", **{"dagster/run_key": f"finalize:pipeline_c:{retried}"}
    )


def test_one_run_at_a_time(served: Served) -> None:
    """INV-31: two of the job and one from the asset graph, all at once: they run one after the other."""
    served.plant("guardrail", "slow", "slow", "slow")
    assets = ("silver/dq_status", "gold/exception_ledger/dq", "gold/pipeline_state/pipeline_a")
    runs = [served.launch(A, day) for day in (DAY_1, DAY_2)]
    runs.append(served.launch("__ASSET_JOB", DAY_3, assets=assets))
    assert served.ended(*runs) == [SUCCESS] * 3
    stats = sorted(
        (served.instance.get_run_stats(run_id) for run_id in runs), key=lambda s: s.start_time or 0
    )
    assert all((a.end_time or 0) <= (b.start_time or 0) for a, b in pairwise(stats))


BACKFILL = (
    "mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) { __typename"
    " ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"
)


def test_a_backfill_survives_the_daemon_and_the_webserver(served: Served) -> None:
    """INV-36, INV-38: killed in the middle of it and started again; every day has its verdict, none is lost."""
    days = [f"2026-03-0{n}" for n in range(1, 6)]
    selector = {"repositoryName": "__repository__", "repositoryLocationName": "ledger_controls"}
    parameters = {
        "selector": {"repositorySelector": selector, "partitionSetName": f"{A}_partition_set"},
        "partitionNames": days[::-1],
    }
    served.plant("guardrail", "data")  # the first day that runs fails, and loses nothing but itself
    made = served.ask(BACKFILL, p=parameters)["launchPartitionBackfill"]
    assert made["__typename"] == "LaunchBackfillSuccess", made
    tag = {"dagster/backfill": made["backfillId"]}
    served.wait_for("the first days", lambda: sum(r.is_finished for r in served.runs_of(A, **tag)) >= 1)
    served.kill("daemon", "web")
    served.start("web", "daemon")

    def verdicts() -> dict[str, str]:
        # The newest run of each day: one that the daemon was just starting is ended, and started again by a retry.
        runs = sorted(served.runs_of(A, **tag), key=lambda run: int(run.tags.get("dagster/retry_number", 0)))
        return {run.tags["dagster/partition"]: run.status.value for run in runs}

    served.wait_for(
        "all days",
        lambda: sorted(verdicts().values()) == ["FAILURE", *["SUCCESS"] * (len(days) - 1)],
    )
    ended = verdicts()
    assert sorted(ended) == days
    first = [run for run in served.runs_of(A, **tag) if "dagster/retry_number" not in run.tags]
    assert sorted(run.tags["dagster/partition"] for run in first) == days, (
        "nothing but a retry runs a day again"
    )
    backfill = served.instance.get_backfill(made["backfillId"])
    assert backfill is not None
    done = {
        str(row["date_kst"]): row["status"] for row in served.home.rows(LOG) if str(row["date_kst"]) in days
    }
    assert done == {day: status.lower() for day, status in ended.items()}

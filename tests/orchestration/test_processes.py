"""One run at a time per pipeline, also for ``ledgerctl``, which makes its runs in its own process (spec section 3)."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pytest

from assets.limits import attempt_deadline
from ledger.errors import AttemptTimeoutError
from ledger.quality.measured import tried
from orchestration.definitions import defs
from orchestration.processes import PROCESS_TAG, busy_with, end_dead_runs, is_dead, this_process
from tests.orchestration.records import FAILURE, STARTED, D, Records
from tests.support import DAY_2, Home, ledgerctl


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.launch.PATIENCE_SEC", 0)


def test_a_run_of_the_same_pipeline_is_waited_for(
    after_day_1: Home, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-31: it says for which, and goes on when that has ended."""
    running = records.run("pipeline_a", D, STARTED)
    monkeypatch.setattr("time.sleep", lambda _: records.instance.report_run_failed(running))
    done = ledgerctl("run", "pipeline_a_guardrail", "--partition", DAY_2)
    assert done.code == 0, done.err
    assert re.search(rf"run {running.run_id[:8]} .*is still at work; waiting for it, 30 s at most", done.err)


@pytest.mark.usefixtures("impatient")
def test_a_run_of_the_same_pipeline_is_not_overtaken(after_day_1: Home, records: Records) -> None:
    """INV-31: exit 1, naming the run; other pipelines go on."""
    running = records.run("pipeline_silver", D, STARTED)
    done = ledgerctl("run", "pipeline_silver_materialization", "--partition", DAY_2)
    assert done.code == 1
    assert running.run_id[:8] in done.err
    assert "is still at work -> wait for it or cancel it" in done.err
    assert ledgerctl("run", "pipeline_a_guardrail", "--partition", DAY_2).code == 0
    records.instance.report_run_failed(running)
    done = ledgerctl("run", "pipeline_silver_materialization", "--partition", DAY_2)
    assert done.code == 0, done.err


def test_a_run_whose_process_died_is_ended(records: Records) -> None:
    """INV-31: and blocks nobody; one that lives, or lives elsewhere, does."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        mark = f"{socket.gethostname()}:{child.pid}:{this_process_of(child.pid)}"
        run = records.run("pipeline_b", D, STARTED, tags={PROCESS_TAG: mark})
        assert "is still at work" in str(busy_with(records.instance, "pipeline_b"))
        child.kill()
        child.wait()
    assert busy_with(records.instance, "pipeline_b") is None
    ended = records.instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status == FAILURE


@pytest.mark.parametrize(
    "job",
    [
        *("bronze_ingest", "ledger_health", "bad_records_retention_cleanup", "sync_dim_rule_scd2"),
        *("bootstrap_catalog", "pipeline_b_finalize_failure"),
    ],
)
def test_a_dead_run_of_any_job_is_ended_by_whoever_looks(records: Records, job: str) -> None:
    """INV-31: also by a look at other work; a live one is at work, and the schedules say which run it is."""
    definition = defs.resolve_job_def(job)
    required = {"dagster_run_id": "r", "run_id": "r", "started_at": "2026-02-10T00:00:00Z", "message": "m"}
    config = (
        {"ops": {"pipeline_b_record_failure": {"config": required}}} if job.startswith("pipeline_b") else None
    )
    dead, live = (
        records.instance.create_run_for_job(
            definition, run_config=config, status=STARTED, tags={PROCESS_TAG: mark}
        )
        for mark in (f"{socket.gethostname()}:{os.getpid()}:0", this_process())
    )
    end_dead_runs(records.instance)
    ended = records.instance.get_run_by_id(dead.run_id)
    assert ended is not None
    assert ended.status == FAILURE
    assert f"run {live.run_id[:8]} (started" in str(busy_with(records.instance, job))


def test_a_run_that_was_to_be_cancelled_ends_as_cancelled(records: Records) -> None:
    """INV-31: its process died before it could say so."""
    mark = f"{socket.gethostname()}:{os.getpid()}:0"
    run = records.run("pipeline_b", D, dg.DagsterRunStatus.CANCELING, tags={PROCESS_TAG: mark})
    assert busy_with(records.instance, "pipeline_b") is None
    ended = records.instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status == dg.DagsterRunStatus.CANCELED


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("job", "command"),
    [
        ("bronze_ingest", ("ingest", DAY_2)),
        ("sync_dim_rule_scd2", ("run", "sync_dim_rule_scd2")),
        ("bad_records_retention_cleanup", ("run", "bad_records_retention_cleanup")),
    ],
)
def test_loads_syncs_and_clean_ups_are_not_overtaken_either(
    after_day_1: Home, records: Records, job: str, command: tuple[object, ...]
) -> None:
    """INV-31: one run at a time, from the command line as from the queue."""
    records.instance.create_run_for_job(
        defs.resolve_job_def(job), status=STARTED, tags={PROCESS_TAG: this_process()}
    )
    done = ledgerctl(*command)
    assert done.code == 1
    assert "is still at work -> wait for it or cancel it" in done.err


def this_process_of(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[19]


@pytest.mark.parametrize("mark", ["", "x", "x:y", "elsewhere:1:1", f"{socket.gethostname()}:x:1"])
def test_unknown_process_counts_as_alive(mark: str) -> None:
    """INV-31: another host's process, or no mark at all."""
    assert not is_dead(mark)


def test_a_later_process_with_the_same_number_is_another_one() -> None:
    """INV-31"""
    assert not is_dead(this_process())
    assert is_dead(f"{socket.gethostname()}:{os.getpid()}:0")


class TestDeadline:
    """An attempt's own time limit."""

    def test_it_ends_what_waits(self) -> None:
        """INV-31: as a fault that is retried; without leaving an alarm behind."""
        with pytest.raises(AttemptTimeoutError, match="longer than 0.2 s"), attempt_deadline(0.2):
            time.sleep(5)
        time.sleep(0.3)

    def test_it_rings_again_where_a_check_has_swallowed_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """INV-31: what is shown fails nothing, so each of its queries has to be ended."""
        monkeypatch.setattr("assets.limits._AGAIN_SEC", 0.2)
        with attempt_deadline(0.2):
            swallowed = [tried(lambda: time.sleep(2)) for _ in range(2)]
        assert [type(error) for error in swallowed] == [AttemptTimeoutError] * 2

    def test_it_leaves_in_time_work_alone(self) -> None:
        """INV-31"""
        with attempt_deadline(0.2):
            pass
        time.sleep(0.3)

    def test_it_may_be_left_by_another_thread(self) -> None:
        """INV-28: that of an interrupted operation, whose generator is closed by whoever collects it."""
        before = signal.getsignal(signal.SIGALRM)
        deadline = attempt_deadline(0.2)
        deadline.__enter__()
        try:
            with ThreadPoolExecutor() as pool:
                pool.submit(deadline.__exit__, None, None, None).result()
            time.sleep(0.3)
        finally:
            signal.signal(signal.SIGALRM, before)


def test_an_interrupted_command_ends_at_once(after_day_1: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-28, INV-38: Ctrl-C is no fault that passes: no pause of five minutes, and no next job or day."""

    def interrupt(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

    monkeypatch.setattr("ledger.pipelines.guardrail.load_landing", interrupt)
    for command in (("day", DAY_2), ("backfill", "--from", DAY_2, "--to", DAY_2)):
        done = ledgerctl(*command)
        assert done.code == 1
        assert "interrupted; the same command run again continues safely" in done.err
    jobs = {
        row["pipeline_name"] for row in after_day_1.rows("gold.pipeline_run_log") if row["date_kst"] == DAY_2
    }
    assert jobs <= {"pipeline_a"}

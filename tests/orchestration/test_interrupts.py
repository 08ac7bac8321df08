"""A day that is told to end, by each signal and in each operation: it ends soon, holds nothing, and can go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from configs.settings import ROOT, load_settings
from orchestration.launch import dagster_instance
from tests.support import DAY_2, HEARS_CTRL_C, Home, Template, difference, ledgerctl

EXHAUSTIVE = bool(os.environ.get("LEDGER_TEST_EXHAUSTIVE"))
LIMIT_SEC = 15
DAY = ("day", str(DAY_2), "--run-id", "r2")
# Progress line of each operation at work.
AT_WORK = {
    "ingest": f"bronze_ingest {DAY_2} ...",
    "A": f"pipeline_a_guardrail {DAY_2} ...",
    "Silver": "silver.day_changes: +",
    "B": f"pipeline_b_controls {DAY_2} ...",
    "C": f"pipeline_c_analytics {DAY_2} ...",
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# One signal per operation; all signals at ten moments each with LEDGER_TEST_EXHAUSTIVE.
MOMENTS = [(operation, SIGNALS[n % 3], 0.5 * (n % 2)) for n, operation in enumerate(AT_WORK)]
if EXHAUSTIVE:
    MOMENTS = [
        (operation, number, n * 0.25) for operation in AT_WORK for number in SIGNALS for n in range(10)
    ]

pytestmark = pytest.mark.skipif(load_settings().spark.engine != "sail", reason="needs a process per engine")


def start(log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as err:
        return subprocess.Popen(
            [*HEARS_CTRL_C, sys.executable, "-m", "orchestration.cli", *arguments],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=err,
        )


def wait_for(text: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while text not in log.read_text():
        assert process.poll() is None, f"it ended before {text!r}: {log.read_text()}"
        assert time.monotonic() < until, f"{text!r} did not come: {log.read_text()}"
        time.sleep(0.01)


def engines_of(pid: int) -> list[int]:
    """The engine processes that a command has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(part.endswith(b"engine_process.py") for part in command) and str(pid).encode() in command:
            found.append(int(folder.name))
    return found


def unfinished() -> list[str]:
    with dagster_instance() as instance:
        return [r.job_name for r in instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))]


def test_told_to_end_in_every_operation(after_day_1: Home, days_1_2: Template) -> None:
    """INV-28, INV-38: one command after the other, each told to end in a later operation, then one left alone."""
    log = after_day_1.root / "log"
    for operation, number, delay in MOMENTS:
        where = f"{number.name} {delay:.2f} s into {operation}"
        process = start(log, *DAY)
        wait_for(AT_WORK[operation], log, process)
        time.sleep(delay)
        if process.poll() is not None:
            continue  # a short operation on a quick machine: it was done by then
        engines = engines_of(process.pid)
        told = time.monotonic()
        process.send_signal(number)
        code = process.wait(timeout=60)
        took, said = time.monotonic() - told, log.read_text()
        assert took < LIMIT_SEC, f"{where}: {took:.1f} s\n{said}"
        assert code == 1, f"{where}: {said}"
        assert said.rstrip().endswith("interrupted; the same command run again continues safely"), (
            f"{where}: {said}"
        )
        assert "Traceback" not in said, f"{where}: {said}"
        assert unfinished() == [], where
        assert engines, f"{where}: it had an engine"
        until = time.monotonic() + 3
        while any(Path(f"/proc/{pid}").exists() for pid in engines) and time.monotonic() < until:
            time.sleep(0.05)
        assert not [pid for pid in engines if Path(f"/proc/{pid}").exists()], where
    failures = [
        (row["pipeline_name"], row["started_at"])
        for row in after_day_1.rows("gold.pipeline_run_log")
        if row["status"] == "failure"
    ]
    assert len(failures) == len(set(failures)), "an attempt is recorded once"
    assert EXHAUSTIVE or "pipeline_silver" in {name for name, _ in failures}
    done = ledgerctl(*DAY)
    assert done.code == 0, done.err
    business = [
        t
        for t in after_day_1.tables()
        if t not in ("gold.pipeline_run_log", "silver.day_changes", "gold.restatement_log")
    ]
    assert difference(days_1_2.home.content(*business), after_day_1.content(*business)) == ""


def test_an_engine_that_dies_is_one_clear_line(after_day_1: Home) -> None:
    """INV-28: no ten minutes of retries into a server that is gone; the attempt is recorded, and the next command works."""
    log = after_day_1.root / "log"
    process = start(log, *DAY)
    wait_for("silver.day_changes: +", log, process)
    (engine,) = engines_of(process.pid)
    told = time.monotonic()
    os.kill(engine, signal.SIGKILL)
    assert process.wait(timeout=60) == 1
    assert time.monotonic() - told < LIMIT_SEC, log.read_text()
    said = [line for line in log.read_text().splitlines() if line.startswith("ledgerctl:")]
    assert "the embedded engine ended with signal 9" in said[0], log.read_text()
    assert "Traceback" not in log.read_text()
    newest = [row for row in after_day_1.rows("gold.pipeline_run_log") if row["status"] == "failure"]
    assert [row["pipeline_name"] for row in newest] == ["pipeline_silver"]
    assert "the embedded engine ended with signal 9" in newest[0]["message"]


def test_a_killed_command_leaves_no_engine(after_day_1: Home) -> None:
    """kill -9 gives the command no chance to clean up; its engine ends all the same."""
    log = after_day_1.root / "log"
    process = start(log, *DAY)
    wait_for(f"bronze_ingest {DAY_2} ...", log, process)
    engines = engines_of(process.pid)
    assert engines
    process.kill()
    process.wait()
    until = time.monotonic() + 5
    while any(Path(f"/proc/{pid}").exists() for pid in engines):
        assert time.monotonic() < until
        time.sleep(0.05)

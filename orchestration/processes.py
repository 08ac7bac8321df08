"""Runs that ``ledgerctl`` makes in its own process: nobody watches over them, so whoever comes next looks.

They do not pass the run queue, which holds one run per pipeline for all others; so they look for themselves.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import dagster as dg

from orchestration.runs import describe, unfinished_run
from resources.dagster_internals import NOT_FINISHED_STATUSES

PROCESS_TAG = "ledger/process"
_END = {dg.DagsterRunStatus.CANCELING: dg.DagsterInstance.report_run_canceled}  # as it was asked to


def this_process() -> str:
    """This process, told apart from a later one with the same number."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def is_dead(mark: str) -> bool:
    """Whether the process of the mark is known to be gone; false for another host's, which cannot be known."""
    host, pid, started = mark.rsplit(":", 2) if mark.count(":") >= 2 else ("", "", "")
    return host == socket.gethostname() and pid.isdigit() and _started(int(pid)) != started


def end_dead_runs(instance: dg.DagsterInstance) -> None:
    """End every run, of whatever job, whose process is known to be gone.

    Only this project's own runs carry the mark, and a copy of one (run again from the UI) is another process's:
    a run that was launched by Dagster has an origin, one of ``ledgerctl`` has none.
    """
    for run in instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)):
        if run.remote_job_origin is None and is_dead(run.tags.get(PROCESS_TAG, "")):
            end = _END.get(run.status, dg.DagsterInstance.report_run_failed)
            end(instance, run, "the process that executed the run is gone")


def run_at_work(instance: dg.DagsterInstance, work: str) -> dg.RunRecord | None:
    """The oldest unfinished run at this work, a pipeline or a job, after runs whose process died were ended."""
    end_dead_runs(instance)
    return unfinished_run(instance, work)


def busy_with(instance: dg.DagsterInstance, work: str) -> str | None:
    """:func:`run_at_work` in words."""
    record = run_at_work(instance, work)
    return f"{describe(record)} is still at work" if record else None


def _started(pid: int) -> str:
    """When the process started, in clock ticks since the host did; ``gone`` for none, or one that only waits to be."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return "gone" if Path("/proc/self/stat").exists() else _alive(pid)
    return "gone" if fields[0] in "ZX" else fields[19]


def _alive(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except PermissionError:
        pass
    return "alive"

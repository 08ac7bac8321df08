"""Runs that ``ledgerctl`` makes in its own process: nobody watches over them, so whoever comes next looks.

They do not pass the run queue, which holds one run per pipeline for all others; so they look for themselves.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import dagster as dg

from orchestration.run_config import Pipeline
from orchestration.runs import describe, unfinished_run

PROCESS_TAG = "ledger/process"


def this_process() -> str:
    """This process, told apart from a later one with the same number."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def is_dead(mark: str) -> bool:
    """Whether the process of the mark is known to be gone; false for another host's, which cannot be known."""
    host, pid, started = mark.rsplit(":", 2) if mark.count(":") >= 2 else ("", "", "")
    return host == socket.gethostname() and pid.isdigit() and _started(int(pid)) != started


def busy_with(instance: dg.DagsterInstance, pipeline: Pipeline) -> str | None:
    """The unfinished run of the pipeline, in words; runs whose process died are ended first."""
    while (record := unfinished_run(instance, pipeline)) is not None:
        run = record.dagster_run
        if not is_dead(run.tags.get(PROCESS_TAG, "")):
            return f"{describe(record)} is still at work"
        instance.report_run_failed(run, "the process that executed the run is gone")
    return None


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

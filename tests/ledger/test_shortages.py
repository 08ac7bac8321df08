"""Too little memory, too few descriptors: one line with the limit and the remedy, before anything is begun."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest
from pyspark.errors import PySparkException

from configs.settings import ROOT
from ledger.errors import LedgerError
from ledger.faults import first_line
from ledger.shortages import shortage

# By a shell, not ``preexec_fn``: see tests/support.py, HEARS_CTRL_C.
LOW_FILES, LOW_MEMORY = "ulimit -n 64", f"ulimit -v {300 << 10}"


def under(limit: str) -> list[str]:
    """Python, as a command that a shell starts under a limit."""
    return ["bash", "-c", f'{limit}; exec "$@"', "bash", sys.executable]


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        (LOW_FILES, "this process may open 64 files at a time, and needs 256 -> ulimit -n 4096, then"),
        (
            LOW_MEMORY,
            "this process may use 0.3 GiB of memory (ulimit -v), and needs 2.0 -> ulimit -v unlimited",
        ),
    ],
    ids=["descriptors", "memory"],
)
def test_a_command_under_a_low_limit_ends_with_one_line(limit: str, says: str, tmp_path: object) -> None:
    """INV-28: neither a traceback, nor a library's insides, nor silence."""
    done = subprocess.run(
        [*under(limit), "-m", "orchestration.cli", "day", "2026-02-10"],
        cwd=ROOT,
        env={**os.environ, "DAGSTER_HOME": f"{tmp_path}/none"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"ledgerctl: {says}"), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_low_limit_of_open_files_is_raised_as_far_as_the_user_may() -> None:
    code = "import resource as r; from ledger.shortages import require; require(); print(r.getrlimit(r.RLIMIT_NOFILE))"
    done = subprocess.run(
        [*under("ulimit -S -n 64; ulimit -H -n 1024"), "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "(1024, 1024)"


def test_a_panic_of_the_log_s_reader_is_an_error_of_ours(tmp_path: object) -> None:
    """delta-rs makes its threads on first use, and breaks down where there are no descriptors for them."""
    code = """
import os, resource, sys
from deltalake import DeltaTable
from ledger.delta.log import FileLog, Place
resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")), 4096))
try:
    FileLog().row_count(Place("", sys.argv[1]), None, lambda day: True)
except Exception as error:
    print(type(error).__name__, error)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("ShortageError no file descriptor is left -> ulimit -n 4096"), done


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "no file descriptor is left -> ulimit -n 4096"),
        (PySparkException("Too many open files (os error 24)"), "no file descriptor is left"),
        (MemoryError(), "memory or threads ran out (MemoryError)"),
        (RuntimeError("can't start new thread"), "memory or threads ran out (RuntimeError)"),
        (PySparkException("Resources exhausted: Failed to allocate 5 MB"), "change spark.memory_mb"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "the tables are whole"),
    ],
)
def test_a_shortage_in_the_middle_is_named_whoever_noticed_it(error: Exception, line: str) -> None:
    assert line in first_line(error)


def test_other_errors_are_no_shortage() -> None:
    assert shortage(ValueError("no more rows")) is None
    assert first_line(LedgerError("Too many open files")) == "Too many open files"

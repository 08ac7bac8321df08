"""``ledgerctl`` as a process among others: pipes that end early, a full disk, no standard output at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from configs.settings import ROOT

COMMAND = f"{sys.executable} -m orchestration.cli"
MOCK = f"{COMMAND} mock --from 2026-02-10 --users 5 --entries 20 --json"


def shell(script: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    landing = {"PIPELINE_CFG__LAKEHOUSE__LANDING": str(tmp_path / "landing")}
    return subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=os.environ | landing,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Standard error without the lines of progress."""
    return [line for line in done.stderr.splitlines() if not line.startswith("[0:")]


@pytest.mark.parametrize("reader", ["true", "head -1"])
@pytest.mark.parametrize("command", [MOCK, f"{COMMAND} --help"])
def test_a_reader_that_goes_early_is_no_error(tmp_path: Path, command: str, reader: str) -> None:
    """INV-28: the exit code is the command's own."""
    done = shell(f"{command} | {reader}; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert (done.returncode, errors(done)) == (0, [])


@pytest.mark.parametrize(
    ("output", "said"), [("/dev/full", "No space left on device"), ("&-", "standard output is closed")]
)
def test_an_output_that_cannot_be_written_is_one_line_and_exit_1(
    tmp_path: Path, output: str, said: str
) -> None:
    """INV-28"""
    done = shell(f"{MOCK} >{output}", tmp_path)
    assert done.returncode == 1
    (line,) = errors(done)
    assert said in line
    assert list((tmp_path / "landing").glob("*/*/*.jsonl")), "what the command did is done"


def test_nobody_reads_the_errors_either(tmp_path: Path) -> None:
    """INV-28: bad usage stays exit 2 with standard error closed, and with both ends of the pipe gone."""
    for ending in ("2>&-", ">&- 2>&-", "2>&1 | true; exit ${PIPESTATUS[0]}"):
        assert shell(f"{COMMAND} mock --from soon {ending}", tmp_path).returncode == 2

"""INV-89: Temporary folders go with their process, and only a lock that is free proves that it is gone."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger.delta import held_folders
from ledger.delta.held_folders import drop, new_folder, sweep

PREFIX = "ledger-stage-"
HOLDS = """
import sys, time
from ledger.delta.held_folders import new_folder
print(new_folder(sys.argv[1], sys.argv[2]), flush=True)
time.sleep(60)
"""
SWEEPS = "import sys; from ledger.delta.held_folders import sweep; sweep(sys.argv[1], sys.argv[2])"


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_folders, "_SAID", set())


def holding(place: Path) -> tuple[subprocess.Popen[str], Path]:
    """Another process that holds a folder with something in it."""
    command = [sys.executable, "-c", HOLDS, str(place), PREFIX]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    (folder / "1").mkdir()
    return process, folder


def test_a_folder_stays_while_its_process_lives_and_goes_when_it_was_killed(tmp_path: Path) -> None:
    process, folder = holding(tmp_path)
    with process:
        sweep(str(tmp_path), PREFIX)
        assert (folder / "1").is_dir()
        process.send_signal(signal.SIGKILL)
    sweep(str(tmp_path), PREFIX)
    assert os.listdir(tmp_path) == []


def test_a_neighbour_container_sweeps_no_living_run(tmp_path: Path) -> None:
    """Its process ids are its own: the run's is not there, or somebody else's."""
    command = [
        "unshare",
        "--fork",
        "--pid",
        "--mount-proc",
        sys.executable,
        "-c",
        SWEEPS,
        str(tmp_path),
        PREFIX,
    ]
    process, folder = holding(tmp_path)
    with process:
        swept = subprocess.run(command, capture_output=True, text=True)
        process.kill()
    if swept.returncode:
        pytest.skip(f"no pid namespace: {swept.stderr.strip()}")
    assert (folder / "1").is_dir()
    sweep(str(tmp_path), PREFIX)
    assert not folder.exists()


def test_a_process_sweeps_none_of_its_own_and_drops_what_it_holds(tmp_path: Path) -> None:
    mine = new_folder(str(tmp_path), PREFIX)
    sweep(str(tmp_path), PREFIX)
    assert mine.is_dir()
    drop(mine)
    assert os.listdir(tmp_path) == []


def test_a_forked_child_that_lives_on_holds_what_its_parent_held(tmp_path: Path) -> None:
    code = HOLDS.replace("time.sleep(60)", "import os; os.fork() and os._exit(0); time.sleep(60)")
    command = [sys.executable, "-c", code, str(tmp_path), PREFIX]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert parent.stdout is not None
    folder = Path(parent.stdout.readline().strip())
    parent.wait()
    try:
        sweep(str(tmp_path), PREFIX)
        assert folder.is_dir()
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.stdout.close()


@pytest.mark.parametrize("without", ["a lock", "our user", "a folder"])
def test_foreign_folder_is_left_alone(tmp_path: Path, without: str) -> None:
    """Also a link to a folder of somebody else."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").touch()
    found = tmp_path / f"{PREFIX}1234-x"
    if without == "a folder":
        found.symlink_to(elsewhere)
    else:
        found.mkdir()
        (found / "data").touch()
    if without == "our user":
        (found / "lock").touch()
        try:
            os.chown(found, 65534, 65534)
        except PermissionError:
            pytest.skip("only root may give a folder away")
    sweep(str(tmp_path), PREFIX)
    assert found.exists()
    assert (elsewhere / "lock").exists()


def refusing(*_: Any) -> None:
    raise OSError(errno.ENOLCK, "No locks available")


@pytest.mark.parametrize("place", ["on a network", "unknown", "without locks"])
def test_dead_folder_stays_and_is_told_once_if_a_lock_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    if place == "without locks":
        monkeypatch.setattr(fcntl, "flock", refusing)
    else:
        found = {"on a network": "nfs4", "unknown": None}[place]
        monkeypatch.setattr(held_folders, "_file_system", lambda _: found)
    dead = new_folder(str(tmp_path), PREFIX)
    os.close(held_folders._HELD.pop(str(dead)))
    with caplog.at_level(logging.WARNING):
        sweep(str(tmp_path), PREFIX)
        sweep(str(tmp_path), PREFIX)
    assert dead.is_dir()
    (said,) = caplog.messages
    assert said.startswith(f"{PREFIX}* in {tmp_path}: 1 left alone, because no lock proves on ")
    assert "remove them by hand" in said


def test_the_file_system_is_that_of_the_innermost_mount() -> None:
    assert held_folders._file_system("/proc/self") == "proc"
    assert held_folders._file_system("/proc/self/no/such") == "proc"
    assert held_folders._file_system("/") not in (None, "proc")

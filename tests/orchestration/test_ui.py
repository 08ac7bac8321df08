"""``make ui``: one command starts the guarded web server and the daemon, and Ctrl-C ends all of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from configs.settings import ROOT
from tests.orchestration.requests_sent import BY_GET, Sent, status_of
from tests.orchestration.served import free_port
from tests.support import HEARS_CTRL_C, Home

_PATIENCE_SEC = 120


def test_the_ui_is_guarded_and_ends_with_all_its_processes_on_ctrl_c(home: Home) -> None:
    """INV-90"""
    port = free_port()
    home.root.mkdir()
    with (home.root / "ui.log").open("w") as log:
        command = [*HEARS_CTRL_C, sys.executable, "-m", "orchestration.ui", "--port", str(port)]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + _PATIENCE_SEC
        asked = Sent(200, "GET", "/server_info")
        while time.monotonic() < deadline:
            assert process.poll() is None, (home.root / "ui.log").read_text()
            with contextlib.suppress(OSError):
                assert status_of(port, asked, host=f"127.0.0.1:{port}") == 200
                break
            time.sleep(0.2)
        assert status_of(port, Sent(405, "GET", BY_GET), host=f"127.0.0.1:{port}") == 405
        started = _of_this_home(home)
        assert len(started) >= 4, "this command, the code server, the web server, the daemon"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        deadline = time.monotonic() + 30
        while _of_this_home(home) and time.monotonic() < deadline:
            time.sleep(0.1)  # the code server was told to end, and nobody waits for it
        assert _of_this_home(home) == []
    finally:
        for pid in _of_this_home(home):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def _of_this_home(home: Home) -> list[int]:
    """Living processes whose environment names this test's instance."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (folder / "environ").read_bytes().split(b"\0")
            if (
                f"DAGSTER_HOME={home.dagster_home}".encode() in environment
                and int(folder.name) != os.getpid()
            ):
                found.append(int(folder.name))
    return found

"""A webserver and a daemon of one test, as ``make ui`` starts them: their own processes on a free port of loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

from configs.settings import ROOT
from tests.support import Home

_START_SEC = 120


_WORKSPACE = ("--workspace", str(ROOT / "workspace.yaml"))


@contextlib.contextmanager
def dagster_ui(home: Home, *options: str) -> Iterator[str]:
    """The UI's address, while webserver and daemon run on this home."""
    with webserver(home, *options) as address, _process(["dagster._daemon", "run", *_WORKSPACE], home):
        yield address


@contextlib.contextmanager
def webserver(home: Home, *options: str) -> Iterator[str]:
    """The webserver alone: what is launched stays in the queue."""
    home.dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "dagster.yaml", home.dagster_home / "dagster.yaml")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["orchestration.webserver", "--port", str(port), *_WORKSPACE, *options]
    with _process(command, home):
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/server_info", home)
        yield address


@contextlib.contextmanager
def _process(command: list[str], home: Home) -> Iterator[None]:
    with (home.root / f"{command[0]}.log").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=os.environ | home.environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that code servers and run workers end with it
        )
        try:
            yield
        finally:
            for sign in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
            process.wait()


def _wait_for(url: str, home: Home) -> None:
    deadline = time.monotonic() + _START_SEC
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=5)
            return
        time.sleep(0.5)
    raise AssertionError(
        f"the webserver did not start: {(home.root / 'orchestration.webserver.log').read_text()[-2000:]}"
    )

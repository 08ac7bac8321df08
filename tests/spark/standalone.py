"""A standalone Spark cluster on this machine: a master and workers, each a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyspark

_START_SEC = 90
_CLASSES = "org.apache.spark.deploy"


@contextmanager
def standalone_cluster(root: Path, workers: int) -> Iterator[str]:
    """The master's URL, once all workers have registered; each worker keeps its executors' files in its folder."""
    with ExitStack() as stack:
        log = _start(stack, root / "master", f"{_CLASSES}.master.Master", "--port", "0")
        url = _wait_for(log, r"Starting Spark master at (spark://\S+)")[0]
        for number in range(workers):
            folder = root / f"worker-{number}"
            resources = ("--cores", "1", "--memory", "1g", "--work-dir", str(folder))
            _start(stack, folder, f"{_CLASSES}.worker.Worker", *resources, url)
        _wait_for(log, r"Registering worker", times=workers)
        yield url


def executors(root: Path) -> dict[str, list[str]]:
    """The logs of the executors that each worker ran."""
    return {
        folder.name: [path.read_text("utf-8") for path in sorted(folder.glob("app-*/*/stderr"))]
        for folder in sorted(root.glob("worker-*"))
    }


def _start(stack: ExitStack, folder: Path, class_name: str, *arguments: str) -> Path:
    """Start one daemon in the foreground of its own process; its log. It ends with the stack."""
    folder.mkdir(parents=True)
    log = folder / "daemon.log"
    home = Path(pyspark.__file__).parent
    process = subprocess.Popen(
        [
            str(home / "bin" / "spark-class"),
            class_name,
            "--host",
            "127.0.0.1",
            "--webui-port",
            "0",
            *arguments,
        ],
        env={
            **os.environ,
            "SPARK_HOME": str(home),
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_LOCAL_IP": "127.0.0.1",
        },
        stdout=stack.enter_context(log.open("wb")),
        stderr=subprocess.STDOUT,
    )
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)
    return log


def _wait_for(log: Path, pattern: str, *, times: int = 1) -> list[str]:
    deadline = time.monotonic() + _START_SEC
    while time.monotonic() < deadline:
        found = re.findall(pattern, log.read_text("utf-8", errors="replace"))
        if len(found) >= times:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{pattern!r} did not appear {times} times:\n{log.read_text('utf-8')[-2000:]}")

"""Runs commands in forked children that kill themselves at a given write boundary. See :mod:`test_kill`.

Started as ``python -m tests.integration.kill_worker PORT``. Everything is imported once; then every line on standard
input is a JSON object ``{"environment": {}, "arguments": [], "boundary": n, "log": path}``, for which a child is forked
and waited for, and its wait status is printed. The child talks to the Spark Connect server at PORT, so that it need not
start an engine of its own: at a boundary no statement is in flight, and an engine that lives on knows nothing of the
run. (Kills of a whole process, engine included and at any moment, are the other half of the test.)
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import orchestration.definitions
import resources.spark
from orchestration.cli import main
from tests.boundaries import boundaries

_LOADED = orchestration.definitions.defs  # imported before the fork, so that no child has to


def run(order: dict[str, Any], port: int) -> int:
    """The command of an order, in this process, which does not outlive the boundary."""
    os.environ.update(order["environment"])
    resources.spark._start_sail = lambda memory_mb: port
    passed = 0

    def die(_: str) -> None:
        nonlocal passed
        if passed == order["boundary"]:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1

    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    with boundaries(die):
        return main(order["arguments"])


def serve(port: int) -> None:
    """One child at a time."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(run(json.loads(line), port))
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    serve(int(sys.argv[1]))

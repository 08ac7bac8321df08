"""Runs commands in forked children that kill themselves at a given write boundary. See :mod:`test_kill`.

Started as ``python -m tests.integration.kill_worker ADDRESS``. Everything is imported once; then every line on standard
input is a JSON object ``{"environment": {}, "arguments": [], "boundary": n, "log": path}``, for which a child is forked
and waited for, and its wait status is printed. The child talks to the Spark Connect server at ADDRESS, so that it need not
start an engine of its own: at a boundary no statement is in flight, and an engine that lives on knows nothing of the
run. (Kills of a whole process, engine included and at any moment, are the other half of the test.)
"""

from __future__ import annotations

import json
import os
import signal
import sys
from types import SimpleNamespace
from typing import Any

import orchestration.definitions
import resources.spark
from orchestration.cli import main
from tests.boundaries import boundaries

_LOADED = orchestration.definitions.defs  # imported before the fork, so that no child has to


def run(order: dict[str, Any], address: str) -> int:
    """The command of an order, in this process, which does not outlive the boundary."""
    os.environ.update(order["environment"])
    engine: Any = SimpleNamespace(
        address=address, is_alive=True, is_ready=True, launch=lambda: None, start=lambda: None
    )
    resources.spark.embedded_engine = lambda memory_mb, allow_shared_host: engine  # type: ignore[assignment]
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


def serve(address: str) -> None:
    """One child at a time."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(run(json.loads(line), address))
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])

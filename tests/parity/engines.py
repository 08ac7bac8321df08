"""``ledgerctl`` on an engine of choice: in this process when it is the configured one, else in a child of its own.

A process has one Spark session, so two engines need two processes; a child keeps its session for all its commands.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Protocol, TypeVar

import pytest

from configs.settings import ROOT, SETTING_PREFIX, load_settings
from tests.scenarios.runner import Outcome
from tests.support import ledgerctl

ENGINE_VARIABLE = f"{SETTING_PREFIX}SPARK__ENGINE"
Environment = Mapping[str, str]
T = TypeVar("T")


class Engine(Protocol):
    """Runs one command with the given settings on top of the engine's own."""

    def run(self, environment: Environment, *arguments: object) -> Outcome: ...

    def close(self) -> None: ...


def on_both(play: Callable[[str, Engine], T], *, sail: Engine, spark: Engine) -> tuple[T, T]:
    """Each engine's result, side by side: the embedded one works in a process of its own, or this one does."""
    with ThreadPoolExecutor(1) as pool:
        embedded = pool.submit(play, "sail", sail)
        made = play("spark", spark)
        return embedded.result(), made


class Here:
    """This process, whose configured engine it is."""

    def run(self, environment: Environment, *arguments: object) -> Outcome:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            done = ledgerctl(*arguments)
        return Outcome(done.code, done.err + done.out)

    def close(self) -> None:
        """The session lives as long as the process."""


class Child:
    """Another process (``tests.parity.engine_child``), asked through its standard input, a JSON line a command."""

    def __init__(self, settings: Environment, log: Path) -> None:
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.parity.engine_child"],
            cwd=ROOT,
            env={**os.environ, **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def run(self, environment: Environment, *arguments: object) -> Outcome:
        request = {"environment": dict(environment), "arguments": [str(argument) for argument in arguments]}
        print(json.dumps(request), file=_open(self._process.stdin), flush=True)
        answer = _open(self._process.stdout).readline()
        assert answer, f"the engine's process ended with {self._process.wait()}: see {self._log.name}"
        return Outcome(*json.loads(answer))

    def close(self) -> None:
        _open(self._process.stdin).close()
        self._process.wait(timeout=60)
        _open(self._process.stdout).close()
        self._log.close()


def engine(settings: Environment, log: Path) -> Engine:
    """The engine of these settings; ``log`` gets what a child prints besides its answers."""
    is_here = load_settings().spark.engine == settings[ENGINE_VARIABLE]
    return Here() if is_here else Child(settings, log)


def _open(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream

"""The embedded engine as this process sees it: a child that nobody else can reach, and that ends with it.

Why a process of its own: an interrupt of the terminal does not reach it, it can be ended whatever it is at, no secret is
in its environment, and it can be where its port is private (``resources/engine_process.py``).
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import select
import socket
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO

import grpc
from pyspark.sql.connect.client import ChannelBuilder

from ledger.errors import EngineLostError, SettingsError
from ledger.shortages import require
from resources.engine_process import CANNOT_BE_PRIVATE, READY
from resources.salt import without_secrets
from resources.shared_host import other_people

_PROGRAM = Path(__file__).with_name("engine_process.py")
_WAITING_CONNECTIONS = 16
_NEVER_MS = 2**31 - 1
_SAY_AFTER_SEC, _START_SEC = 5, 120
_KEPT_LINES, _READ_SEC, _SHOWN = 200, 1, 300
_TELLING = ("panicked at", "memory allocation of", "overflowed its stack")
_OF_A_BACKTRACE = re.compile(r"note:|stack backtrace:|\d+: |at ")
logger = logging.getLogger("ledger.engine")


class EmbeddedEngine:
    """Sail in a child process, reached through a Unix socket whose peer is checked.

    Raises :class:`SettingsError` where it cannot be kept from other people of the machine.
    """

    def __init__(self, *, memory_mb: int, allow_shared_host: bool) -> None:
        self._memory_mb, self._allow_shared_host = memory_mb, allow_shared_host
        # Abstract: no file to be left behind. Its owner is checked for every connection.
        self._name = f"ledger-engine-{os.getpid()}-{secrets.token_hex(8)}"
        self._process: subprocess.Popen[bytes] | None = None
        self._words: _Words
        self._people: list[str] = []
        self._is_starting = False
        self._lifeline = -1
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """Address for a gRPC channel of the same user."""
        return f"unix-abstract:{self._name}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_alive(self) -> bool:
        process = self._process
        return process is not None and process.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether it runs and has been asked something already."""
        return self.is_alive and not self._is_starting

    def launch(self) -> None:
        """Begin to start it, unless it runs; returns at once. A fault of the start is :meth:`start`'s to raise."""
        with self._lock:
            self._launch_unless_running()

    def start(self) -> None:
        """Start it unless it runs; returns when it can be asked."""
        with self._lock:
            self._launch_unless_running()
            if self._is_starting:
                self._is_starting = False
                self._await_ready()

    def kill(self) -> None:
        """End it at once, whatever it is at: every request to it fails, and nothing is written any more."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                self._process, self._is_starting = None, False

    def lost(self) -> EngineLostError | None:
        """How it ended, when nobody asked it to. Why it did not even start is :meth:`start`'s to say."""
        code = None if self._process is None or self._is_starting else self._process.poll()
        if code is None:
            return None
        how = f"signal {-code}" if code < 0 else f"code {code}"
        words = self._words.last()
        return EngineLostError(
            f"the embedded engine ended with {how}{f': {words}' if words else ''}",
            action="run the same command again, it continues safely; if it was out of memory (signal 9 or 6),"
            " change spark.memory_mb or use spark.engine spark",
        )

    def _launch_unless_running(self) -> None:
        if self._is_starting or self.is_alive:
            return
        require(engine_mb=self._memory_mb)
        self._people = [] if self._allow_shared_host else other_people()
        self._close_lifeline()
        theirs, self._lifeline = os.pipe()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"\0{self._name}")
            listener.listen(_WAITING_CONNECTIONS)
            command = [sys.executable, "-P", str(_PROGRAM), "--listener", str(listener.fileno())]
            command += ["--lifeline", str(theirs), "--parent", str(os.getpid())]
            self._process = subprocess.Popen(
                command if self._people else [*command, "--may-be-open"],
                executable=_interpreter(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(listener.fileno(), theirs),
                start_new_session=True,  # the terminal's Ctrl-C and hangup are this process's affair
                env=self._environment(),
            )
        os.close(theirs)
        assert self._process.stderr is not None
        self._words = _Words(self._process.stderr)
        self._is_starting = True

    def _await_ready(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as said:
            first = self._first_line(said)
        if first == READY:
            return
        code, self._process = self._process.wait(), None
        if code == CANNOT_BE_PRIVATE:
            raise SettingsError(
                f"the embedded engine cannot be kept from other users of this machine ({', '.join(self._people[:3])}):"
                f" {first.decode().strip()}",
                action="allow user namespaces (docs/deployment.md), use spark.engine spark, or accept it with"
                " spark.allow_shared_host: true",
            )
        raise EngineLostError(
            f"the embedded engine did not start (code {code}): {self._words.last()}",
            action="see that memory, processes and descriptors are left, then run the same command again",
        )

    def _first_line(self, said: IO[bytes]) -> bytes:
        """First words of the new process; empty when it ends, or says nothing for too long."""
        assert self._process is not None
        for seconds in (_SAY_AFTER_SEC, _START_SEC - _SAY_AFTER_SEC):
            if select.select([said], [], [], seconds)[0]:
                return said.readline()
            logger.info("waits for the embedded engine to start, for at most %d s", _START_SEC)
        self._process.kill()
        return b""

    def _environment(self) -> dict[str, str]:
        ours = {
            "RUST_LOG": "error",
            "SAIL_RUNTIME__MEMORY_POOL__TYPE": "fair",
            "SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE": str(self._memory_mb * 1024 * 1024),
        }
        return {**ours, **without_secrets(os.environ)}

    def _close_lifeline(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1


class _Words:
    """The end of what the engine writes on standard error: for its epitaph, not for the terminal."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._reader.start()

    def last(self) -> str:
        """The line that says most of why it ended; for an engine that has ended."""
        self._reader.join(_READ_SEC)
        lines = [line for line in self._lines if line and not _OF_A_BACKTRACE.match(line)]
        telling = [n for n, line in enumerate(lines) if any(sign in line for sign in _TELLING)]
        found = lines[telling[0] : telling[0] + 2] if telling else lines[-1:]
        return " ".join(found)[:_SHOWN]

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace").strip()
                self._lines.append(line)
                logger.debug("engine: %s", line)


class EngineChannel(ChannelBuilder):
    """How pyspark's client reaches the engine."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self.setChannelOption("grpc.client_idle_timeout_ms", _NEVER_MS)
        self.setChannelOption("grpc.initial_reconnect_backoff_ms", 100)
        self.setChannelOption("grpc.min_reconnect_backoff_ms", 100)
        self.setChannelOption("grpc.max_reconnect_backoff_ms", 100)

    @property
    def host(self) -> str:
        return self._address

    def toChannel(self) -> grpc.Channel:  # noqa: N802  # of pyspark
        return self._insecure_channel(self._address)


def _interpreter() -> str | None:
    """This process's own interpreter where its path is closed to this user, who was let in by a parent that was not."""
    return None if os.access(sys.executable, os.X_OK) else "/proc/self/exe"

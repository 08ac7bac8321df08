"""The embedded engine as this process sees it: a child that nobody else can reach, and that ends with it.

Why a process of its own: an interrupt of the terminal does not reach it, it can be ended whatever it is at, no secret is
in its environment, and it can be where its port is private (``resources/engine_process.py``).
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import threading
from pathlib import Path

import grpc
from pyspark.sql.connect.client import ChannelBuilder

from ledger.errors import EngineLostError, SettingsError
from resources.engine_process import CANNOT_BE_PRIVATE, READY
from resources.salt import without_secrets
from resources.shared_host import other_people

_PROGRAM = Path(__file__).with_name("engine_process.py")
_WAITING_CONNECTIONS = 16
_NEVER_MS = 2**31 - 1


class EmbeddedEngine:
    """Sail in a child process, reached through a Unix socket whose peer is checked.

    Raises :class:`SettingsError` where it cannot be kept from other people of the machine.
    """

    def __init__(self, *, memory_mb: int, allow_shared_host: bool) -> None:
        self._memory_mb, self._allow_shared_host = memory_mb, allow_shared_host
        # Abstract: no file to be left behind. Its owner is checked for every connection.
        self._name = f"ledger-engine-{os.getpid()}-{secrets.token_hex(8)}"
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """What a gRPC channel of the same user is opened to."""
        return f"unix-abstract:{self._name}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_alive(self) -> bool:
        process = self._process
        return process is not None and process.poll() is None

    def start(self) -> None:
        """Start it unless it runs; returns when it can be asked."""
        with self._lock:
            if not self.is_alive:
                self._start()

    def kill(self) -> None:
        """End it at once, whatever it is at: every request to it fails, and nothing is written any more."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                self._process = None

    def lost(self) -> EngineLostError | None:
        """How it ended, when nobody asked it to."""
        code = None if self._process is None else self._process.poll()
        if code is None:
            return None
        how = f"signal {-code}" if code < 0 else f"code {code}"
        return EngineLostError(
            f"the embedded engine ended with {how}",
            action="run the same command again, it continues safely; if it was out of memory (signal 9),"
            " change spark.memory_mb or use spark.engine spark",
        )

    def _start(self) -> None:
        people = [] if self._allow_shared_host else other_people()
        self._close_lifeline()
        theirs, self._lifeline = os.pipe()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"\0{self._name}")
            listener.listen(_WAITING_CONNECTIONS)
            command = [sys.executable, "-P", str(_PROGRAM), "--listener", str(listener.fileno())]
            command += ["--lifeline", str(theirs), "--parent", str(os.getpid())]
            self._process = subprocess.Popen(
                command if people else [*command, "--may-be-open"],
                executable=_interpreter(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                pass_fds=(listener.fileno(), theirs),
                start_new_session=True,  # the terminal's Ctrl-C and hangup are this process's affair
                env=self._environment(),
            )
        os.close(theirs)
        assert self._process.stdout is not None
        with self._process.stdout as said:
            first = said.readline()
        if first == READY:
            return
        code, self._process = self._process.wait(), None
        if code == CANNOT_BE_PRIVATE:
            raise SettingsError(
                f"the embedded engine cannot be kept from other users of this machine ({', '.join(people[:3])}):"
                f" {first.decode().strip()}",
                action="allow user namespaces (docs/deployment.md), use spark.engine spark, or accept it with"
                " spark.allow_shared_host: true",
            )
        raise EngineLostError(
            f"the embedded engine did not start (code {code})", action="see its message above"
        )

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

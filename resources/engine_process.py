"""The embedded engine's own process: Sail, where nobody but its owner can reach it. Started by ``resources/engine.py``.

Run as a file, not as a module: it imports nothing of the project. Sail's server listens on a TCP port and asks nobody
who they are, so the port is opened in a network namespace that this process alone is in: only the thread that opens
it and those that connect to it are there; the engine's other threads keep the machine's network, for storage by URI.
The way in is an inherited Unix socket, on which the kernel says who is asking (``SO_PEERCRED``).
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import os
import select
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

CANNOT_BE_PRIVATE = 3
READY = b"ready\n"
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_CAP_SYS_ADMIN = 21
_NOBODY, _NOBODY_INSIDE = 65534, 1
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1
_LOST_PARENT_SEC = 1.0
_PAUSE_SEC = 0.05
_BUFFER_BYTES = 1 << 18


def main() -> int:
    """Serve until the parent is gone: it holds the other end of ``lifeline``, and nothing is ever written there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--listener", type=int, required=True)
    parser.add_argument("--lifeline", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--may-be-open", action="store_true")
    arguments = parser.parse_args()
    may_have_namespace = (
        _has_capability(_CAP_SYS_ADMIN) or _enter_own_user_namespace()
    )  # while there is one thread
    from pysail.spark import SparkConnectServer

    gate = _Gate(SparkConnectServer(), socket.socket(fileno=arguments.listener), may_have_namespace)
    threading.Thread(target=gate.open, args=(arguments.may_be_open,), daemon=True).start()
    gate.opened.wait()
    if gate.error:
        print(gate.error, flush=True)
        return CANNOT_BE_PRIVATE
    os.write(sys.stdout.fileno(), READY)
    while os.getppid() == arguments.parent:
        if select.select([arguments.lifeline], [], [], _LOST_PARENT_SEC)[0]:
            break
    return 0


class _Gate:
    """Opens the server where nobody else is, and lets connections of the owner through to it."""

    def __init__(self, server: Any, listener: socket.socket, may_have_namespace: bool) -> None:
        self._server, self._listener, self._may_have_namespace = server, listener, may_have_namespace
        self.opened = threading.Event()
        self.error = ""

    def open(self, may_be_open: bool) -> None:
        """For a thread of its own: it, and the threads that it starts, move to the new namespace."""
        try:
            if self._may_have_namespace:
                _enter_own_network_namespace()
            elif not may_be_open:
                raise OSError("user namespaces are not allowed to this process")
        except OSError as error:
            if not may_be_open:
                self.error = str(error)
                self.opened.set()
                return
        try:
            self._server.start()
        except Exception as error:  # whatever it is, the parent waits for a word
            self.error = str(error) or type(error).__name__
        self.opened.set()
        while not self.error:
            try:
                client, _ = self._listener.accept()
            except OSError:  # out of descriptors, say: the gate must not close for good
                time.sleep(_PAUSE_SEC)
                continue
            self._let_in(client)

    def _let_in(self, client: socket.socket) -> None:
        """A failure here is this connection's, not the engine's."""
        try:
            if _peer_uid(client) != os.geteuid():
                raise PermissionError("not of the engine's owner")
            engine = socket.create_connection(self._server.listening_address)
            engine.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, target in ((client, engine), (engine, client)):
                threading.Thread(target=_pump, args=(source, target), daemon=True).start()
        except (OSError, RuntimeError):
            client.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    buffer = memoryview(bytearray(_BUFFER_BYTES))
    with suppress(OSError):  # when either side is gone, both are
        while count := source.recv_into(buffer):
            target.sendall(buffer[:count])
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _peer_uid(client: socket.socket) -> int:
    """The user on the other side, in this process's own numbers, by the kernel."""
    packed = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", packed)[1]
    return uid


def _has_capability(number: int) -> bool:
    lines = Path("/proc/self/status").read_text().splitlines()
    mask = next((line.split()[1] for line in lines if line.startswith("CapEff:")), "0")
    return bool(int(mask, 16) >> number & 1)


def _enter_own_user_namespace() -> bool:
    """Without root: a namespace in which we may make a network namespace; we keep our own number in it.

    But for "nobody", whose number every other user has in there: it becomes another.
    """
    uid, gid = os.geteuid(), os.getegid()
    inside = _NOBODY_INSIDE if uid == _NOBODY else uid
    try:
        _unshare(_CLONE_NEWUSER)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{inside} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            Path(f"/proc/self/{name}").write_text(text)
    except OSError:
        return False
    return True


def _enter_own_network_namespace() -> None:
    _unshare(_CLONE_NEWNET)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def _unshare(flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare"):
        raise OSError("this system has no namespaces")
    if libc.unshare(flags) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


if __name__ == "__main__":
    os._exit(main())

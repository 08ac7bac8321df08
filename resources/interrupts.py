"""Ctrl-C, SIGTERM and a closed terminal end a command of ``ledgerctl`` the same way, once, and within seconds.

Imports neither Spark nor Dagster: bad usage needs neither.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE_SEC = 12
MESSAGE = "ledgerctl: interrupted; the same command run again continues safely"


class Interrupts:
    """Signals that this process was sent, whoever's handler was installed when they came.

    Dagster swaps handlers while it runs, and forgets a signal that comes while it stores a run's last events.
    """

    def __init__(self, *, may_exit: bool) -> None:
        self._may_exit = may_exit
        self._arrived = threading.Event()

    def listen(self, signals: socket.socket) -> None:
        """Note what arrives; when the command has not ended a while later, end it (as a thread)."""
        while received := signals.recv(64):
            if not self._arrived.is_set() and set(received) & set(_ENDING):
                self._arrived.set()
                if self._may_exit:
                    timer = threading.Timer(_PATIENCE_SEC, _leave)
                    timer.daemon = True
                    timer.start()

    def raise_if_arrived(self) -> None:
        """Raise KeyboardInterrupt when a signal came that nobody has acted on."""
        if self._arrived.is_set():
            raise KeyboardInterrupt


_current: list[Interrupts] = []


@contextmanager
def interruptible(*, may_exit: bool = False) -> Iterator[None]:
    """For the main thread: SIGTERM and SIGHUP become what Ctrl-C is, and none is lost.

    ``may_exit``: the process is ours alone, and is left by force when the interrupted command hangs.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _ENDING}
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    _current.append(Interrupts(may_exit=may_exit))
    threading.Thread(target=_current[-1].listen, args=(reader,), daemon=True).start()
    try:
        hangup_is_an_interrupt()
        if before[signal.SIGTERM] == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
        yield
    finally:
        _current.pop()
        signal.set_wakeup_fd(wakeup)
        writer.close()
        for number, handler in before.items():
            signal.signal(number, handler)


def hangup_is_an_interrupt() -> None:
    """A closed terminal ends an operation as Ctrl-C does, and not in the middle (unless started under ``nohup``)."""
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
    ):
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGINT))


def raise_if_interrupted() -> None:
    """Raise KeyboardInterrupt when this command was told to end, and Dagster has swallowed it."""
    for current in _current:
        current.raise_if_arrived()


def _leave() -> None:
    """Everything that the command holds, engine included, ends with its process: the next command finds the process gone, and says so."""
    with suppress(OSError, ValueError):
        print(MESSAGE, file=sys.stderr, flush=True)
    os._exit(1)

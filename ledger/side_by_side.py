"""Independent work of one run, a few pieces at a time: the engine has more cores than one small query uses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")
_WORKERS = 3
_ABANDONED: list[threading.Thread] = []


class _Work(Generic[T]):
    """The tasks of one call, and what became of them."""

    def __init__(self, tasks: Sequence[Callable[[], T]]) -> None:
        self.results: dict[int, T] = {}
        self.errors: dict[int, BaseException] = {}
        self._waiting = list(enumerate(tasks))[::-1]
        self._lock = threading.Lock()
        self._ended: SimpleQueue[None] = SimpleQueue()
        self.threads = [
            threading.Thread(target=self._work, name=f"side-by-side-{n}", daemon=True)
            for n in range(min(_WORKERS, len(tasks)))
        ]

    def run(self) -> None:
        """Start the threads and wait for all of them; an interrupt gives up the tasks that have not begun."""
        try:
            for thread in self.threads:
                thread.start()
            for _ in self.threads:
                self._ended.get()  # not join: that would not let a signal through on every system
        except BaseException:
            with self._lock:
                self._waiting.clear()
            _ABANDONED.extend(thread for thread in self.threads if thread.is_alive())
            raise

    def _work(self) -> None:
        try:
            while (task := self._next()) is not None:
                number, call = task
                try:
                    self.results[number] = call()
                except BaseException as error:
                    self.errors[number] = error
        finally:
            self._ended.put(None)

    def _next(self) -> tuple[int, Callable[[], T]] | None:
        with self._lock:
            return self._waiting.pop() if self._waiting else None


def side_by_side(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """The results in the order of the tasks.

    All tasks end before this returns, so that nothing is still written afterwards; then the first task's error,
    in their order, is raised. Only an interrupt or a deadline of the waiting thread does not wait for them: whoever
    handles it makes the engine give up, and asks :func:`abandoned_end`.
    """
    if len(tasks) < 2:
        return [task() for task in tasks]
    work = _Work(tasks)
    work.run()
    if work.errors:
        raise work.errors[min(work.errors)]
    return [work.results[number] for number in range(len(tasks))]


def abandoned_end(within_sec: float) -> bool:
    """Wait for the threads that interrupts left behind; whether all of them have ended."""
    until = time.monotonic() + within_sec
    for thread in list(_ABANDONED):
        thread.join(max(0.0, until - time.monotonic()))
    _ABANDONED[:] = [thread for thread in _ABANDONED if thread.is_alive()]
    return not _ABANDONED

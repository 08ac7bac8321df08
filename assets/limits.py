"""Retries, timeouts and concurrency of every operation (spec section 3)."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import dagster as dg

from ledger.errors import AttemptTimeoutError
from ledger.faults import first_line
from ledger.pauses import say_pause
from resources.dagster_internals import DagsterExecutionInterruptedError

RETRIES = 2
RETRY_DELAY_SEC = 300
ATTEMPT_TIMEOUT_SEC = 3600
_AGAIN_SEC = 60
INTERRUPTED = "interrupted: the run was cancelled, or its process was told to end"
INTERRUPTS = (KeyboardInterrupt, DagsterExecutionInterruptedError)
_STARTUP_SEC = 300


class _FaultsOnly(dg.RetryPolicy):
    """Dagster retries interrupts like faults: five minutes later a cancelled run would be at work again.

    Those that reach a step's own code are dealt with there (``assets/execution.py``); one that arrives while Dagster
    stores the step's events is raised outside of it, and only asks how long to wait.
    """

    def calculate_delay(self, attempt_num: int) -> float:
        error = sys.exc_info()[1]
        if isinstance(error, INTERRUPTS):
            raise interrupted()
        delay = super().calculate_delay(attempt_num)
        if error is not None and attempt_num <= self.max_retries:
            say_pause(first_line(error), delay, next_try=attempt_num + 1, tries=self.max_retries + 1)
        return delay


# Faults that may pass: twice more, five minutes apart.
RETRY_POLICY: dg.RetryPolicy = _FaultsOnly(max_retries=RETRIES, delay=RETRY_DELAY_SEC)
_interrupted = threading.Event()


def interrupted() -> dg.Failure:
    """The failure of an operation that was told to end; from now on no other operation of this process begins."""
    _interrupted.set()
    return dg.Failure(INTERRUPTED, metadata={"error": "Interrupted"}, allow_retries=False)


def refuse_if_interrupted() -> None:
    """Raise for the operations that do not depend on the interrupted one, and would start now."""
    if _interrupted.is_set():
        raise interrupted()


def new_run() -> None:
    """A new run of this process begins: an interrupt of the former one is over."""
    _interrupted.clear()


def run_limit_sec(tasks: int) -> int:
    """How long a run of so many tasks, one after the other, may last: every attempt, every pause, and its start.

    ``dagster/max_runtime`` covers a whole run with its retries, so it is the net below :func:`attempt_deadline`.
    """
    return _STARTUP_SEC + tasks * ((RETRIES + 1) * ATTEMPT_TIMEOUT_SEC + RETRIES * RETRY_DELAY_SEC)


def run_tags(job: str, *, tasks: int = 1) -> dict[str, str]:
    """The tags of a job's runs: the queue lets one run per ``pipeline`` pass, monitoring ends a run at its limit."""
    return {"pipeline": job, "dagster/max_runtime": str(run_limit_sec(tasks))}


@contextmanager
def attempt_deadline(seconds: float | None = None) -> Iterator[None]:
    """End the block after ``seconds`` (ATTEMPT_TIMEOUT_SEC) with :class:`AttemptTimeoutError`, which is retried like other passing faults.

    An alarm can interrupt the main thread only; elsewhere the run's own limit, or the cluster's, has to do. A
    write that other threads have begun ends by itself: every write is one commit, and the next attempt converges.
    It rings again every minute, as a check that cannot be measured fails nothing: the next one must not wait for ever.
    """
    seconds = ATTEMPT_TIMEOUT_SEC if seconds is None else seconds
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise AttemptTimeoutError(
            f"the attempt took longer than {seconds} s",
            action="look at what it waited for; the next attempt starts by itself",
        )

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_SEC)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        # An interrupted operation's generator is closed by whichever thread collects it; the next attempt rings its own.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGALRM, before)

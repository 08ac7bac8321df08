"""Commits of Delta tables: retried while another writer's wins, and what each one did by its own metrics."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from deltalake.exceptions import DeltaError
from pyspark.errors import PySparkException
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from ledger.errors import CommitConflictError
from ledger.faults import first_line, named
from ledger.pauses import say_pause

T = TypeVar("T")

# Another writer's commit, or its clean-up of the log, while ours was made or the log was listed.
_CONFLICT_SIGNS = (
    "Failed to commit transaction",
    "Tried committing existing table version",
    "commit conflict",
    "DELTA_CONCURRENT",
    "Concurrent",
    "DELTA_METADATA_CHANGED",
    "DELTA_PROTOCOL_CHANGED",
    "Metadata changed since last commit",
    "Protocol changed since last commit",
    "DELTA_VERSIONS_NOT_CONTIGUOUS",
    "Missing commit file",
)
_MAX_TRIES = 10
_FIRST_PAUSE_SEC = 0.05
_LONGEST_PAUSE_SEC = 3.0


@dataclass(frozen=True)
class Commit:
    """Metrics of a commit: the rows written, and for a merge inserted, updated, deleted."""

    written: int
    merged: tuple[int, int, int]

    @classmethod
    def of(cls, metrics: Mapping[str, Any] | None) -> Self:
        """A commit by its ``operationMetrics``, whose values are numbers or their texts."""
        counts = metrics or {}
        inserted, updated, deleted = (
            int(counts.get(f"numTargetRows{what}", 0)) for what in ("Inserted", "Updated", "Deleted")
        )
        return cls(int(counts.get("numOutputRows", 0)), (inserted, updated, deleted))


def retry_conflicts(write: Callable[[], T], table: str, *, pause: Callable[[float], None] = time.sleep) -> T:
    """Run ``write`` again, a bounded number of times with jitter, while another writer's commit wins.

    Every commit goes through here. Raises :class:`CommitConflictError` (transient) when conflicts outlast the tries,
    :class:`StorageError` when a disk, a file or a permission is at fault; other errors pass through.
    """

    def say(state: RetryCallState) -> None:
        say_pause(
            f"{table}: another writer was faster",
            state.upcoming_sleep,
            next_try=state.attempt_number + 1,
            tries=_MAX_TRIES,
        )

    retrying = Retrying(
        retry=retry_if_exception(is_conflict),
        stop=stop_after_attempt(_MAX_TRIES),
        wait=_growing_and_jittered,
        sleep=pause,
        before_sleep=say,
        reraise=True,
    )
    try:
        return retrying(write)
    except Exception as error:
        if is_conflict(error):
            raise CommitConflictError(
                f"{_MAX_TRIES} commits in a row lost to other writers ({first_line(error)})",
                table=table,
                action="run it again later",
            ) from error
        if (fault := named(error, table)) is not None:
            raise fault from error
        raise


def _growing_and_jittered(state: RetryCallState) -> float:
    """Twice as long after each try, at least half of it: writers that lost together do not come back together."""
    longest = min(_LONGEST_PAUSE_SEC, _FIRST_PAUSE_SEC * 2**state.attempt_number)
    return random.uniform(longest / 2, longest)


def is_conflict(error: BaseException) -> bool:
    """Whether another writer is why it failed, so that the same again may succeed."""
    if isinstance(error, FileExistsError):  # a commit of our own, see log_files.py
        return True
    from_log = isinstance(error, (PySparkException, DeltaError))
    return from_log and any(sign in str(error) for sign in _CONFLICT_SIGNS)

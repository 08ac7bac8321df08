"""The Delta transaction log behind :mod:`ledger.lakehouse`: versions, commit metrics, conflicts.

Where this process sees the tables' files, the log's own files are read: the embedded engine has no ``DESCRIBE
HISTORY``, on a JVM one costs as much as a small merge, and ``DeltaTable.history`` gives commits that arrive while it
reads the numbers of others. Everywhere else SQL does. Columns are added by the engine that owns the session, as only
the embedded one has no ``ALTER TABLE``.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from deltalake import DeltaTable, Field
from deltalake.exceptions import DeltaError
from deltalake.schema import PrimitiveType
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from ledger.errors import CommitConflictError

logger = logging.getLogger(__name__)
T = TypeVar("T")

_CONFLICT_SIGNS = ("Failed to commit transaction", "DELTA_CONCURRENT", "Concurrent", "DELTA_METADATA_CHANGED")
_COMMIT_FILES = "[0-9]" * 20 + ".json"
_MAX_TRIES = 10
_FIRST_PAUSE_SEC = 0.05
_LONGEST_PAUSE_SEC = 3.0


@dataclass(frozen=True)
class Commit:
    """What a commit did by its metrics: the rows written, and for a merge inserted, updated, deleted."""

    written: int
    merged: tuple[int, int, int]


def retry_conflicts(write: Callable[[], T], table: str, *, pause: Callable[[float], None] = time.sleep) -> T:
    """Run ``write`` again, a bounded number of times with jitter, while another writer's commit wins.

    Raises :class:`CommitConflictError` (transient) when conflicts outlast the tries; other errors pass through.
    """
    for attempt in range(1, _MAX_TRIES + 1):
        try:
            return write()
        except Exception as error:
            if not _is_conflict(error):
                raise
            if attempt == _MAX_TRIES:
                raise CommitConflictError(
                    f"{_MAX_TRIES} commits in a row lost to other writers",
                    table=table,
                    action="run it again later",
                ) from error
            longest = min(_LONGEST_PAUSE_SEC, _FIRST_PAUSE_SEC * 2**attempt)
            logger.info("%s: commit conflict, try %d of %d", table, attempt + 1, _MAX_TRIES)
            pause(random.uniform(longest / 2, longest))
    raise AssertionError("unreachable: the last try returns or raises")


def _is_conflict(error: Exception) -> bool:
    from_log = isinstance(error, (PySparkException, DeltaError))
    return from_log and any(sign in str(error) for sign in _CONFLICT_SIGNS)


class DeltaLog:
    """Reads the log of a table given both ways: ``ref`` for SQL, ``path`` for files.

    ``local``: this process sees the files; ``embedded``: the engine lives in this process.
    """

    def __init__(self, spark: SparkSession, *, local: bool, embedded: bool) -> None:
        self._spark, self._local, self.embedded = spark, local, embedded

    def exists(self, path: str) -> bool:
        """Whether a Delta table lies at the path."""
        if self._local:
            return DeltaTable.is_deltatable(path)
        try:
            self._spark.read.format("delta").load(path).schema  # noqa: B018  # the read itself is the question
        except PySparkException:
            return False
        return True

    def version(self, ref: str, path: str) -> int:
        """The newest commit's version."""
        if not self._local:
            return int(self._spark.sql(f"DESCRIBE HISTORY {ref} LIMIT 1").collect()[0]["version"])
        return max(int(file.stem) for file in _log(path).glob(_COMMIT_FILES))

    def commits_since(self, ref: str, path: str, version: int) -> list[Commit]:
        """The commits after ``version`` (over SQL at most the newest 50)."""
        if not self._local:
            rows = self._spark.sql(f"DESCRIBE HISTORY {ref} LIMIT 50").collect()
            return [_commit(r["operationMetrics"]) for r in rows if r["version"] > version]
        commits: list[Commit] = []
        while (file := _log(path) / f"{version + 1:020}.json").exists():
            version += 1
            actions = (json.loads(line) for line in file.read_text("utf-8").split("\n") if line)
            metrics = [a["commitInfo"].get("operationMetrics") for a in actions if "commitInfo" in a]
            commits.append(_commit(metrics[0] if metrics else None))
        return commits

    def add_string_columns(self, ref: str, path: str, names: Sequence[str]) -> None:
        """Add nullable string columns."""
        if not self.embedded:
            self._spark.sql(
                f"ALTER TABLE {ref} ADD COLUMNS ({', '.join(f'`{n}` string' for n in names)})"
            ).collect()
            return
        fields = [Field(name, PrimitiveType("string"), nullable=True) for name in names]
        DeltaTable(path).alter.add_columns(fields)


def _log(path: str) -> Path:
    return Path(path) / "_delta_log"


def _commit(metrics: Mapping[str, Any] | None) -> Commit:
    counts = metrics or {}
    inserted, updated, deleted = (
        int(counts.get(f"numTargetRows{what}", 0)) for what in ("Inserted", "Updated", "Deleted")
    )
    return Commit(int(counts.get("numOutputRows", 0)), (inserted, updated, deleted))

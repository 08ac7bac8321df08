"""A table by its Delta log: whether the table is there, its versions, its commits, how many rows it has.

Two readers of one protocol. For files that this process sees the log itself is read, in milliseconds: the
embedded engine has no ``DESCRIBE HISTORY``, on a JVM it costs as much as a small merge, every count that the log
answers is a query less, and ``DeltaTable.history`` gives commits that arrive while it reads the numbers of others.
For all others SQL answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from datetime import date
from pathlib import Path
from typing import NamedTuple, Protocol

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from ledger.delta.commits import Commit
from ledger.delta.engine_paths import delta_rs_reads
from ledger.delta.log_files import has_log, layout_of
from ledger.delta.log_metadata import Layout
from ledger.errors import StorageError
from ledger.faults import first_line
from ledger.shortages import is_panic, shortage

_COMMIT_FILES = "[0-9]" * 20 + ".json"


class Place(NamedTuple):
    """A table's name in SQL, and its path."""

    ref: str
    path: str


class TableLog(Protocol):
    """The questions."""

    def exists(self, place: Place) -> bool:
        """Whether a Delta table is there."""
        ...

    def layout(self, place: Place, table: str) -> Layout | None:
        """How the table is stored, after its log was found whole; None when only a query can tell."""
        ...

    def version(self, place: Place) -> int:
        """The newest commit's version."""
        ...

    def newest_commit(self, place: Place) -> Hashable | None:
        """The identity of the table's newest commit; None when only a query can tell."""
        ...

    def commits_since(self, place: Place, version: int) -> list[Commit]:
        """The commits after ``version``."""
        ...

    def row_count(
        self, place: Place, partition_by: str | None, holds: Callable[[date | None], bool]
    ) -> int | None:
        """The rows of the partitions that ``holds`` accepts; None when only a query can tell."""
        ...


class FileLog:
    """The log's own files."""

    def exists(self, place: Place) -> bool:
        return has_log(place.path)

    def layout(self, place: Place, table: str) -> Layout | None:
        return layout_of(place.path, table)

    def version(self, place: Place) -> int:
        return max(int(file.stem) for file in _folder(place).glob(_COMMIT_FILES))

    def newest_commit(self, place: Place) -> Hashable | None:
        """By its file, which is another one when the table was made anew at the same path."""
        version = self.version(place)
        try:
            found = (_folder(place) / f"{version:020}.json").stat()
        except OSError:
            return None
        return version, found.st_ino, found.st_mtime_ns, found.st_size

    def commits_since(self, place: Place, version: int) -> list[Commit]:
        commits: list[Commit] = []
        while (file := _folder(place) / f"{version + 1:020}.json").exists():
            version += 1
            actions = (json.loads(line) for line in file.read_text("utf-8").split("\n") if line)
            metrics = [a["commitInfo"].get("operationMetrics") for a in actions if "commitInfo" in a]
            commits.append(Commit.of(metrics[0] if metrics else None))
        return commits

    def row_count(
        self, place: Place, partition_by: str | None, holds: Callable[[date | None], bool]
    ) -> int | None:
        if not delta_rs_reads(place.path):
            return None
        try:
            table = DeltaTable(place.path)
            if "deletionVectors" in (table.protocol().reader_features or ()):
                return None  # a file's number of rows is then not what is left of them
            files = table.get_add_actions(flatten=True)
        except DeltaError:  # no table, or a feature of one that the engine may know
            return None
        except BaseException as error:
            if not is_panic(error):
                raise
            raise shortage(error) or StorageError(
                f"the table's log cannot be read: {first_line(error)}", file=place.path
            ) from None
        if not files.num_rows:
            return 0
        if "num_records" not in files.schema.names:
            return None
        counts = list(files["num_records"].to_pylist())
        if partition_by:
            days = files[f"partition.{partition_by}"].to_pylist()
            counts = [count for count, day in zip(counts, days, strict=True) if holds(day)]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None


class SqlLog:
    """Tables of a catalog, or at a URI."""

    def __init__(self, spark: SparkSession, *, by_name: bool) -> None:
        self._spark, self._by_name = spark, by_name

    def exists(self, place: Place) -> bool:
        if self._by_name:
            return bool(self._spark.catalog.tableExists(place.ref))
        try:
            self._spark.read.format("delta").load(place.path).schema  # noqa: B018  # the read is the question
        except PySparkException:
            return False
        return True

    def layout(self, place: Place, table: str) -> Layout | None:
        return None

    def version(self, place: Place) -> int:
        return int(self._spark.sql(f"DESCRIBE HISTORY {place.ref} LIMIT 1").collect()[0]["version"])

    def newest_commit(self, place: Place) -> Hashable | None:
        return None

    def commits_since(self, place: Place, version: int) -> list[Commit]:
        """At most the newest 50."""
        rows = self._spark.sql(f"DESCRIBE HISTORY {place.ref} LIMIT 50").collect()
        return [Commit.of(r["operationMetrics"]) for r in rows if r["version"] > version]

    def row_count(
        self, place: Place, partition_by: str | None, holds: Callable[[date | None], bool]
    ) -> int | None:
        return None


def _folder(place: Place) -> Path:
    return Path(place.path) / "_delta_log"

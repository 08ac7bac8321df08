"""Intermediate results that are evaluated once. Only speed leans on them, never correctness.

A folder of Parquet files whose files are gone reads as no rows, on the embedded engine even where each file is named. So
what is staged in a folder is a small Delta table: its log says which files there are, how long they are and how many
rows they hold, and a scan of fewer fails. Frames that an engine keeps are computed anew where they are lost.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import uuid
from itertools import count
from pathlib import Path
from weakref import WeakSet

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from ledger.delta import engine_paths
from ledger.delta.held_folders import drop, new_folder, sweep
from ledger.errors import StorageError

_PREFIX = "ledger-stage-"
_LOG = f"_delta_log/{0:020}.json"
_ALL: WeakSet[Stages] = WeakSet()


class Stages:
    """Staged results of one process: numbered folders in one that it holds, and frames that the engine keeps.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._home: Path | None = None
        self._numbers = count(1)
        self._left: dict[Path, int | str] = {}
        self._frames: list[DataFrame] = []
        self._lock = threading.Lock()
        _ALL.add(self)

    def folder(self) -> Path:
        """A new empty folder, by a path that the engine can address.

        Raises :class:`StorageError` when what was staged before, or the folder for temporary files, is gone.
        """
        with self._lock:
            if self._home is None:
                self._home = _new_home(tempfile.gettempdir())
            folder = self._home / str(next(self._numbers))
            try:
                folder.mkdir()
            except FileNotFoundError:
                raise _gone(self._home) from None
            return folder

    def seal(self, folder: Path) -> None:
        """From now on the folder has to keep what lies there: a Delta table by its log, or links.

        Raises :class:`StorageError` when it does not even have that any more.
        """
        log = folder / _LOG
        left: dict[Path, int | str] = {}
        try:
            if log.parent.is_dir():
                text = log.read_text("utf-8")
                left[log] = log.stat().st_size
                added = (action.get("add") for action in map(json.loads, text.splitlines()))
                left |= {folder / file["path"]: file["size"] for file in added if file}
            else:
                left = {path: os.readlink(path) for path in folder.rglob("*") if path.is_symlink()}
        except (OSError, ValueError):
            raise _gone(folder) from None
        with self._lock:
            self._left |= left
        if not left or not all(map(_is_as_left, left.items())):
            raise _gone(folder)

    def seal_file(self, file: Path, schema: StructType, *, rows: int) -> Path:
        """Seal a folder with one Parquet file of our own, which has to have so many rows; the folder.

        Raises as :meth:`seal`, and OSError where the log cannot be written.
        """
        refuse_cut(file, rows=rows)
        log = file.parent / _LOG
        log.parent.mkdir()
        log.write_text(_commit(schema, file, rows), "utf-8")
        self.seal(file.parent)
        return file.parent

    def persist(self, df: DataFrame) -> DataFrame:
        """Keep the frame's rows in the engine."""
        kept = df.persist()
        with self._lock:
            self._frames.append(kept)
        return kept

    def lost(self) -> StorageError | None:
        """The error that names the first staged result that is not as it was left: a lost one never comes back."""
        left = list(self._left.items())
        return next((_gone(path) for path, size in left if not _is_as_left((path, size))), None)

    def clear(self) -> None:
        """Drop everything staged."""
        with self._lock:
            frames, home = self._frames, self._home
            self._frames, self._home, self._left = [], None, {}
        for frame in frames:
            frame.unpersist()
        if home is not None:
            drop(home)


def refuse_cut(file: Path, *, rows: int) -> None:
    """Raises :class:`StorageError` unless a Parquet file of ours has so many rows. Reads its footer alone."""
    try:
        found = pq.read_metadata(file).num_rows
    except (OSError, pa.ArrowInvalid):
        found = -1
    if found != rows:
        raise _gone(file)


def lost_stage() -> StorageError | None:
    """:meth:`Stages.lost` of this process: why the engine could not read, whatever it says itself."""
    return next((lost for stages in list(_ALL) if (lost := stages.lost())), None)


def sweep_stages() -> None:
    """Remove what killed processes left behind."""
    sweep(tempfile.gettempdir(), _PREFIX)
    engine_paths.sweep_links()


def _new_home(place: str) -> Path:
    try:
        return new_folder(engine_paths.addressable(place), _PREFIX)
    except FileNotFoundError:
        raise StorageError(
            "the folder for temporary files is gone",
            file=place,
            action="create it again or set TMPDIR to another one, then run the same command again",
        ) from None


def _is_as_left(entry: tuple[Path, int | str]) -> bool:
    path, left = entry
    try:
        return os.readlink(path) == left if isinstance(left, str) else path.stat().st_size == left
    except OSError:
        return False


def _commit(schema: StructType, file: Path, rows: int) -> str:
    """The one commit of a Delta table with one file. Its statistics are the row count alone (D-007)."""
    metadata = {
        "id": str(uuid.uuid4()),
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema.json(),
        "partitionColumns": [],
        "configuration": {},
    }
    add = {
        "path": file.name,
        "partitionValues": {},
        "size": file.stat().st_size,
        "modificationTime": 0,
        "dataChange": True,
        "stats": json.dumps({"numRecords": rows}),
    }
    protocol = {"minReaderVersion": 1, "minWriterVersion": 2}
    actions = ({"protocol": protocol}, {"metaData": metadata}, {"add": add})
    return "".join(f"{json.dumps(action)}\n" for action in actions)


def _gone(path: Path) -> StorageError:
    return StorageError(
        "an intermediate result of this run is gone or cut off, and was not taken for an empty one",
        file=str(path),
        action=f"keep cleaners of temporary files away from {_PREFIX}* or set TMPDIR to a folder of your own, then run"
        " the same command again; it continues safely",
    )

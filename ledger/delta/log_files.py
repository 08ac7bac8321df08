"""The files of a table's Delta log where this process sees them: is the log whole, and which columns has the table?

An engine takes an empty commit file for a commit without a change: the rows of the commit before it was cut are gone
without a word. So the files are looked at before they are read: all of them once per process, then only what is new.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ledger.delta.log_metadata import (
    METADATA,
    Layout,
    layout,
    metadata_in,
    newest_metadata,
    with_string_columns,
)
from ledger.errors import StorageError

_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\..+")
_WRITER_PAUSE_SEC = 0.2


@dataclass(frozen=True)
class _Seen:
    """The newest commit that was looked at, by version and file, and the layout as of it."""

    version: int
    file: tuple[int, int, int]
    layout: Layout | None


_SEEN: dict[str, _Seen] = {}
_LOCK = threading.Lock()


def layout_of(path: str, table: str) -> Layout | None:
    """The table's layout, after its log was found whole; None when there is no table, or only an engine can read it.

    Raises :class:`StorageError` naming the file for a commit that is empty or cut, one that is missing, and a
    checkpoint that is missing.
    """
    log = Path(path) / "_delta_log"
    with _LOCK:
        seen = _SEEN.get(path)
        if seen is None or _mark(log, seen.version) != seen.file:
            fresh = _looked_through(log, table)
        else:
            fresh = _followed(log, table, seen)
        if fresh is None:
            _SEEN.pop(path, None)
            return None
        _SEEN[path] = fresh
        return fresh.layout


def _looked_through(log: Path, table: str) -> _Seen | None:
    """The whole log: no commit is missing or empty, the newest one ends as a commit does."""
    for pause in (
        _WRITER_PAUSE_SEC,
        0.0,
    ):  # what is written or cleaned up while a folder is listed may be left out
        commits, start = _listed(log)
        if not commits:
            return None
        newest = commits[-1]
        missing = sorted(set(range(start + 1, newest + 1)) - set(commits))
        if not missing:
            break
        time.sleep(pause)
    if missing:
        what = f"commits {missing[0]} to {missing[-1]}" if len(missing) > 1 else f"commit {missing[0]}"
        pointer = _promised_checkpoint(log)
        if pointer is not None and pointer > start:
            what = f"checkpoint {pointer}, and {what}"
        raise _broken(log, table, f"{what} of the table's log are missing")
    for version in commits:
        if version > start and os.stat(_commit(log, version)).st_size == 0:
            raise _broken(log, table, f"{_commit(log, version).name} is empty", file=_commit(log, version))
    _check_commit(_commit(log, newest), log, table)
    metadata = newest_metadata(log, [version for version in commits if version > start])
    return _Seen(newest, _required_mark(log, newest), layout(metadata) if metadata else None)


def _listed(log: Path) -> tuple[list[int], int]:
    """The versions that have a commit file, and that of the newest checkpoint (-1: none)."""
    try:
        names = os.listdir(log)
    except (FileNotFoundError, NotADirectoryError):
        return [], -1
    found = [(int(m[1]), name) for name in names if (m := _CHECKPOINT.fullmatch(name))]
    checkpoints = {version for version, name in found if _size(log / name)}
    return sorted(int(m[1]) for m in map(_COMMIT.fullmatch, names) if m), max(checkpoints, default=-1)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # cleaned up since it was listed
        return 0


def _followed(log: Path, table: str, seen: _Seen) -> _Seen:
    """Commits since the last look."""
    version, stored = seen.version, seen.layout
    while _commit(log, version + 1).exists():
        version += 1
        text = _check_commit(_commit(log, version), log, table)
        if METADATA in text:
            metadata = metadata_in(text)
            stored = layout(metadata) if metadata else stored
    return _Seen(version, _required_mark(log, version), stored)


def _check_commit(file: Path, log: Path, table: str) -> str:
    """The commit's text; raises :class:`StorageError` unless it is a whole one."""
    problem = ""
    for pause in (_WRITER_PAUSE_SEC, 0.0):  # a writer without atomic renames may be at it
        text = file.read_text("utf-8", errors="replace")
        problem = _problem(text)
        if not problem:
            return text
        time.sleep(pause)
    raise _broken(log, table, f"{file.name} {problem}", file=file)


def _problem(text: str) -> str:
    if not text.strip():
        return "is empty"
    if "\0" in text:
        return "holds NUL bytes"
    try:
        last = json.loads(text.rstrip().rpartition("\n")[2])
    except ValueError:
        return "is cut off"
    return "" if isinstance(last, dict) else "is no commit"


def _broken(log: Path, table: str, what: str, *, file: Path | None = None) -> StorageError:
    if file is None:
        action = "restore the missing files of the log from a backup; nothing was read or written"
    else:
        at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        action = (
            f"restore the file from a backup; without one move it away and run every day again that was run at"
            f" {at:%Y-%m-%d %H:%M} UTC or later; nothing was read or written"
        )
    return StorageError(
        f"the table's log is damaged: {what}", table=table, file=os.path.realpath(file or log), action=action
    )


def has_log(path: str) -> bool:
    """Whether a Delta table is there."""
    try:
        with os.scandir(f"{path}/_delta_log") as entries:
            return any(_COMMIT.fullmatch(e.name) or _CHECKPOINT.fullmatch(e.name) for e in entries)
    except (FileNotFoundError, NotADirectoryError):
        return False


def add_string_columns(
    path: str, table: str, names: Sequence[str], at: datetime, *, most: int = 2**31
) -> bool:
    """Commit nullable string columns that the table lacks (for an engine without ALTER TABLE).

    False, and nothing is written, when the table would have more than ``most`` columns. Raises FileExistsError when
    another writer committed meanwhile: nothing was written then, and it may be tried again.
    """
    newest = _newest(Path(path) / "_delta_log")
    stored = current_metadata(path, table)
    wanted = with_string_columns(stored, names)
    if wanted is None:
        return True
    if len(layout(wanted).columns) > most:
        return False
    info = {
        "timestamp": int(at.timestamp() * 1000),
        "operation": "ADD COLUMN",
        "operationParameters": {"names": json.dumps(list(names))},
        "engineInfo": "ledger-controls",
    }
    commit_after(path, newest, [{"commitInfo": info}, {"metaData": wanted}])
    return True


def current_metadata(path: str, table: str) -> dict[str, Any]:
    """The table's ``metaData`` action as it stands; raises :class:`StorageError` when the log does not tell it."""
    log = Path(path) / "_delta_log"
    layout_of(path, table)  # a damaged log takes no commit
    stored = newest_metadata(log, sorted(_versions(log)))
    if stored is None:
        raise StorageError("the table's schema cannot be read from its log", table=table, file=str(log))
    return stored


def commit_after(path: str, version: int, actions: Sequence[Mapping[str, Any]]) -> None:
    """Commit the actions as the version right after ``version``: whole or not at all, and never over another's.

    Raises FileExistsError when another writer has committed it meanwhile.
    """
    log = Path(path) / "_delta_log"
    with tempfile.NamedTemporaryFile("w", dir=log, prefix="_commit_", encoding="utf-8") as draft:
        draft.write("".join(json.dumps(action, ensure_ascii=False) + "\n" for action in actions))
        draft.flush()
        os.fsync(draft.fileno())
        os.link(draft.name, _commit(log, version + 1))


def _versions(log: Path) -> list[int]:
    return [int(m[1]) for m in map(_COMMIT.fullmatch, os.listdir(log)) if m]


def _newest(log: Path) -> int:
    return max(_versions(log))


def _promised_checkpoint(log: Path) -> int | None:
    try:
        return int(json.loads((log / "_last_checkpoint").read_text("utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _commit(log: Path, version: int) -> Path:
    return log / f"{version:020}.json"


def _mark(log: Path, version: int) -> tuple[int, int, int] | None:
    """Identity of this file, against another one that took its place."""
    try:
        found = os.stat(_commit(log, version))
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _required_mark(log: Path, version: int) -> tuple[int, int, int]:
    return _mark(log, version) or (0, 0, 0)

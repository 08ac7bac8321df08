"""Everything that lies in a landing day's folder of a local landing: what can be read, and why the rest cannot.

Links are followed inside the landing root only. Nothing here opens a file, so that a sensor can afford to look often.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ledger.bronze.landing_names import Kind, LeftOutStatus, judge_name, kind_of

_SPECIAL = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_WHY = {
    errno.EACCES: "no permission to read it",
    errno.EPERM: "no permission to read it",
    errno.ELOOP: "a link that leads to itself",
    errno.ENOENT: "a link that leads nowhere",
    errno.ENAMETOOLONG: "its path is too long",
}
_AWAY = frozenset({errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENODEV})
Identity = tuple[int, int, int, int]
"""Inode, size, modification and change time: what changes when somebody writes, moves or replaces a file."""


@dataclass(frozen=True)
class Readable:
    """A regular file with the name of a format."""

    name: str
    path: Path
    kind: Kind
    identity: Identity

    @property
    def size(self) -> int:
        return self.identity[1]

    @property
    def modified_ns(self) -> int:
        return self.identity[2]


@dataclass(frozen=True)
class LeftOut:
    """A file, or a folder, that is not read. ``stops``: whether the load fails for it once everything else is loaded."""

    name: str
    status: LeftOutStatus
    reason: str
    sha256: str = ""
    bytes: int | None = None
    stops: bool = False


def walk(root: Path, table_folder: str, day: str) -> Iterator[Readable | LeftOut]:
    """Entries of ``<root>/<table_folder>/<day>``, by name; nothing when that is not there.

    Names are relative to the root; one that is no text is spelled with escapes. Raises ``OSError`` when the storage
    itself is away.
    """
    inside = root.resolve(strict=True)
    for name in (table_folder, f"{table_folder}/{day}"):
        try:
            os.lstat(root / name)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            yield _unreadable(name, f"a folder, {why(error)}")
            return
        problem = _folder_problem(root / name, inside)
        if problem:
            yield _unreadable(name, problem)
            return
    yield from _folder(_Walk(inside, root, f"{table_folder}/{day}"), root / table_folder / day, frozenset())


def identity_of(found: os.stat_result) -> Identity:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def why(error: OSError) -> str:
    """An error of the file system in words that do not change from one load to the next; raised when storage is away."""
    if error.errno in _AWAY:
        raise error
    return _WHY.get(error.errno or 0) or error.strerror or type(error).__name__


@dataclass(frozen=True)
class _Walk:
    inside: Path
    root: Path
    day: str

    def name(self, path: Path) -> str:
        return text_of(path.relative_to(self.root).as_posix())

    def below_day(self, path: Path) -> str:
        return path.relative_to(self.root / self.day).as_posix()


def text_of(name: str) -> str:
    """A file's name as text that every table can hold: bytes that are no UTF-8 are spelled ``\\xff``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _folder(walk: _Walk, folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Readable | LeftOut]:
    try:
        found = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield _unreadable(walk.name(folder), f"a folder, {why(error)}")
        return
    place = found.st_dev, found.st_ino
    if place in above:
        yield _unreadable(walk.name(folder), "a link to a folder above it")
        return
    is_day = folder == walk.root / walk.day
    if not entries and not is_day and kind_of(folder.name):
        yield _unreadable(walk.name(folder), "an empty folder with the name of a file")
    for entry in entries:
        yield from _entry(walk, folder / entry.name, above | {place})


def _entry(walk: _Walk, path: Path, above: frozenset[tuple[int, int]]) -> Iterator[Readable | LeftOut]:
    name = walk.name(path)
    try:
        is_link = path.is_symlink()
        if is_link and not path.resolve(strict=True).is_relative_to(walk.inside):
            yield _judged(walk, path, "a link to a place outside the landing root")
            return
        found = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            yield _judged(walk, path, _WHY[errno.ENOENT])
        return  # gone since the folder was read
    except (OSError, RuntimeError) as error:  # a link loop is a RuntimeError of pathlib's
        yield _judged(walk, path, why(error) if isinstance(error, OSError) else _WHY[errno.ELOOP])
        return
    if stat.S_ISDIR(found.st_mode):
        yield from _folder(walk, path, above)
        return
    special = next((what for test, what in _SPECIAL if test(found.st_mode)), None)
    if special:
        yield _judged(walk, path, f"{special}, not a regular file")
        return
    kind = judge_name(walk.below_day(path))
    if not isinstance(kind, Kind):
        yield LeftOut(name, kind.status, kind.reason, bytes=found.st_size)
    elif name != path.relative_to(walk.root).as_posix():
        yield _unreadable(name, "its name is not UTF-8")
    else:
        yield Readable(name, path, kind, identity_of(found))


def _judged(walk: _Walk, path: Path, problem: str) -> LeftOut:
    """An unreadable entry is left out for its name first: nobody misses a hidden file."""
    judged = judge_name(walk.below_day(path))
    if not isinstance(judged, Kind) and judged.status == "skipped":
        return LeftOut(walk.name(path), "skipped", judged.reason)
    return LeftOut(walk.name(path), "failed", problem, stops=isinstance(judged, Kind))


def _unreadable(name: str, problem: str) -> LeftOut:
    return LeftOut(name, "failed", problem, stops=True)


def _folder_problem(path: Path, inside: Path) -> str | None:
    try:
        if not path.resolve(strict=True).is_relative_to(inside):
            return "a link to a place outside the landing root"
        if not stat.S_ISDIR(path.stat().st_mode):
            return "not a folder"
    except (OSError, RuntimeError) as error:
        return f"a folder, {why(error)}" if isinstance(error, OSError) else _WHY[errno.ELOOP]
    return None

"""The files of a landing day: those that a load reads, with their content's hash, and those that it leaves out (spec 4)."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from pyspark.sql import SparkSession

from ledger.bronze.landing_file import Version
from ledger.bronze.landing_names import day_folder, landing_day, local_root
from ledger.bronze.landing_walk import Identity, LeftOut, Readable, identity_of, text_of, walk, why
from ledger.bronze.metadata import landing_folder
from ledger.bronze.still_written import STILL_WRITTEN, is_cut_off, is_young
from ledger.contract import Table
from ledger.errors import IngestError, TransientError
from ledger.tables import BRONZE

logger = logging.getLogger(__name__)
_READERS = 8
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class LandingFile:
    """One file of one landing day: where it is, its name relative to the landing root, its content's hash.

    ``format`` is ``json``, ``csv`` or ``parquet``; ``identity`` is what the file system said before the content was read; None where there is none to ask.
    """

    path: str
    name: str
    sha256: str
    format: str
    day: date
    size: int
    compressed: bool = False
    identity: Identity | None = None

    @property
    def version(self) -> Version:
        return self.name, self.sha256

    @property
    def batch_id(self) -> str:
        return f"{self.name.rsplit('/', 1)[-1]}:{self.sha256[:16]}"

    @property
    def is_unchanged(self) -> bool:
        """Whether the file is still what it was when its content was hashed."""
        if self.identity is None:
            return True
        try:
            return identity_of(os.stat(self.path)) == self.identity
        except OSError:
            return False


@dataclass(frozen=True)
class Listing:
    """A landing day's folder of one table."""

    files: tuple[LandingFile, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def list_files(spark: SparkSession, landing: str, table: Table, day: date, *, now: datetime) -> Listing:
    """Everything in one table's folder of one KST day, by name; an absent folder is an empty day.

    Raises :class:`IngestError` when the landing root is no folder.
    """
    root = local_root(landing)
    if root is None:
        from ledger.bronze.cloud_listing import list_cloud_files

        return list_cloud_files(spark, landing, table, day)
    if root.exists() and not root.is_dir():
        raise IngestError(
            f"the landing root {text_of(landing)} is not a folder",
            action="set lakehouse.landing to the folder",
        )
    if not root.exists():
        return Listing()
    try:
        found = list(walk(root, landing_folder(table), day_folder(day)))
    except OSError as error:
        raise TransientError(
            f"the landing {text_of(landing)} cannot be read: {error.strerror}",
            table=table.full_name,
            partition=day.isoformat(),
            action="see that its storage is there, then run the same command again",
        ) from error
    readable = [entry for entry in found if isinstance(entry, Readable)]
    with ThreadPoolExecutor(_READERS, thread_name_prefix="hash") as pool:
        hashed = list(pool.map(lambda entry: _hashed(entry, day, now), readable))
    return Listing(
        tuple(file for file in hashed if isinstance(file, LandingFile)),
        tuple(entry for entry in (*found, *hashed) if isinstance(entry, LeftOut)),
    )


def _hashed(entry: Readable, day: date, now: datetime) -> LandingFile | LeftOut | None:
    """The file with its hash; left out while somebody writes to it; None when it is gone by now."""
    try:
        if is_young(entry.modified_ns, now) and is_cut_off(entry.path, entry.kind, entry.size):
            return LeftOut(entry.name, "skipped", STILL_WRITTEN, bytes=entry.size)
        digest = _hash_of(str(entry.path), entry.identity)
    except FileNotFoundError:
        return None
    except OSError as error:
        return LeftOut(entry.name, "failed", why(error), bytes=entry.size, stops=True)
    if digest is None:
        return LeftOut(entry.name, "skipped", STILL_WRITTEN, bytes=entry.size)
    return LandingFile(
        str(entry.path),
        entry.name,
        digest,
        entry.kind.format,
        day,
        entry.size,
        entry.kind.compressed,
        entry.identity,
    )


@lru_cache(maxsize=20_000)
def _hash_if_still(path: str, identity: Identity) -> str:
    """Raises ``_ChangedError`` when the open file is not the one that was listed, before or after it was read."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:  # never waits for a FIFO's writer
        before = os.fstat(stream.fileno())
        if not stat.S_ISREG(before.st_mode) or identity_of(before) != identity:
            raise _ChangedError
        digest = hashlib.sha256()
        while block := stream.read(_READ_BYTES):
            digest.update(block)
        if identity_of(os.fstat(stream.fileno())) != identity:
            raise _ChangedError
    return digest.hexdigest()


class _ChangedError(Exception):
    """Somebody writes to the file."""


def _hash_of(path: str, identity: Identity) -> str | None:
    """The content's SHA-256; None when the file changed on the way. Unchanged files are read once per process."""
    try:
        return _hash_if_still(path, identity)
    except _ChangedError:
        return None


def misplaced(landing: str, days: frozenset[date]) -> tuple[dict[date, list[LeftOut]], list[str]]:
    """Files of a landing on this host at which no load looks: per landing day the files in a folder of no table, and the names
    of all else (files beside the day folders, folders that are no day)."""
    root = local_root(landing)
    known = {landing_folder(table) for table in BRONZE}
    by_day: dict[date, list[LeftOut]] = {}
    elsewhere: list[str] = []
    if root is None or not root.is_dir():
        return by_day, elsewhere
    for entry in _visible(root):
        if not entry.is_dir() or entry.name not in known:
            elsewhere.append(text_of(entry.name))
        for below in _visible(Path(entry.path)) if entry.is_dir() else []:
            day = landing_day(below.name)
            if entry.name in known and (day is None or not below.is_dir()):
                elsewhere.append(text_of(f"{entry.name}/{below.name}"))
            elif entry.name not in known and day in days:
                by_day.setdefault(day, []).extend(_strangers(root, entry.name, day))
    return by_day, sorted(elsewhere)


def _strangers(root: Path, folder: str, day: date) -> list[LeftOut]:
    """A file of any kind is failed there, as the table that it is meant for does not exist."""
    reason = f"{text_of(folder)!r} is the folder of no table"
    return [
        entry
        if isinstance(entry, LeftOut) and entry.status == "skipped"
        else LeftOut(entry.name, "failed", reason)
        for entry in walk(root, folder, day_folder(day))
    ]


def _visible(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return [entry for entry in os.scandir(folder) if not entry.name.startswith((".", "_"))]
    except OSError:
        return []

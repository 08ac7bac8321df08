"""Temporary folders that a lock proves to be in use. One that nobody holds any more is swept; nothing else is.

Neither a process id nor an age is a proof: another container that shares the folder has ids of its own, and a run may
last for hours. The lock is the kernel's and goes with its owner, however that ends.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import shutil
import stat
import tempfile
from pathlib import Path

logger = logging.getLogger(__name__)

_LOCK = "lock"
_DRAFT = ".ledger-draft-"
# File systems on which a free lock is free for everybody: on a network's file system another host may hold it all the same.
_LOCAL = {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "ramfs", "tmpfs", "xfs", "zfs"}
_HELD: dict[str, int] = {}
_SAID: set[tuple[str, str]] = set()


def new_folder(place: str, prefix: str) -> Path:
    """A new empty folder ``<place>/<prefix>...`` that this process holds until :func:`drop`, or its own end.

    It appears under its name with its lock held, so that no sweep can see it without. Raises OSError.
    """
    draft = tempfile.mkdtemp(prefix=_DRAFT, dir=place)
    lock = os.open(f"{draft}/{_LOCK}", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        _is_free(lock)  # where there are no locks, nobody sweeps either
        folder = f"{place}/{prefix}{secrets.token_hex(8)}"
        os.rename(draft, folder)
    except OSError:
        os.close(lock)
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _HELD[folder] = lock
    return Path(folder)


def drop(folder: Path) -> None:
    """Remove a folder of :func:`new_folder`, then let go of it."""
    shutil.rmtree(folder, ignore_errors=True)
    lock = _HELD.pop(str(folder), None)
    if lock is not None:
        os.close(lock)


def sweep(place: str, prefix: str) -> None:
    """Remove the folders ``<prefix>...`` of ours whose lock is free; what cannot be told is left, and said once."""
    try:
        names = [e.name for e in os.scandir(place) if e.name.startswith(prefix)]
    except OSError:
        return  # no such place on this machine
    others = [f"{place}/{name}" for name in names if f"{place}/{name}" not in _HELD]
    if not others:
        return
    system = _file_system(place)
    unknown = sum(not _swept_or_held(folder, may_remove=system in _LOCAL) for folder in others)
    if unknown and (place, prefix) not in _SAID:
        _SAID.add((place, prefix))
        logger.warning(
            "%s* in %s: %d left alone, because no lock proves on %s that their processes are gone;"
            " remove them by hand when nothing of the ledger is at work there",
            prefix,
            place,
            unknown,
            system or "this file system",
        )


def _swept_or_held(folder: str, *, may_remove: bool) -> bool:
    """False for a folder that may be dead, and may not. Other users' folders, and those without a lock, are not ours."""
    try:
        about = os.lstat(folder)
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid():
            return True
        lock = os.open(f"{folder}/{_LOCK}", os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        is_free = _is_free(lock)
        if is_free and may_remove:
            shutil.rmtree(folder, ignore_errors=True)
        return may_remove if is_free else is_free is False
    finally:
        os.close(lock)


def _is_free(lock: int) -> bool | None:
    """Take the lock if nobody has it; None where there are no locks."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _file_system(place: str) -> str | None:
    """The kind of file system that a folder lies on, by the kernel's table; None where there is none."""
    path, innermost, found = os.path.realpath(place), "", None
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.split(" ")
        point = re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), fields[4])
        is_above = path == point or path.startswith(point.rstrip("/") + "/")
        if is_above and len(point) >= len(innermost):  # a later one covers an earlier one
            innermost, found = point, fields[fields.index("-") + 1]
    return found

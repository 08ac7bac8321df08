"""Engine errors in an operator's words: which table, which file, what is safe, what mends it.

One place for all engines. A write knows its table (:func:`named`); a read fails where its rows are fetched, so there the
path in the message tells (:func:`first_line`).
"""

from __future__ import annotations

import errno
import re

from ledger.delta.stages import lost_stage
from ledger.errors import LedgerError, ShortageError, StorageError
from ledger.shortages import shortage

_STORED = re.compile(r"/(bronze|silver|gold)/(\w+)/([^\s\"'`]+?\.(?:parquet|json|crc))")
_GRPC_DETAILS = re.compile(r"RPC that terminated with:.*?details = \"([^\"\n]+)\"", re.DOTALL)
_FULL = ("No space left on device", "database or disk is full", "Disk quota exceeded")
_READ_ONLY = ("Read-only file system", "Permission denied", "attempt to write a readonly database")
_NOT_WRITTEN = (*_READ_ONLY, "disk I/O error", "unable to open database file")
_GONE = (
    "No such file or directory",
    "not found",
    "does not exist",
    "FILE_NOT_EXIST",
    "FileNotFoundException",
)
_DAMAGED = (
    "Requested range was invalid",
    "Parquet error",
    "is not a Parquet file",
    "Invalid JSON in log record",
)
_WHOLE = "nothing of this write was committed, the tables are whole"


def named(
    error: BaseException, table: str | None = None, *, place: str | None = None
) -> StorageError | ShortageError | None:
    """The fault by its name when a disk, a file, a permission or a lack of memory is at fault, else None.

    ``table``: the table that was being written; without it the path in the error's text tells. ``place``: what the
    full or read-only disk holds.
    """
    if isinstance(error, LedgerError):
        return None
    if (lost := lost_stage()) is not None:
        return lost
    if (short := shortage(error)) is not None:
        return short
    text, number = str(error), getattr(error, "errno", None)
    stored = _STORED.search(text)
    file = stored[3] if stored else getattr(error, "filename", None)
    table = f"{stored[1]}.{stored[2]}" if stored else table
    is_instance = "sqlite" in text
    place = "DAGSTER_HOME" if is_instance else place or ("the warehouse" if table else None)
    if number in (errno.ENOSPC, errno.EDQUOT) or _any(_FULL, text):
        return StorageError(
            f"no space is left on the disk of {place or 'the warehouse, of TMPDIR or of DAGSTER_HOME'}",
            table=table,
            file=file,
            action=f"free some space there and run the same command again; {_WHOLE}",
        )
    sign = _any(_NOT_WRITTEN if is_instance else _READ_ONLY, text)
    if sign and place:  # else it may be any file: its own words say more
        return StorageError(
            f"{place} cannot be read or written: {sign}",
            table=table,
            file=file,
            action="see that its disk has space and that this user may write there, and run the same command again;"
            f" {_WHOLE}",
        )
    return _of_a_file(stored, text)


def _of_a_file(stored: re.Match[str] | None, text: str) -> StorageError | None:
    if stored is None:
        return None
    if _any(_GONE, text):
        what = "a file of the table is gone"
    elif _any(_DAMAGED, text):
        what = "a file of the table is damaged"
    else:
        return None
    return StorageError(
        what,
        table=f"{stored[1]}.{stored[2]}",
        file=stored[3],
        action="restore the file from a backup and run the same command again; "
        "nothing was written to the table, its other files are whole",
    )


def first_line(error: BaseException) -> str:
    """An error as one line: a LedgerError whole, a fault of storage by its name, anything else by type and first line."""
    known = error if isinstance(error, LedgerError) else named(error)
    if known is not None:
        return str(known)
    text = str(error).strip()
    details = _GRPC_DETAILS.search(text)
    line = details[1] if details else text.partition("\n")[0]
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def _any(signs: tuple[str, ...], text: str) -> str:
    """The first of the signs that the text has, else nothing."""
    return next((sign for sign in signs if sign in text), "")

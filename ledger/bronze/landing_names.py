"""The meaning of a landing file's name: its format, or why it is left out. One rule for every storage (spec section 4)."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote

Format = Literal["json", "csv", "parquet"]
LeftOutStatus = Literal["skipped", "failed"]

UNKNOWN_FORMAT = "unknown format"
_FORMATS: dict[str, Format] = {
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
}
_COMPRESSED = ".gz"
_TEXT: tuple[Format, ...] = ("json", "csv")
_TEMPORARY = (".tmp", ".crc", ".part")
_URI = re.compile(r"(?P<place>[A-Za-z][A-Za-z0-9+.-]*://[^/]*)(?P<path>.*)", re.DOTALL)
_HERE = ("file://", "file://localhost")
_DAY_FOLDER = re.compile(r"date=(\d{4}-\d{2}-\d{2})")


class Kind(NamedTuple):
    """A file that is read: its format, and whether its text is gzip."""

    format: Format
    compressed: bool


class LeftOutName(NamedTuple):
    """A file that is not read, by its name alone."""

    status: LeftOutStatus
    reason: str


def judge_name(below_day: str) -> Kind | LeftOutName:
    """The meaning of the path below the landing day's folder; a hidden folder's content is hidden.

    Letter case never matters. ``skipped`` is what producers leave beside their data, ``failed`` what nobody can read.
    """
    for part in below_day.split("/"):
        if part.startswith((".", "_")):
            return LeftOutName("skipped", f"hidden or marker file: {part!r} begins with {part[0]!r}")
        for suffix in _TEMPORARY:
            if part.lower().endswith(suffix):
                return LeftOutName("skipped", f"temporary or checksum file: {part!r} ends with {suffix!r}")
    return kind_of(below_day) or LeftOutName("failed", UNKNOWN_FORMAT)


def kind_of(name: str) -> Kind | None:
    """The format that a name stands for; None for one that nobody reads."""
    lower = name.lower()
    compressed = lower.endswith(_COMPRESSED)
    plain = lower.removesuffix(_COMPRESSED)
    for suffix, format_ in _FORMATS.items():
        if plain.endswith(suffix) and (format_ in _TEXT or not compressed):
            return Kind(format_, compressed)
    return None


def local_root(landing: str) -> Path | None:
    """The folder of this host that a landing root names, by path or ``file:`` URI; None for a storage that only engines see."""
    uri = _URI.fullmatch(landing)
    if uri is None:
        return Path(landing)
    return Path(unquote(uri["path"])) if uri["place"].lower() in _HERE else None


def day_folder(day: date) -> str:
    """The folder of a landing day below its table's."""
    return f"date={day.isoformat()}"


def landing_day(folder: str) -> date | None:
    """The KST day that a folder's name gives, in exactly the spelling of :func:`day_folder`; else None."""
    found = _DAY_FOLDER.fullmatch(folder)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None

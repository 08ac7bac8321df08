"""Contents of a local landing, day by day and table by table, for the landing sensor: names and times, no content."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from ledger.bronze.landing_names import landing_day
from ledger.bronze.landing_walk import Readable, walk
from ledger.bronze.metadata import landing_folder
from ledger.bronze.still_written import is_young
from ledger.tables import BRONZE


@dataclass(frozen=True)
class Arrived:
    """A landing day's files: per table folder one fingerprint; ``settled`` is false while one may still be written."""

    tables: Mapping[str, str]
    files: int
    settled: bool

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(json.dumps(sorted(self.tables.items())).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Landing:
    """All landing days from ``earliest`` on, the table folders that are there, and why the landing cannot be seen."""

    days: Mapping[date, Arrived] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()
    earliest: date = date.min
    away: str | None = None


def arrived(root: Path, earliest: date, now: datetime) -> Landing:
    """The landing as it is: what a load would read, by the same rule. A landing that cannot be seen is ``away``."""
    known = sorted(landing_folder(table) for table in BRONZE)
    found: dict[date, dict[str, list[Readable]]] = {}
    try:
        os.stat(root)
        folders = frozenset(name for name in known if (root / name).is_dir())
        for folder in folders:
            for entry in os.scandir(root / folder):
                day = landing_day(entry.name)
                if day is not None and day >= earliest:
                    files = [e for e in walk(root, folder, entry.name) if isinstance(e, Readable)]
                    if files:
                        found.setdefault(day, {})[folder] = files
    except FileNotFoundError as error:
        return Landing(earliest=earliest, away=f"{error.filename} is not there")
    except OSError as error:
        return Landing(earliest=earliest, away=f"{error.filename or root}: {error.strerror}")
    return Landing({day: _arrived(tables, now) for day, tables in found.items()}, folders, earliest)


def _arrived(tables: Mapping[str, list[Readable]], now: datetime) -> Arrived:
    files = [file for listed in tables.values() for file in listed]
    return Arrived(
        {folder: _fingerprint(listed) for folder, listed in tables.items()},
        len(files),
        not any(is_young(file.modified_ns, now) for file in files),
    )


def _fingerprint(files: list[Readable]) -> str:
    seen = sorted((file.name, file.size, file.modified_ns) for file in files)
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:12]

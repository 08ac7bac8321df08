"""Which landing files the generator wrote: it replaces its own, never anybody else's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from mock_data.report import GenerationReport
from mock_data.stream import TABLES

_NAME = ".made-by-mock.json"  # hidden: no landing file
_BEING_WRITTEN = ""


class ForeignFileError(Exception):
    """A file that somebody else wrote is in the way."""


@dataclass
class Manifest:
    """Path below the landing root to the SHA-256 of what was written there; empty while it is being written."""

    root: Path
    files: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path) -> Manifest:
        """Files written so far; none where there is no manifest, or none that can be read."""
        try:
            found = json.loads((root / _NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = {}
        return cls(root, {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {})

    def reserve(self, start: date, days: int) -> None:
        """Note ahead what is about to be written, so that a killed generation can be repeated.

        Raises :class:`ForeignFileError` naming the first file of others; nothing is written then.
        """
        paths = [path for offset in range(days) for path in _paths(start + timedelta(days=offset))]
        for path in paths:
            self._refuse_foreign(path)
        self.files |= dict.fromkeys(paths, _BEING_WRITTEN)
        self._save()

    def note(self, report: GenerationReport) -> None:
        """Files that were written; a reserved day without a record has no file."""
        self.files |= {file.path: _sha256(self.root / file.path) for file in report.files}
        written = {file.path for file in report.files}
        self.files = {path: sha for path, sha in self.files.items() if path in written or sha}
        self._save()

    def _refuse_foreign(self, path: str) -> None:
        known = self.files.get(path)
        for file in (self.root / path, self.root / f"{path}.tmp"):
            if not file.exists() and not file.is_symlink():
                continue
            is_own = known == _BEING_WRITTEN or (
                known is not None and file.suffix != ".tmp" and file.is_file() and _sha256(file) == known
            )
            if not is_own:
                raise ForeignFileError(
                    f"mock: {file} is in the way and was not written by it -> move it away, or choose other days"
                )

    def _save(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        partial = self.root / f"{_NAME}.tmp"
        partial.write_text(json.dumps(self.files, indent=1, sort_keys=True), encoding="utf-8")
        partial.replace(self.root / _NAME)


def _paths(day: date) -> Iterable[str]:
    return (f"{table}/date={day.isoformat()}/part-0000.jsonl" for table in TABLES)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

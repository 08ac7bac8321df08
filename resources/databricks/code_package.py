"""The code that a step takes along: an allow-list of our own files, by paths relative to the repository."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from ledger.errors import SettingsError

# Folder and pattern. Nothing else ever leaves the host: no data, no .env, no virtual environment, no tests.
ALLOWED: Sequence[tuple[str, str]] = (
    ("assets", "**/*.py"),
    ("configs", "**/*.py"),
    ("configs", "*.yaml"),
    ("ledger", "**/*.py"),
    ("operations", "**/*.py"),
    ("orchestration", "**/*.py"),
    ("resources", "**/*.py"),
    ("mock_data/fixtures", "*.json"),
)
_SAME_TIME = (1980, 1, 1, 0, 0, 0)  # equal code makes equal bytes


def code_zip(root: Path, allowed: Sequence[tuple[str, str]] = ALLOWED) -> bytes:
    """The allowed files of ``root`` as a zip. Raises :class:`SettingsError` when a part of the list matches nothing."""
    names: set[str] = set()
    for folder, pattern in allowed:
        found = {p.relative_to(root).as_posix() for p in (root / folder).glob(pattern) if p.is_file()}
        if not found:
            raise SettingsError(
                f"no code to send to Databricks: {folder}/{pattern} matches no file of the installation",
                action="start from a complete checkout",
            )
        names |= found
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(names):
            entry = zipfile.ZipInfo(name, _SAME_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, (root / name).read_bytes())
    return packed.getvalue()

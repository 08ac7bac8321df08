"""Damages that a cleaner of temporary files, a full disk or a neighbour can do to a folder, and undo again."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path


def _first_file(folder: Path) -> Path:
    """One of its files or links, of the data rather than the log."""
    found = [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return min(found, key=lambda path: ("_delta_log" in path.parts, path))


def _cut(file: Path, *, to: float) -> None:
    if file.is_symlink():
        file.unlink()  # a link cannot be cut
    else:
        os.truncate(file, int(file.stat().st_size * to))


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "removed": shutil.rmtree,
    "emptied": _empty,
    "a file gone": lambda folder: _first_file(folder).unlink(),
    "a file cut": lambda folder: _cut(_first_file(folder), to=0.5),
    "a file empty": lambda folder: _cut(_first_file(folder), to=0),
}


@contextlib.contextmanager
def damaged(folder: Path, how: str) -> Iterator[None]:
    """The folder as the damage leaves it, for the block alone."""
    aside = folder.with_name(f"{folder.name}.aside")
    shutil.copytree(folder, aside, symlinks=True)
    try:
        DAMAGES[how](folder)
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)

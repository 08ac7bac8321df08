"""Intermediate results that are evaluated once. Only speed leans on them, never correctness."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from pyspark.sql import DataFrame

from ledger import engine_paths

_PREFIX = "ledger-stage-"


class Stages:
    """What one process staged: folders of Parquet files, and frames that the engine keeps."""

    def __init__(self) -> None:
        self._staged: list[Path | DataFrame] = []

    def folder(self) -> Path:
        """A new empty folder of this process, by a path that the engine can address."""
        place = engine_paths.addressable(tempfile.gettempdir())
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))
        self._staged.append(folder)
        return folder

    def persist(self, df: DataFrame) -> DataFrame:
        """Keep the frame's rows in the engine."""
        kept = df.persist()
        self._staged.append(kept)
        return kept

    def clear(self) -> None:
        """Drop everything staged."""
        for item in self._staged:
            if isinstance(item, Path):
                shutil.rmtree(item, ignore_errors=True)
            else:
                item.unpersist()
        self._staged.clear()


def sweep() -> None:
    """Remove what killed processes left behind."""
    engine_paths.sweep(tempfile.gettempdir(), _PREFIX)
    engine_paths.sweep_links()

"""Landing files: finding a day's files and reading every value as its source text (spec section 4)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ledger.bronze.metadata import landing_folder
from ledger.contract import Table

FORMATS = ("jsonl", "csv", "parquet")


@dataclass(frozen=True)
class LandingFile:
    """One file of one landing day: where it is, its name relative to the landing root, its content hash."""

    path: str
    name: str
    sha256: str
    format: str
    day: date
    size: int
    compressed: bool = False

    @property
    def batch_id(self) -> str:
        return f"{self.name.rsplit('/', 1)[-1]}:{self.sha256[:16]}"


def list_files(spark: SparkSession, landing: str, table: Table, day: date) -> list[LandingFile]:
    """The landing files of one KST day, by name; an absent folder is an empty day."""
    folder = f"{landing_folder(table)}/date={day.isoformat()}"
    if "://" in landing:
        return _list_cloud_files(spark, landing, folder, day)
    root = Path(landing)
    paths = sorted(p for p in (root / folder).glob("*") if p.is_file() and p.suffix[1:] in FORMATS)
    return [
        LandingFile(
            path=str(p),
            name=p.relative_to(root).as_posix(),
            sha256=_sha256(p),
            format=p.suffix[1:].replace("jsonl", "json"),
            day=day,
            size=p.stat().st_size,
        )
        for p in paths
    ]


def _sha256(path: Path) -> str:
    """The file's content hash; a file is read again only when its inode, size or time changed."""
    found = path.stat()
    return _hash_of(path, found.st_ino, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=1024)
def _hash_of(path: Path, *_identity: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _list_cloud_files(spark: SparkSession, landing: str, folder: str, day: date) -> list[LandingFile]:
    """Cloud storage is listed and hashed by the engine, which has the credentials."""
    reader = spark.read.format("binaryFile").option("pathGlobFilter", "*.{" + ",".join(FORMATS) + "}")
    try:
        rows = (
            reader.load(f"{landing}/{folder}").select("path", F.sha2("content", 256).alias("sha")).collect()
        )
    except PySparkException as error:
        if "PATH_NOT_FOUND" in str(error):
            return []
        raise
    names = sorted((row["path"].rsplit("/", 1)[-1], row["path"], row["sha"]) for row in rows)
    return [
        LandingFile(
            path=path,
            name=f"{folder}/{name}",
            sha256=sha,
            format=name.rsplit(".", 1)[-1].replace("jsonl", "json"),
            day=day,
            size=0,
        )
        for name, path, sha in names
    ]

"""Landing files of one test, and the Bronze rows that come of them."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from pyspark.sql import functions as F

from ledger.bronze.files_read import read_files
from ledger.bronze.landing import LandingFile
from ledger.bronze.payment_orders_raw import TABLE
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse

DAY = date(2026, 2, 3)
STAMP = datetime(2026, 2, 3, 14, 59, 59, 999999, tzinfo=UTC)
Row = dict[str, str | None]
STAMPED = (
    "ingested_at",
    "source_extracted_at",
    "batch_id",
    "source_system",
    "ingest_date_kst",
    "_file_sha256",
)


def landed(folder: Path, name: str, content: bytes, *, day: date = DAY) -> LandingFile:
    """A file of that name, its format told by its name."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    plain = name.lower().removesuffix(".gz")
    kind = plain.rsplit(".", 1)[-1]
    return LandingFile(
        path=str(path),
        name=f"payment_orders/date={day}/{name}",
        sha256=hashlib.sha256(content).hexdigest(),
        format="json" if kind in ("jsonl", "ndjson") else kind,
        day=day,
        size=len(content),
        compressed=plain != name.lower(),
    )


def read_all(
    lakehouse: Lakehouse, folder: Path, contents: Mapping[str, bytes], table: Table = TABLE
) -> tuple[dict[str, list[Row]], dict[str, str]]:
    """One load of files: by file name its rows, every non-null value but the stamped ones as text; and what failed."""
    lakehouse.create(table)
    files = [landed(folder, name, content) for name, content in contents.items()]
    read = read_files(lakehouse, table, files, STAMP)
    rows: dict[str, list[Row]] = {name: [] for name in contents}
    if read.rows is not None:
        found = read.rows.select(*[F.col(name).cast("string").alias(name) for name in read.rows.columns])
        for row in found.collect():
            values = {k: v for k, v in row.asDict().items() if v is not None and k not in STAMPED}
            rows[values.pop("_source_file").partition("/date=2026-02-03/")[2]].append(values)
    for of_file in rows.values():
        of_file[:] = ordered(of_file)
    return rows, {name.partition("/date=2026-02-03/")[2]: reason for name, reason in read.failed.items()}


def zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Rows in an order of their own: a frame has none."""
    return sorted(rows, key=lambda row: sorted((name, str(value)) for name, value in row.items()))

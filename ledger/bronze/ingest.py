"""Landing day to Bronze: typed from source text, nothing lost, loaded once, one commit (spec section 4)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pyspark.sql import functions as F

from ledger.bronze.files_read import read_files
from ledger.bronze.landing import LandingFile, list_files
from ledger.bronze.metadata import FILE_HASH, SOURCE_FILE
from ledger.contract import Table
from ledger.errors import IngestError
from ledger.lakehouse import Lakehouse
from ledger.window import day_start

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ingested:
    """What one landing day brought to one Bronze table."""

    table: str
    day: date
    files_loaded: int
    files_skipped: int
    rows: int


def ingest_day(lakehouse: Lakehouse, table: Table, *, landing: str, day: date, now: datetime) -> Ingested:
    """Load the files of one landing day that the table does not have yet, in one commit.

    Raises :class:`IngestError` naming the files that cannot be read, after the other files were loaded.
    """
    found = list_files(lakehouse.spark, landing, table, day)
    fresh = _not_loaded(lakehouse, table, found)
    stamp = min(now, day_start(day + timedelta(days=1)) - timedelta(microseconds=1))
    rows, failed = _load(lakehouse, table, fresh, stamp) if fresh else (0, {})
    if failed:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise IngestError(
            f"cannot read {reasons} ({rows} rows of the day's other files are loaded)",
            table=table.full_name,
            partition=day.isoformat(),
            action="replace or remove the file, then ingest the day again",
        )
    if fresh:
        logger.info("%s %s: %s rows from %d files", table.full_name, day, f"{rows:,}", len(fresh))
    return Ingested(table.full_name, day, len(fresh), len(found) - len(fresh), rows)


def _not_loaded(lakehouse: Lakehouse, table: Table, files: list[LandingFile]) -> list[LandingFile]:
    if not files or lakehouse.known_count(table) == 0:
        return files
    stored = lakehouse.read(table).where(F.col(SOURCE_FILE).isin([f.name for f in files]))
    loaded = {
        (r[SOURCE_FILE], r[FILE_HASH]) for r in stored.select(SOURCE_FILE, FILE_HASH).distinct().collect()
    }
    return [f for f in files if (f.name, f.sha256) not in loaded]


def _load(
    lakehouse: Lakehouse, table: Table, files: list[LandingFile], stamp: datetime
) -> tuple[int, dict[str, str]]:
    read = read_files(lakehouse, table, files, stamp)
    if read.rows is None:
        return 0, read.failed
    extra = [name for name in read.rows.columns if name not in table.column_names]
    if extra:
        lakehouse.add_columns(table, extra)
    names = [f.name for f in files if f.name not in read.failed]
    inserted = lakehouse.insert_files(table, read.rows, files=names, key=table.key[0]).inserted
    return inserted, read.failed

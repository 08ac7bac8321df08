"""Section 4: landing files to Bronze rows, and which rows belong to a window.

Grain: one row per line / CSV record / Parquet row. Blank lines are no rows. A row keeps, besides its table's
columns, hidden keys (`~...`) that only the oracle reads: `~cells` (the source fields), `~unparsable`,
`~determined` (metadata columns whose value the specification determines), `~version` (path and content hash).
A file that is still being written (younger than a minute, last line cut) is not modelled.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from tests.oracle.contract import BRONZE, METADATA, Row
from tests.oracle.formats import SourceRecord, UnknownFormat, read_records, skip_reason
from tests.oracle.values import MICROSECOND, Cell, Unparsable, Window, kst_date, parse, trim


@dataclass
class FileVersion:
    """One landing file as it now is: its place, its content's hash, and what reading it came to."""

    path: str
    sha256: str
    size: int
    day: date
    status: str
    reason: str | None = None
    rows: list[Row] = field(default_factory=list)

    @property
    def unparsable(self) -> int:
        """Rows of the file whose text is no record at all."""
        return sum(1 for row in self.rows if row["~unparsable"])


def landing_paths(landing: Path, table: str, day: date) -> Iterator[Path]:
    """Every file below the day's folder, sub-folders included. A missing day is empty, not an error."""
    folder = landing / table.removesuffix("_raw") / f"date={day.isoformat()}"
    found = [Path(root) / name for root, _, names in os.walk(folder) for name in names]
    yield from sorted(found, key=lambda path: path.relative_to(folder).parts)


def read_file(landing: Path, path: Path, table: str, day: date, now: datetime) -> FileVersion:
    """One file, judged: `loaded` with its rows, `skipped` or `failed` with the reason."""
    relative = path.relative_to(landing).as_posix()
    # A file that is no source is not read, and so has no hash.
    unread = FileVersion(relative, "", path.stat().st_size, day, "skipped")
    if (skipped := skip_reason(relative.split("/", 2)[2])) is not None:
        return replace(unread, reason=skipped)
    try:
        content = path.read_bytes()
    except OSError as error:
        return replace(unread, status="failed", reason=str(error))
    version = FileVersion(relative, hashlib.sha256(content).hexdigest(), len(content), day, "loaded")
    try:
        records = read_records(path.name, content, BRONZE[table] | METADATA)
    except UnknownFormat:
        return replace(unread, status="failed", reason="unknown format")
    except Exception as error:  # whatever a format's reader finds wrong with it
        version.status, version.reason = "failed", str(error)
    else:
        version.rows = [bronze_row(table, record, now, version) for record in records]
    return version


def bronze_row(table: str, record: SourceRecord, now: datetime, file: FileVersion) -> Row:
    """One Bronze row: typed columns, stamped metadata, `_raw` when anything did not parse cleanly."""
    cells = record.cells or {}
    row: Row = {}
    clean = record.cells is not None
    for name, kind in (BRONZE[table] | METADATA).items():
        try:
            row[name] = parse(kind, cells.get(name, Cell(None)))
        except Unparsable:
            row[name], clean = None, False
    for name, cell in cells.items():
        if name not in row:
            row[name] = cell.text  # a field that the contract does not know becomes a string column
    carried = {name for name in METADATA if row[name] is not None and trim(str(row[name])) is not None}
    determined = set(carried)
    if "ingested_at" not in carried:
        # The landing day's last microsecond, so that a late load lands in its own day.
        last_instant = Window.of_day(file.day).end - MICROSECOND
        row["ingested_at"] = min(now, last_instant)
        if row["ingested_at"] == last_instant:
            determined.add("ingested_at")
    if "source_extracted_at" not in carried:
        # The spec stamps it without saying with what: the row's ingested_at keeps `snapshot_ts` as section 5
        # has it.
        row["source_extracted_at"] = row["ingested_at"]
    if "batch_id" not in carried:
        row["batch_id"] = f"{Path(file.path).name}:{file.sha256[:16]}"
    if "source_system" not in carried:
        row["source_system"] = "landing"
    row |= {
        "_source_file": file.path,
        "_file_sha256": file.sha256,
        "_raw": None if clean else record.raw,
        "ingest_date_kst": file.day,
        "~cells": cells,
        "~unparsable": record.cells is None,
        "~determined": determined,
        "~version": (file.path, file.sha256),
    }
    return row


TIMESTAMP_COLUMNS = {
    table: [
        name
        for name in ("created_at", "updated_at", "source_extracted_at", "ingested_at")
        if name in columns or name in METADATA
    ]
    for table, columns in BRONZE.items()
}


def belongs(table: str, row: Row, window: Window) -> bool:
    """Whether the row is the window's: by ANY contract timestamp, or because it landed on its day.

    Pruned by the landing day: what landed more than a day before the window starts is not looked at.
    """
    if row["ingest_date_kst"] < kst_date(window.start) - timedelta(days=1):
        return False
    landed = row["ingest_date_kst"] == window.date_kst  # only whole KST days are modelled
    return landed or any(row[name] in window for name in TIMESTAMP_COLUMNS[table])


def rows_in_window(table: str, rows: Iterable[Row], window: Window) -> list[Row]:
    """Section 4: the rows of the window."""
    return [row for row in rows if belongs(table, row, window)]

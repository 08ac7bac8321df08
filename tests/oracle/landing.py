"""Section 4: landing files to Bronze rows.

Grain: one row per line / CSV record / Parquet row. Blank lines are no rows. A row keeps, besides its table's
columns, hidden keys (`~...`) that only the oracle reads: `~cells` (the source fields), `~unparsable`,
`~determined` (metadata columns whose value the specification determines).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.oracle.contract import BRONZE, METADATA, Row
from tests.oracle.values import MICROSECOND, Cell, Unparsable, Window, kst_date, parse, trim

JSON_SPACE = re.compile(r"[ \t\n\r]*")


class UnreadableFile(Exception):
    """A landing file that cannot be read at all; the message names it."""


@dataclass(frozen=True)
class SourceRecord:
    """One source row: its fields (None when it did not parse at all) and its text."""

    cells: dict[str, Cell] | None
    raw: str


def landing_files(landing: Path, table: str, day: date) -> list[Path]:
    """The day's files of a Bronze table, by name. A missing day is empty, not an error."""
    folder = landing / table.removesuffix("_raw") / f"date={day.isoformat()}"
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in (".jsonl", ".csv", ".parquet"))


def load_file(path: Path, table: str, day: date, now: datetime) -> list[Row]:
    """All Bronze rows of one file."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    readers = {".jsonl": read_jsonl, ".csv": read_csv, ".parquet": read_parquet}
    try:
        records = list(readers[path.suffix](content))
    except Exception as error:
        raise UnreadableFile(f"{path}: {error}") from error
    return [bronze_row(table, record, day, now, path, digest) for record in records]


def read_jsonl(content: bytes) -> Iterator[SourceRecord]:
    """One JSON object per line; LF or CRLF; blank lines are skipped."""
    for line in content.decode("utf-8-sig").split("\n"):
        line = line.removesuffix("\r")
        if trim(line) is not None:
            yield SourceRecord(json_cells(line), line)


def json_cells(line: str) -> dict[str, Cell] | None:
    """The top-level fields of a JSON object with the text that the source wrote; None for anything else.

    `json.loads` alone would turn `1e3` or `9999999999999999.99` into another number, so each value's text is
    cut out of the line. A string cell is the decoded string, `null` is None, everything else is the source
    text.
    """
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    try:
        if not isinstance(decoder.decode(line), dict):
            return None
    except (ValueError, RecursionError):
        return None
    cells: dict[str, Cell] = {}
    at = _skip_space(line, _skip_space(line, 0) + 1)
    while line[at] != "}":
        name, at = decoder.raw_decode(line, at)
        start = _skip_space(line, _skip_space(line, at) + 1)
        value, end = decoder.raw_decode(line, start)
        cells[name] = Cell(None if value is None else value if isinstance(value, str) else line[start:end])
        at = _skip_space(line, end)
        if line[at] == ",":
            at = _skip_space(line, at + 1)
    return cells


def _skip_space(line: str, at: int) -> int:
    return JSON_SPACE.match(line, at).end()  # type: ignore[union-attr]  # the pattern matches the empty string


def _refuse_constant(name: str) -> Any:
    # Python reads NaN and Infinity, JSON does not know them.
    raise ValueError(f"{name} is not JSON")


def read_csv(content: bytes) -> Iterator[SourceRecord]:
    """RFC 4180 with a header. An empty field is null; a wrong number of fields did not parse at all."""
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    header = next(reader, None)
    for fields in reader:
        if header is None or not fields:
            continue
        whole = len(fields) == len(header)
        cells = (
            {name: Cell(text or None) for name, text in zip(header, fields, strict=True)} if whole else None
        )
        yield SourceRecord(cells, ",".join(fields))


def read_parquet(content: bytes) -> Iterator[SourceRecord]:
    """Typed columns, turned into the text they stand for. A binary float is marked: it is no money."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    for index, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            micros = pa.timestamp("us", tz=field.type.tz)
            table = table.set_column(index, field.name, table.column(index).cast(micros, safe=False))
    for row in table.to_pylist():
        cells = {name: Cell(_parquet_text(value), isinstance(value, float)) for name, value in row.items()}
        yield SourceRecord(cells, json.dumps({name: cell.text for name, cell in cells.items()}))


def _parquet_text(value: Any) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case datetime():
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
        case list() | dict():
            return json.dumps(value, default=str)
    return str(value)


def bronze_row(
    table: str, record: SourceRecord, landing_day: date, now: datetime, path: Path, digest: str
) -> Row:
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
        last_instant = Window.of_day(landing_day).end - MICROSECOND
        row["ingested_at"] = min(now, last_instant)
        if row["ingested_at"] == last_instant:
            determined.add("ingested_at")
    if "source_extracted_at" not in carried:
        # The spec stamps it without saying with what: the row's ingested_at keeps `snapshot_ts` as section 5
        # has it.
        row["source_extracted_at"] = row["ingested_at"]
    if "batch_id" not in carried:
        row["batch_id"] = f"{path.name}:{digest[:12]}"
    if "source_system" not in carried:
        row["source_system"] = "landing"
    row |= {
        "_source_file": str(path),
        "_file_sha256": digest,
        "_raw": None if clean else record.raw,
        "ingest_date_kst": kst_date(row["ingested_at"]),
        "~cells": cells,
        "~unparsable": record.cells is None,
        "~determined": determined,
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


def rows_in_window(table: str, rows: Iterable[Row], window: Window) -> list[Row]:
    """Section 4: rows of which ANY contract timestamp falls in the window, pruned by their ingest date."""
    first_ingest_day = kst_date(window.start) - timedelta(days=1)
    return [
        row
        for row in rows
        if row["ingest_date_kst"] >= first_ingest_day
        and any(row[name] in window for name in TIMESTAMP_COLUMNS[table])
    ]

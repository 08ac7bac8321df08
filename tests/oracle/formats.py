"""Section 4, formats: the content of one landing file to source records (fields as the source spelled them)."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.oracle.values import ASCII_WHITESPACE, Cell, trim

JSON_SPACE = re.compile(r"[ \t\n\r]*")
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")


class UnknownFormat(Exception):
    """The file's name ends in nothing that section 4 lists."""


@dataclass(frozen=True)
class SourceRecord:
    """One source row: its fields (None when it did not parse at all) and its text."""

    cells: dict[str, Cell] | None
    raw: str


def skip_reason(relative: str) -> str | None:
    """Hidden, temporary and marker files, and all that lies in a hidden folder; the same for every format."""
    name = relative.rsplit("/", 1)[-1].lower()
    if any(part.startswith((".", "_")) for part in relative.split("/")):
        return "hidden or marker"
    return "temporary" if name.endswith((".tmp", ".crc", ".part")) else None


def read_records(name: str, content: bytes, columns: Iterable[str]) -> list[SourceRecord]:
    """The rows of a file. Raises UnknownFormat, or whatever the format's own reader raises."""
    lower = name.lower()
    stem = lower.removesuffix(".gz")
    if stem != lower and stem.endswith((*JSON_SUFFIXES, ".csv")):
        content = gzip.decompress(content)
    if stem.endswith(JSON_SUFFIXES):
        return list(read_json(content))
    if stem.endswith(".csv"):
        return list(read_csv(content, columns))
    if lower.endswith(".parquet"):
        return list(read_parquet(content))
    raise UnknownFormat(name)


def read_json(content: bytes) -> Iterator[SourceRecord]:
    """One JSON object per line (LF or CRLF, blank lines are no rows), or one array of objects."""
    text = content.decode("utf-8-sig")
    elements = array_elements(text)
    for line in text.split("\n") if elements is None else elements:
        line = line.removesuffix("\r")
        if trim(line) is not None:
            yield SourceRecord(json_cells(line), line)


def array_elements(text: str) -> list[str] | None:
    """The texts of the elements when the whole text is one JSON array, else None."""
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    try:
        if not isinstance(decoder.decode(text), list):
            return None
    except (ValueError, RecursionError):
        return None
    elements = []
    at = _skip_space(text, _skip_space(text, 0) + 1)
    while text[at] != "]":
        _, end = decoder.raw_decode(text, at)
        elements.append(text[at:end])
        at = _skip_space(text, end)
        if text[at] == ",":
            at = _skip_space(text, at + 1)
    return elements


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


def read_csv(content: bytes, columns: Iterable[str]) -> Iterator[SourceRecord]:
    """RFC 4180 with a header. An empty field is null; a wrong number of fields did not parse at all.

    A header name that is a column's but for case and blanks is that column. Raises ValueError, showing the
    header, when it names no column at all (its separator is another one).
    """
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    written = next((fields for fields in reader if any(map(trim, fields))), None)
    if written is None:
        return
    known = {name.lower(): name for name in columns}
    plain = [name.strip(ASCII_WHITESPACE) for name in written]
    header = [known.get(name.lower(), name) for name in plain]
    if not set(header) & set(known.values()):
        raise ValueError(f"the header names no column: {','.join(written)!r}")
    for fields in reader:
        if not fields:
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

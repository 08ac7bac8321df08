"""Puts chaos records into landing files: mostly JSON lines, some arrays, CSV, gzip and Parquet, under odd names."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import random
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.oracle.chaos_values import Raw, Record, Value
from tests.oracle.contract import BRONZE, METADATA
from tests.oracle.values import Cell, Unparsable, parse

Line = Record | str
LONG_AGO_SEC = 3600
LINES_NAMES = (
    "part-0.jsonl",
    "[1].jsonl",
    "{a,b}.jsonl",
    "a*b?.JSONL",
    "100%20 #1.ndjson",
    "한글 이름.jsonl",
    "sub folder/[y] {x}.NDJSON",
    "deep/er/part=0.jsonl.gz",
)
OTHER_NAMES = ("part-1.json", "PART-1.JSON", "sub/part-1.jsonl", "part 1.Json.GZ")
CSV_NAMES = ("part-2.csv", "[2].CSV", "sub/part#2.csv", "part-2.csv.gz")
PARQUET_NAMES = ("part-3.parquet", "sub/PART-3.PARQUET", "[3]%20.parquet")
SKIPPED_NAMES = (
    "_SUCCESS",
    ".part-0.jsonl.crc",
    "part-0.jsonl.tmp",
    "_part-0.jsonl",
    ".hidden.csv",
    "part-9.parquet.part",
)


def write_files(folder: Path, table: str, lines: list[Line], rng: random.Random) -> None:
    """Spread one table's day over its files, under names that a pattern, an address or a shell would misread.

    Text lines (malformed, blank) only fit into lines of JSON. Files to be skipped hold rows that would be missed.
    """
    lines = list(lines)
    rng.shuffle(lines)
    files: dict[str, list[Line]] = {kind: [] for kind in ("lines", "other", "csv", "parquet")}
    for line in lines:
        kind = rng.choices(list(files), [12, 4, 2, 2])[0]
        if isinstance(line, str) or (kind == "parquet" and not _is_typed(table, line)):
            kind = "lines"
        files[kind].append(line)
    # A text that begins with a bracket is for a reader to take for an array, and says nothing of lines.
    files["lines"].sort(key=lambda line: isinstance(line, str) and line.startswith("["))
    _write(folder / rng.choice(LINES_NAMES), lines_of(files["lines"], "\n", rng), rng)
    _write(folder / rng.choice(OTHER_NAMES), _other_json(files["other"], rng), rng)
    _write(folder / rng.choice(CSV_NAMES), _csv_of(table, _records(files["csv"]), rng), rng)
    _write(folder / rng.choice(PARQUET_NAMES), _parquet_of(table, _records(files["parquet"]), rng), rng)
    _write(folder / rng.choice(SKIPPED_NAMES), lines_of(files["lines"], "\n", rng), rng)


def write_broken(folder: Path, rng: random.Random) -> None:
    """Files that cannot be loaded, each for its own reason, and one that can."""
    _write(folder / "notes.txt", b"no format that anybody knows", rng)
    _write(folder / "archive.jsonl.zip", b"PK", rng)
    _write(folder / "whole.parquet.gz", gzip.compress(b"PAR1"), rng)
    _write(folder / "torn.parquet", b"PAR1 and nothing else", rng)
    _write(folder / "semicolons.csv", b"order_id;user_id;amount\r\n1;u;5\r\n", rng)
    path = folder / "torn.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"order_id": "1"}\n' * 50)[:-9])
    settle_file(path)
    _write(folder / "beside them.jsonl", b'{"order_id": "9"}\n', rng)


def _write(path: Path, content: bytes, rng: random.Random) -> None:
    """A file that has been there for a while; gzip when its name says so; none without content."""
    if not content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.name.lower().endswith(("json.gz", "jsonl.gz", "csv.gz"))
    path.write_bytes(gzip.compress(content, mtime=rng.randrange(2**31)) if text else content)
    settle_file(path)


def settle_file(path: Path) -> None:
    """Not still being written: a young file whose last line is cut waits for the next load."""
    at = time.time() - LONG_AGO_SEC
    os.utime(path, (at, at))


def is_lines(relative: str) -> bool:
    """Whether a file is one of plain JSON lines."""
    return relative in LINES_NAMES and not relative.endswith(".gz")


def _records(lines: list[Line]) -> list[Record]:
    return [line for line in lines if isinstance(line, dict)]


def text_of(value: Value) -> str | None:
    """The text that a value has outside JSON."""
    return value.text if isinstance(value, Raw) else value


def lines_of(lines: list[Line], newline: str, rng: random.Random) -> bytes:
    """One JSON text per line; the last line does not always end."""
    text = newline.join(line if isinstance(line, str) else to_json(line, rng) for line in lines)
    return (text + rng.choice([newline, ""])).encode() if lines else b""


def _other_json(lines: list[Line], rng: random.Random) -> bytes:
    """Lines with CRLF, or one array with an element that is no record."""
    if not lines or rng.random() < 0.5:
        return lines_of(lines, "\r\n", rng)
    elements = [to_json(record, rng) for record in _records(lines)]
    return ("[\n  " + rng.choice([",", " ,\n", ",\r\n\t"]).join(elements) + "\n]\n").encode()


def to_json(record: Record, rng: random.Random) -> str:
    """One JSON object, its numbers spelled as they are; any key order, escaped or not, spaced or not."""
    names = list(record)
    rng.shuffle(names)
    ascii_only = rng.random() < 0.5
    colon, comma = rng.choice([(":", ","), (": ", ", "), (" : ", " ,")])
    fields = []
    for name in names:
        value = record[name]
        text = value.text if isinstance(value, Raw) else json.dumps(value, ensure_ascii=ascii_only)
        fields.append(f'"{name}"{colon}{text}')
    return "{" + comma.join(fields) + "}"


def _csv_of(table: str, records: list[Record], rng: random.Random) -> bytes:
    """CSV as strangers write it: a BOM, a blank first line, any line end, a header right but for case and blanks."""
    if not records:
        return b""
    names = list(dict.fromkeys(name for record in records for name in record))
    known = BRONZE[table + "_raw"] | METADATA
    dress: Callable[[str], str] = rng.choice([str.lower, str.upper, str.title, " {}\t".format])
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=rng.choice(["\r\n", "\n", "\r"]))
    writer.writerow([dress(name) if name in known else name for name in names])
    writer.writerows([text_of(record.get(name)) for name in names] for record in records)
    text = rng.choice(["", "", "\n", "\r\n"]) + buffer.getvalue()
    return text.encode(rng.choice(["utf-8", "utf-8-sig"]))


def _is_typed(table: str, record: Record) -> bool:
    """Whether every field parses as its column's type, so that a typed Parquet file can hold it."""
    try:
        for name, value in record.items():
            parse((BRONZE[table + "_raw"] | METADATA).get(name, "string"), Cell(text_of(value)))
    except Unparsable:
        return False
    return True


def _parquet_of(table: str, records: list[Record], rng: random.Random) -> bytes:
    """Typed columns; money is a decimal, text or, where fail-fast does not look, a float (no money)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not records:
        return b""
    kinds = BRONZE[table + "_raw"] | METADATA
    floats = table in ("orders", "products", "order_items") and rng.random() < 0.3
    columns: dict[str, Any] = {}
    for name in dict.fromkeys(name for record in records for name in record):
        kind = kinds.get(name, "string").removesuffix("!")
        cells = [Cell(text_of(record.get(name))) for record in records]
        values = [parse(kind, cell) for cell in cells]
        arrow = {
            "string": pa.string(),
            "bigint": pa.int64(),
            "int": pa.int32(),
            "boolean": pa.bool_(),
            "timestamp": pa.timestamp(rng.choice(["us", "ns"]), tz=rng.choice(["UTC", "Asia/Seoul", None])),
            "money": rng.choice([pa.decimal128(18, 2), pa.decimal128(20, 4), pa.string()]),
        }[kind]
        if kind == "money" and floats:
            arrow, values = pa.float64(), [None if value is None else float(value) for value in values]
        elif arrow == pa.string():
            values = [cell.text for cell in cells]
        elif kind == "timestamp" and arrow.tz is None:
            values = [value.replace(tzinfo=None) if isinstance(value, datetime) else None for value in values]
        elif kind == "money":
            values = [value if isinstance(value, Decimal) else None for value in values]
        columns[name] = pa.array(values, arrow)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue().to_pybytes())

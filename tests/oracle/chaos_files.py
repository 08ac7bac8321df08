"""Puts chaos records into landing files: mostly JSON lines (LF and CRLF), some CSV, some Parquet."""

from __future__ import annotations

import csv
import io
import json
import random
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.oracle.chaos_values import Raw, Record, Value
from tests.oracle.contract import BRONZE, METADATA
from tests.oracle.values import Cell, Unparsable, parse

Line = Record | str


def write_files(folder: Path, table: str, lines: list[Line], rng: random.Random) -> None:
    """Spread one table's day over its files. Text lines (malformed, blank) only fit into JSON lines."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = list(lines)
    rng.shuffle(lines)
    names = ("part-0.jsonl", "part-1.jsonl", "part-2.csv", "part-3.parquet")
    files: dict[str, list[Line]] = {name: [] for name in names}
    for line in lines:
        name = rng.choices(names, [12, 4, 2, 2])[0]
        if isinstance(line, str) or (name == "part-3.parquet" and not _is_typed(table, line)):
            name = rng.choice(["part-0.jsonl", "part-1.jsonl"])
        files[name].append(line)
    _write_jsonl(folder / "part-0.jsonl", files["part-0.jsonl"], "\n", rng)
    _write_jsonl(folder / "part-1.jsonl", files["part-1.jsonl"], "\r\n", rng)
    _write_csv(folder / "part-2.csv", [line for line in files["part-2.csv"] if isinstance(line, dict)])
    typed = [line for line in files["part-3.parquet"] if isinstance(line, dict)]
    _write_parquet(folder / "part-3.parquet", table, typed, rng)


def text_of(value: Value) -> str | None:
    """The text that a value has outside JSON."""
    return value.text if isinstance(value, Raw) else value


def _write_jsonl(path: Path, lines: list[Line], newline: str, rng: random.Random) -> None:
    if not lines:
        return
    text = newline.join(line if isinstance(line, str) else to_json(line, rng) for line in lines)
    # The last line does not always end.
    path.write_bytes((text + rng.choice([newline, ""])).encode())


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


def _write_csv(path: Path, records: list[Record]) -> None:
    if not records:
        return
    names = list(dict.fromkeys(name for record in records for name in record))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(names)
    writer.writerows([text_of(record.get(name)) for name in names] for record in records)
    path.write_bytes(buffer.getvalue().encode())


def _is_typed(table: str, record: Record) -> bool:
    """Whether every field parses as its column's type, so that a typed Parquet file can hold it."""
    try:
        for name, value in record.items():
            parse((BRONZE[table + "_raw"] | METADATA).get(name, "string"), Cell(text_of(value)))
    except Unparsable:
        return False
    return True


def _write_parquet(path: Path, table: str, records: list[Record], rng: random.Random) -> None:
    """Typed columns; money is a decimal, text or, where fail-fast does not look, a float (no money)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not records:
        return
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
    pq.write_table(pa.table(columns), path)

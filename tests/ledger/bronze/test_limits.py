"""Records and files made to break their reader: the row is quarantined, or the file is refused by name (spec section 4)."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from ledger.bronze import json_files, source_bytes
from ledger.bronze.files_read import read_files
from ledger.bronze.payment_orders_raw import TABLE
from ledger.delta.lakehouse import Lakehouse
from tests.ledger.bronze.reading import STAMP, Row, landed, read_all

OK = b'{"order_id":"ok"}\n'
DEEP = 500_000


@pytest.mark.parametrize(
    ("record", "is_read"),
    [
        (b'{"order_id":"x","y":' + b"[" * DEEP + b"]" * DEEP + b"}", False),
        (b'{"order_id":"x","y":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}", False),
        (b"[" * DEEP, False),
        (b'{"order_id":"x","amount":' + b"9" * 5_000 + b"}", False),
        (b'{"order_id":"x","amount":1e999999999}', True),
        (b'{"order_id":"x","created_at":' + b"9" * 5_000 + b"}", False),
        (b'{"order_id":"a\x00b"}', False),
        (b"\x00\x00\x00", False),
        (b'{"order_id":"x","created_at":"0001-01-01T00:00:00+14:00"}', True),
        (b'{"order_id":"x","created_at":"9999-12-31T23:59:59-14:00"}', True),
        (b'{"order_id":"\xff"}', False),
        (b'{"order_id":"x","' + b"k" * 100_000 + b'":1}', True),
    ],
    ids=[
        "arrays",
        "objects",
        "unclosed",
        "digits",
        "exponent",
        "id",
        "nul",
        "nuls",
        "first",
        "last",
        "byte",
        "name",
    ],
)
def test_a_hostile_record_costs_its_own_row_alone(
    record: bytes, is_read: bool, lakehouse: Lakehouse, tmp_path: Path
) -> None:
    """INV-92: its text is kept, and the rows around it are loaded."""
    rows, failed = read_all(lakehouse, tmp_path, {"a.jsonl": OK + record + b"\n" + OK})
    assert failed == {}
    (hostile,), others = _told_apart(rows["a.jsonl"])
    assert others == [{"order_id": "ok"}] * 2
    assert (hostile.get("order_id") == "x") == is_read
    assert "amount" not in hostile
    assert "created_at" not in hostile


def _told_apart(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Rows that kept their text, and the others."""
    return [row for row in rows if "_raw" in row], [row for row in rows if "_raw" not in row]


def test_one_bad_byte_in_a_large_file_costs_one_row_and_little_memory(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-92: the file is read piece by piece all the same (here in small pieces)."""
    piece = 128 << 10
    monkeypatch.setattr(source_bytes, "CHUNK", piece)
    monkeypatch.setattr(json_files, "LARGE", piece)
    line = b'{"order_id":"' + b"o" * 1_000 + b'"}\n'
    count = 128 * piece // len(line)
    content = line * count + b'{"order_id":"\xff"}\n' + line
    tracemalloc.start()
    try:
        counted, failed = _counted(lakehouse, tmp_path, content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert failed == {}
    assert counted == (count + 2, 1)
    assert peak < len(content) / 4, "bounded by pieces, not by the file"


def _counted(lakehouse: Lakehouse, folder: Path, content: bytes) -> tuple[tuple[int, int], dict[str, str]]:
    """Rows, and those that kept their text."""
    lakehouse.create(TABLE)
    read = read_files(lakehouse, TABLE, [landed(folder, "a.jsonl", content)], STAMP)
    assert read.rows is not None
    row = read.rows.selectExpr("count(1) AS rows", "count(_raw) AS kept").collect()[0]
    return (row["rows"], row["kept"]), read.failed


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_cell_of_more_than_a_megabyte_costs_its_row_alone(
    quote: bytes, lakehouse: Lakehouse, tmp_path: Path
) -> None:
    """INV-92"""
    cell = quote + b"x" * 1_500_000 + quote
    rows, failed = read_all(lakehouse, tmp_path, {"a.csv": b"order_id,user_id\n1,a\n2," + cell + b"\n3,c\n"})
    assert failed == {}
    (long,), others = _told_apart(rows["a.csv"])
    assert others == [{"order_id": "1", "user_id": "a"}, {"order_id": "3", "user_id": "c"}]
    assert str(long["_raw"]).startswith("a cell of more than 1,000,000 bytes: ")


@pytest.mark.parametrize(("name", "head"), [("a.jsonl.gz", b""), ("a.csv.gz", b"order_id,user_id\n")])
def test_a_file_that_unpacks_without_end_is_refused_by_name(
    name: str, head: bytes, lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-92: a few kilobytes of gzip are gigabytes of blank lines."""
    monkeypatch.setattr(source_bytes, "MOST_UNPACKED_BYTES", 1 << 20)
    bomb, honest = gzip.compress(head + b"\n" * (16 << 20)), gzip.compress(b'{"order_id":"1"}\n' * 1_000)
    assert len(bomb) * 100 < 16 << 20
    rows, failed = read_all(lakehouse, tmp_path, {name: bomb, "b.jsonl.gz": honest})
    assert list(failed) == [name]
    assert "unpacks to more than 100 times its size" in failed[name]
    assert len(rows["b.jsonl.gz"]) == 1_000

"""JSON landing files to Bronze rows (spec section 4): whatever the file looks like, the record is as it was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger.bronze import json_files
from ledger.delta.lakehouse import Lakehouse
from tests.ledger.bronze.reading import Row, landed, ordered, read_all, zipped

A, B = '{"order_id":"A","amount":"1.00"}', '{"order_id":"B","amount":2}'
TWO: list[Row] = [{"order_id": "A", "amount": "1.00"}, {"order_id": "B", "amount": "2.00"}]
PRETTY = json.dumps(json.loads(A), indent=2)

READ: dict[str, tuple[bytes, list[Row]]] = {
    "lines.jsonl": (f"{A}\n{B}\n".encode(), TWO),
    "no-end.NDJSON": (f"{A}\n{B}".encode(), TWO),
    "windows.jsonl": (f"\ufeff{A}\r\n\r\n{B}\r\n".encode(), TWO),
    "old-mac.json": (f"{A}\r{B}\r".encode(), TWO),
    "zipped.jsonl.gz": (zipped(f"{A}\n".encode()) + zipped(f"{B}\n".encode()), TWO),
    "array.json": (f"[{A},{B}]".encode(), TWO),
    "array-of-lines.json": (f"\ufeff\n [\n{A},\n{B}\n]\n".encode(), TWO),
    "pretty.json": (f"[{PRETTY},\n{B}]".encode(), TWO),
    "zipped-array.JSON.GZ": (zipped(f"[{A},\n{B}]".encode()), TWO),
    "one-pretty.json": (PRETTY.encode(), TWO[:1]),
    "empty.json": (b"", []),
    "blank.jsonl": (b"\n \r\n\t\n", []),
    "empty-array.json": (b" [ ] ", []),
    "brackets.json": (
        rb'[{"order_id":"[,{\"","amount":1},{"order_id":"\\","amount":1}]',
        [{"order_id": '[,{"', "amount": "1.00"}, {"order_id": "\\", "amount": "1.00"}],
    ),
    "as-written.json": (
        b'[ {"order_id":"A","amount":9999999999999999.99,"memo":1e3} ,{"order_id":"B","amount":1e3}]',
        [
            {"order_id": "A", "amount": "9999999999999999.99", "memo": "1e3"},
            {"order_id": "B", "_raw": '{"order_id":"B","amount":1e3}'},
        ],
    ),
    "bad-elements.json": (
        f"[{A},{{a:1}},7,[{B}]]".encode(),
        [{"_raw": "7"}, {"_raw": f"[{B}]"}, {"_raw": "{a:1}"}, TWO[0]],
    ),
    "arrays-a-line.jsonl": (f"[1, 2]\n{A}\n".encode(), [{"_raw": "[1, 2]"}, TWO[0]]),
    "not-utf8.jsonl": (
        A.encode() + b'\n{"order_id":"\xff","amount":1}\n' + '{"order_id":"\ufffd지갑","amount":1}'.encode(),
        [
            {"_raw": 'not UTF-8: {"order_id":"\ufffd","amount":1}'},
            {"amount": "1.00", "order_id": "\ufffd지갑"},
            TWO[0],
        ],
    ),
    "not-utf8-array.json": (
        b'[{"order_id":"\xb0\xa1"},' + B.encode() + b"]",
        [{"_raw": 'not UTF-8: {"order_id":"\ufffd\ufffd"}'}, TWO[1]],
    ),
}
FAILED: dict[str, tuple[bytes, str]] = {
    "cut-off.json": (
        f"[{A},{B[:-4]}".encode(),
        "the JSON array does not end (after 1 elements): is the file cut off?",
    ),
    "open-string.json": (
        f'[{A},{{"order_id":"B}}]'.encode(),
        "the JSON array does not end (after 1 elements)",
    ),
    "two-arrays.json": (
        f"[{A},\n{A}]\n[{B}]\n".encode(),
        "text follows the end of the JSON array (after 2 elements)",
    ),
    "other-bracket.json": (f"[{A}}}".encode(), "the JSON array is closed by another bracket"),
    "utf16.jsonl": (A.encode("utf-16"), "is UTF-16 text: save it as UTF-8"),
    "named-plain.jsonl": (zipped(A.encode()), "is compressed by gzip, and its name does not end in .gz"),
    "named-zipped.jsonl.gz": (A.encode(), "is no complete gzip file"),
    "half-zipped.jsonl.gz": (zipped(f"{A}\n".encode() * 9)[:-9], "is no complete gzip file"),
}


def test_every_shape_of_a_file_gives_its_records_and_a_broken_one_is_named(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    """INV-07: in one load, with no row of a file that failed."""
    contents = {name: content for name, (content, _) in (READ | FAILED).items()}
    rows, failed = read_all(lakehouse, tmp_path / "landing", contents)
    assert {name: rows[name] for name in READ} == {
        name: ordered(expected) for name, (_, expected) in READ.items()
    }
    assert not any(rows[name] for name in FAILED)
    assert failed.keys() == FAILED.keys()
    for name, (_, reason) in FAILED.items():
        assert failed[name].startswith(reason)


def test_a_large_plain_file_is_left_to_the_engine_and_gives_the_same_rows(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is a name there too; a line end or a byte that the engine would take otherwise keeps a file here."""
    monkeypatch.setattr(json_files, "LARGE", 1)
    plain = f"\ufeff{A}\n\n{B}\n".encode()
    odd = {"export[1].jsonl": plain, "export1.jsonl": f"{A}\n".encode(), "da*?{y} %20#지갑.jsonl": plain}
    kept = {
        "cr.jsonl": f"{A}\r\n{B}".encode(),
        "array.json": f"[{A},{B}]".encode(),
        "bad.jsonl": b'{"a":"\xff"}',
    }
    folder = tmp_path / "land ing[ab]"
    for name, content in {**odd, **kept}.items():
        assert json_files.is_for_the_engine(landed(folder, name, content)) == (name in odd)
    rows, failed = read_all(lakehouse, folder, {**odd, **kept})
    assert not failed
    assert rows == {
        "export[1].jsonl": TWO,
        "export1.jsonl": TWO[:1],
        "da*?{y} %20#지갑.jsonl": TWO,
        "cr.jsonl": TWO,
        "array.json": TWO,
        "bad.jsonl": [{"_raw": 'not UTF-8: {"a":"\ufffd"}'}],
    }

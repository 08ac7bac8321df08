"""Landing files at a URI, read by the engine (spec section 4): the same rows as from a path, or a named refusal."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path

from ledger.bronze.files_read import read_files
from ledger.bronze.payment_orders_raw import TABLE
from ledger.delta.lakehouse import Lakehouse
from tests.ledger.bronze.reading import STAMP, landed, zipped
from tests.ledger.bronze.test_parquet_files import parquet

READ: dict[str, tuple[bytes, list[tuple[str | None, ...]]]] = {
    "lines.jsonl": (
        b'\xef\xbb\xbf{"order_id":"1","amount":1,"memo":"x"}\n\n{"order_id":"2"}\nx',
        [("1", "1.00", "x", None), ("2", None, None, None), (None, None, None, "x")],
    ),
    "zipped.jsonl.gz": (zipped(b'{"order_id":"9"}\n'), [("9", None, None, None)]),
    "header.csv": (
        b'"ORDER_ID", Amount,memo\n007,1.00,x\n008,"2",\n',
        [("007", "1.00", "x", None), ("008", "2.00", None, None)],
    ),
    "empty.csv": (b"", []),
    "typed.parquet": (
        parquet({"Order_ID": ["A"], "amount": [Decimal("0E-18")], "user_id": [1.5], "memo": [["a"]]}),
        [("A", "0.00", '["a"]', '{"order_id":"A","amount":"0","user_id":"1.5","memo":"[\\"a\\"]"}')],
    ),
}
FAILED = {
    "array.json": (b'[{"order_id":"1"}]', "is a JSON array, which is read from a path alone"),
    "zipped.jsonl.GZ": (b"", "is compressed, and by URI its name has to end in .gz, in lower case"),
    "semicolon.csv": (b"order_id;amount\n1;2\n", "the separator is a semicolon, it has to be a comma"),
    "ragged.csv": (b"order_id,amount\n1,2\n3\n", ""),
    "struct.parquet": (
        parquet({"order_id": ["a"], "user_id": [{"x": 1}]}),
        "column user_id is struct<x:bigint>",
    ),
}


def test_a_uri_gives_the_rows_of_a_path_or_names_what_only_a_path_can_give(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    """INV-46: headers, cells as text, floats and zeros are understood as in a file of this machine."""
    lakehouse.create(TABLE)
    contents = {name: content for name, (content, _) in (READ | FAILED).items()}
    files = [landed(tmp_path, name, content) for name, content in contents.items()]
    read = read_files(
        lakehouse, TABLE, [dataclasses.replace(f, path=Path(f.path).as_uri()) for f in files], STAMP
    )
    assert read.rows is not None
    found = read.rows.selectExpr(
        "_source_file", "order_id", "CAST(amount AS STRING)", "memo", "_raw"
    ).collect()
    rows = {name: {tuple(row)[1:] for row in found if row[0].endswith(f"/{name}")} for name in contents}
    assert rows == {name: set(READ[name][1]) if name in READ else set() for name in contents}
    reasons = {name.rpartition("/")[2]: reason for name, reason in read.failed.items()}
    assert reasons.keys() == FAILED.keys()
    for name, (_, reason) in FAILED.items():
        assert reasons[name].startswith(reason)

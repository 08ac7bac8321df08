"""Landing files at a URI, read by the engine (spec section 4): the same rows as from a path, or a named refusal."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path

from pyspark.sql import SparkSession

from ledger.bronze.engine_files import engine_lines, union_of, with_file
from ledger.bronze.files_read import read_files
from ledger.bronze.payment_orders_raw import TABLE
from ledger.bronze.records import FILE_COLUMNS
from ledger.bronze.scratch_rows import file_values
from ledger.delta.lakehouse import Lakehouse
from tests.ledger.bronze.reading import STAMP, landed, zipped
from tests.ledger.bronze.test_parquet_files import parquet
from tests.ledger.frames import frame, plain

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


def test_engine_lines_are_all_files_lines_without_blank_ones(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """Each with its file, whose name is a name and no pattern; a byte order mark is no part of a line."""
    files = [
        landed(tmp_path, "a[1].jsonl", b"\xef\xbb\xbfone\n\n \t\ntwo"),
        landed(tmp_path, "a1.jsonl", "지갑\r\n".encode()),
    ]
    by_name = {file.name: file for file in files}
    for chosen in (files, files[:1]):
        found = engine_lines(lakehouse, chosen)
        assert found.columns == ["value", *FILE_COLUMNS]
        lines = {("one", files[0].name), ("two", files[0].name), ("지갑", files[1].name)}
        rows = plain(found)
        assert {(row[0].strip(), row[1]) for row in rows} == {x for x in lines if by_name[x[1]] in chosen}
        assert all(row[1:] == tuple(file_values(by_name[row[1]])) for row in rows)


def test_with_file_adds_the_file_to_every_row(spark: SparkSession, tmp_path: Path) -> None:
    file = landed(tmp_path, "a.csv", b"")
    found = with_file(frame(spark, "x int", [{"x": 1}, {"x": None}]), file)
    assert found.columns == ["x", *FILE_COLUMNS]
    assert plain(found) == [(1, *file_values(file)), (None, *file_values(file))]


def test_union_of_frames_is_by_name_with_null_for_what_a_frame_lacks(spark: SparkSession) -> None:
    """Nothing is dropped, equal rows neither."""
    frames = [
        frame(spark, "a int, b int", [{"a": 1, "b": 2}]),
        frame(spark, "b int, a int", [{"a": 1, "b": 2}]),
        frame(spark, "c int", [{"c": 3}]),
    ]
    found = union_of(frames)
    assert plain(found, "a", "b", "c") == [(1, 2, None), (1, 2, None), (None, None, 3)]
    assert union_of(frames[:1]) is frames[0]

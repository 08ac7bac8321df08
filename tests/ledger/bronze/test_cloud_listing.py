"""A landing by URI is listed and hashed by the engine, by the same rule of names (spec section 4)."""

from __future__ import annotations

import gzip
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ledger.bronze.cloud_listing import list_cloud_files
from ledger.bronze.landing import list_files, misplaced
from ledger.bronze.landing_names import local_root
from ledger.bronze.landing_report import say
from ledger.tables import by_name
from tests.support import DAY_1, DAY_2

ORDERS = by_name("bronze.orders_raw")


def test_a_landing_day_by_uri(spark: SparkSession, tmp_path: Path) -> None:
    """INV-46, INV-60: sub-folders, letter case, names with blanks and patterns; no engine lists hidden files."""
    content = {
        "a.JSONL": b"{}\n",
        "sub/b b.csv": b"order_id\n1\n",
        "c.json.gz": gzip.compress(b"{}\n"),
        "k[1].jsonl": b"{}\n",
        "per%20cent.jsonl": b"{}\n",
        "README.txt": b"hello",
        "d.jsonl.tmp": b"{",
        "_SUCCESS": b"done",
    }
    day = f"orders/date={DAY_1}"
    for name, data in content.items():
        path = tmp_path / day / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    found = list_cloud_files(spark, tmp_path.as_uri(), ORDERS, DAY_1)
    read = ("a.JSONL", "c.json.gz", "k[1].jsonl", "per%20cent.jsonl", "sub/b b.csv")
    assert {(f.name, f.sha256, f.size) for f in found.files} == {
        (f"{day}/{name}", hashlib.sha256(content[name]).hexdigest(), len(content[name])) for name in read
    }
    assert {(f.format, f.compressed) for f in found.files} == {
        ("json", False),
        ("json", True),
        ("csv", False),
    }
    assert {(e.name, e.status) for e in found.left_out} == {
        (f"{day}/README.txt", "failed"),
        (f"{day}/d.jsonl.tmp", "skipped"),
    }
    assert list_cloud_files(spark, tmp_path.as_uri(), ORDERS, DAY_2).files == ()


def test_a_file_uri_is_a_folder_of_this_host_where_nothing_is_hidden(
    spark: SparkSession, tmp_path: Path
) -> None:
    """INV-60: hidden files, and files in no landing day's folder, as in a landing by path."""
    root = tmp_path / "랜딩 %20#[1]"
    for name in ("_SUCCESS", ".a.csv", "_sub/b.csv", "README.txt", "c.csv"):
        _write(root / f"orders/date={DAY_1}" / name)
    for name in (f"strange/date={DAY_1}/d.csv", "orders/beside.csv"):
        _write(root / name)
    by_uri, by_path = (
        list_files(spark, place, ORDERS, DAY_1, now=datetime.now(UTC)) for place in (root.as_uri(), str(root))
    )
    assert {(e.name.rsplit("/", 1)[-1], e.status) for e in by_uri.left_out} == {
        ("_SUCCESS", "skipped"),
        (".a.csv", "skipped"),
        ("b.csv", "skipped"),
        ("README.txt", "failed"),
    }
    assert by_uri == by_path
    assert len(by_uri.files) == 1
    strangers, elsewhere = misplaced(root.as_uri(), frozenset({DAY_1}))
    assert [entry.name for entry in strangers[DAY_1]] == [f"strange/date={DAY_1}/d.csv"]
    assert elsewhere == ["orders/beside.csv", "strange"]


def test_a_load_says_what_no_engine_lists(caplog: pytest.LogCaptureFixture) -> None:
    """INV-60"""
    with caplog.at_level("INFO"):
        say([], landing="s3://bucket/landing", strangers={}, elsewhere=())
    assert "begin with . or _" in caplog.text
    assert "have no row" in caplog.text
    assert local_root("s3://bucket/landing") is None
    assert local_root("FILE://localhost/a%20b") == Path("/a b")
    assert local_root("/data/x://y") == Path("/data/x://y")


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("order_id\n1\n")

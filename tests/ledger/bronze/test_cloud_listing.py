"""A landing by URI is listed and hashed by the engine, by the same rule of names (spec section 4)."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from pyspark.sql import SparkSession

from ledger.bronze.cloud_listing import list_cloud_files
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

"""The meaning of a landing file's name (spec section 4). Pure."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ledger.bronze.landing_names import (
    Kind,
    LeftOutName,
    day_folder,
    judge_name,
    kind_of,
    landing_day,
    local_root,
)

KINDS: dict[str, Kind | None] = {
    "a.jsonl": Kind("json", False),
    "a.ndjson": Kind("json", False),
    "a.json": Kind("json", False),
    "A.JSONL.GZ": Kind("json", True),
    "a.csv": Kind("csv", False),
    "a.Csv.gz": Kind("csv", True),
    "a.parquet": Kind("parquet", False),
    "a.parquet.gz": None,
    "a.gz": None,
    "a.jsonl.zip": None,
    "a.txt": None,
    "jsonl": None,
    ".json": Kind("json", False),
}


@pytest.mark.parametrize("name", KINDS)
def test_kind_of_is_told_by_the_end_of_the_name_in_any_case(name: str) -> None:
    assert kind_of(name) == KINDS[name]


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        (".a.jsonl", "skipped", "hidden or marker file: '.a.jsonl' begins with '.'"),
        ("_SUCCESS", "skipped", "hidden or marker file: '_SUCCESS' begins with '_'"),
        ("_tmp/a.jsonl", "skipped", "hidden or marker file: '_tmp' begins with '_'"),
        ("a.jsonl.TMP", "skipped", "temporary or checksum file: 'a.jsonl.TMP' ends with '.tmp'"),
        ("a.jsonl.crc", "skipped", "temporary or checksum file: 'a.jsonl.crc' ends with '.crc'"),
        ("a.part/b.jsonl", "skipped", "temporary or checksum file: 'a.part' ends with '.part'"),
        ("a.xlsx", "failed", "unknown format"),
    ],
)
def test_judge_name_says_why_a_file_is_left_out(name: str, status: str, reason: str) -> None:
    """Producers leave some files beside their data; what nobody can read has failed."""
    assert judge_name(name) == LeftOutName(status, reason)  # type: ignore[arg-type]  # a status of the table above


def test_judge_name_is_the_format_of_a_file_in_whatever_folder() -> None:
    assert judge_name("hour=01/a.b_c.JSON") == Kind("json", False)


def test_day_folder_is_read_back_by_landing_day() -> None:
    assert day_folder(date(2026, 2, 3)) == "date=2026-02-03"
    assert landing_day(day_folder(date(2026, 2, 3))) == date(2026, 2, 3)


@pytest.mark.parametrize(
    "folder",
    ["2026-02-03", "date=2026-2-3", "date=2026-02-30", "Date=2026-02-03", "date=2026-02-03 ", "date="],
)
def test_landing_day_is_in_exactly_one_spelling(folder: str) -> None:
    assert landing_day(folder) is None


@pytest.mark.parametrize(
    ("landing", "root"),
    [
        ("/data/land [1]", "/data/land [1]"),
        ("/Volumes/main/land", "/Volumes/main/land"),
        ("landing", "landing"),
        ("file:///data/land%20ing", "/data/land ing"),
        ("FILE:///data", "/data"),
        ("s3://bucket/landing", None),
        ("abfss://container@account.dfs.core.windows.net/landing", None),
    ],
)
def test_local_root_is_a_folder_of_this_host_by_path_or_file_uri(landing: str, root: str | None) -> None:
    assert local_root(landing) == (Path(root) if root else None)

"""Files of a landing at which no load looks (spec section 4). Pure."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from ledger.bronze.landing import misplaced

DAY, OTHER = date(2026, 2, 3), date(2026, 2, 4)


def test_misplaced_are_files_of_no_table_and_files_of_no_day(tmp_path: Path) -> None:
    """Files of a table's day are not, nor is what is hidden; another day's strangers wait for its load."""
    for name in (
        f"orders/date={DAY}/a.jsonl",
        f"ordres/date={DAY}/a.jsonl",
        f"ordres/date={OTHER}/b.jsonl",
        "orders/beside.jsonl",
        "orders/date=2026-2-3/a.jsonl",
        "orders/.hidden",
        "README.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    by_day, elsewhere = misplaced(str(tmp_path), frozenset({DAY}))
    assert {day: [file.name for file in files] for day, files in by_day.items()} == {
        DAY: [f"ordres/date={DAY}/a.jsonl"]
    }
    assert elsewhere == ["README.txt", "orders/beside.jsonl", "orders/date=2026-2-3", "ordres"]


def test_misplaced_is_nothing_where_there_is_no_local_landing(tmp_path: Path) -> None:
    for landing in (str(tmp_path / "none"), "s3://bucket/landing"):
        assert misplaced(landing, frozenset({DAY})) == ({}, [])

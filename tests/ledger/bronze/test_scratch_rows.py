"""Rows on their way from landing files to the engine (spec section 4)."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from ledger.bronze import scratch_rows
from ledger.bronze.scratch_rows import ScratchRows, file_values
from ledger.delta.lakehouse import Lakehouse
from tests.ledger.bronze.reading import landed
from tests.ledger.frames import plain


def test_frame_has_the_rows_of_all_files_each_with_its_file(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns come by name, a file without rows leaves none, and what is held is written down on the way."""
    monkeypatch.setattr(scratch_rows, "_HELD_BATCHES", 0)
    a, b, empty = (landed(tmp_path, f"{name}.csv", name.encode()) for name in ("a", "b", "empty"))
    with ScratchRows(lakehouse, {"x": pa.string(), "ok": pa.bool_()}) as rows:
        rows.add(a, {"ok": pa.array([True, None]), "x": pa.array(["1", None])})
        rows.add(empty, {"x": pa.array([], pa.string()), "ok": pa.array([], pa.bool_())})
        rows.add(b, {"x": pa.array(["3"]), "ok": pa.array([False]), "more": pa.array(["?"])})
    assert rows.count == 3
    assert plain(rows.frame()) == [
        ("1", True, *file_values(a)),
        ("3", False, *file_values(b)),
        (None, None, *file_values(a)),
    ]


def test_file_values_are_name_hash_batch_and_day(tmp_path: Path) -> None:
    file = landed(tmp_path, "a.csv", b"")
    name = "payment_orders/date=2026-02-03/a.csv"
    assert file_values(file) == (name, file.sha256, f"a.csv:{file.sha256[:16]}", "2026-02-03")

"""Many landing files of all formats in one load (spec section 4): bounded queries, one set of columns, one landing day."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, Row

from ledger.bronze import scratch_rows
from ledger.bronze.files_read import read_files
from ledger.bronze.landing import LandingFile
from ledger.bronze.payment_orders_raw import TABLE
from ledger.delta.lakehouse import Lakehouse
from tests.ledger.bronze.reading import STAMP, landed, read_all
from tests.ledger.bronze.test_parquet_files import parquet


def _record(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def test_a_field_that_differs_in_case_from_a_stored_column_keeps_its_text(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    """INV-07: of the contract's columns, of those added by an earlier day, and within one load, in every format."""
    lakehouse.create(TABLE)
    lakehouse.add_columns(TABLE, ["memo"])
    rows, failed = read_all(
        lakehouse,
        tmp_path,
        {
            "a.jsonl": _record(order_id="1", Memo="x") + _record(order_id="2", memo="y", Order_ID="z"),
            "b.csv": b"order_id,MEMO\n3,x\n4,\n",
            "c.parquet": parquet({"order_id": ["5"], "memO": ["x"], "Note": ["n"]}),
            "d.jsonl": _record(order_id="6", note="n"),
        },
    )
    assert not failed
    assert rows == {
        "a.jsonl": [
            {"order_id": "1", "_raw": '{"order_id": "1", "Memo": "x"}'},
            {"order_id": "2", "memo": "y", "_raw": '{"order_id": "2", "memo": "y", "Order_ID": "z"}'},
        ],
        "b.csv": [{"order_id": "3", "_raw": '{"order_id":"3","MEMO":"x"}'}, {"order_id": "4"}],
        "c.parquet": [
            {"order_id": "5", "Note": "n", "_raw": '{"order_id":"5","memO":"x","Note":"n"}'},
        ],
        "d.jsonl": [{"order_id": "6", "_raw": '{"order_id": "6", "note": "n"}'}],
    }


def test_a_record_of_a_hundred_thousand_unknown_fields_keeps_its_text_and_adds_no_column(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    wide = _record(order_id="1", **{f"k{n}": n for n in range(100_000)})
    rows, _ = read_all(lakehouse, tmp_path, {"a.jsonl": wide + _record(order_id="2", memo="x")})
    assert (
        rows["a.jsonl"]
        == [{"order_id": "2", "memo": "x"}, {"order_id": "1", "_raw": wide.decode().strip()}][::-1]
    )


@pytest.mark.parametrize("engine_reads", [False, True])
def test_a_row_belongs_to_the_landing_day_of_its_file(
    engine_reads: bool, lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own clock may say 1970, tomorrow or nothing."""
    monkeypatch.setattr("ledger.bronze.json_files.LARGE", 1 if engine_reads else 1 << 30)
    lakehouse.create(TABLE)
    days = {"a": date(2026, 2, 3), "b": date(2026, 2, 4)}
    clocks = [{}, {"ingested_at": "1970-01-01T00:00:00Z"}, {"ingested_at": "2031-01-01T00:00:00Z"}]
    content = b"".join(_record(order_id=str(n), **clock) for n, clock in enumerate(clocks))
    files = [landed(tmp_path / name, f"{name}.jsonl", content, day=day) for name, day in days.items()]
    rows = _frame(lakehouse, files).select("_source_file", "batch_id", "ingest_date_kst").distinct()
    assert {tuple(row) for row in rows.collect()} == {
        (f"payment_orders/date={day}/{name}.jsonl", f"{name}.jsonl:{files[0].sha256[:16]}", day)
        for name, day in days.items()
    }


def test_a_thousand_small_files_are_few_queries_and_every_row(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream sink writes a file a minute; the number of queries does not grow with that of the files."""
    monkeypatch.setattr(scratch_rows, "_HELD_BATCHES", 100)
    lakehouse.create(TABLE)
    table = parquet({"order_id": ["p"], "amount": [1]})
    files = []
    for n in range(1_000):
        files.append(landed(tmp_path, f"{n}.jsonl", _record(order_id=f"j{n}", amount=1)))
    files += [landed(tmp_path, f"{n}.csv", f"order_id,amount\nc{n},1\n".encode()) for n in range(100)]
    files += [landed(tmp_path, f"{n}.parquet", table) for n in range(20)]
    asked, frame = 0, type(lakehouse.spark.range(1))
    collect = frame.collect

    def counted(df: DataFrame) -> list[Row]:
        nonlocal asked
        asked += 1
        return collect(df)

    monkeypatch.setattr(frame, "collect", counted)
    totals = _frame(lakehouse, files).groupBy("amount").count().collect()
    assert [tuple(map(int, row)) for row in totals] == [(1, 1_120)]
    assert asked == 2


def _frame(lakehouse: Lakehouse, files: list[LandingFile]) -> DataFrame:
    read = read_files(lakehouse, TABLE, files, STAMP)
    assert read.rows is not None
    assert not read.failed
    return read.rows

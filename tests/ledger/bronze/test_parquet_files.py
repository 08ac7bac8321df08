"""Parquet landing files to Bronze rows (spec section 4): every type has one text, and none becomes what it is not."""

from __future__ import annotations

import io
import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger.bronze.parquet_files import parquet_file, parquet_rows, trusted
from ledger.bronze.payment_orders_raw import TABLE
from ledger.bronze.records import known_columns
from ledger.bronze.tabular import LEFTOVER, Layout
from ledger.delta.lakehouse import Lakehouse
from ledger.errors import IngestError
from tests.ledger.bronze.reading import Row, landed, ordered, read_all


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, **options)
    return buffer.getvalue()


ONE = ["A"]
BIG = 2**62
UNDATED = f"{BIG} us since 1970-01-01T00:00:00Z"
AT = datetime(2026, 2, 3, 3, tzinfo=UTC)
END = datetime(9999, 12, 31, 23, 59, 59)
INT96 = parquet(
    {
        "order_id": ["past", "sentinel", "far"],
        "created_at": pa.array([AT, END, AT + timedelta(1)], pa.timestamp("us")),
    },
    use_deprecated_int96_timestamps=True,
    use_dictionary=False,
    compression="none",
)
THREE_O_CLOCK, DAY_AFTER = struct.pack("<q", 3 * 3_600 * 10**9), 2_461_076
FAR = INT96.replace(
    THREE_O_CLOCK + struct.pack("<i", DAY_AFTER), THREE_O_CLOCK + struct.pack("<i", 2**31 - 1)
)
assert FAR != INT96
READ: dict[str, tuple[bytes, list[Row]]] = {
    "typed.parquet": (
        parquet({"Order_ID": ONE, " AMOUNT ": [Decimal("1.5")], "created_at": pa.array([AT], pa.timestamp("ns", "UTC"))}),
        [{"order_id": "A", "amount": "1.50", "created_at": "2026-02-03 03:00:00"}],
    ),
    "scale-18.PARQUET": (
        parquet({"order_id": ONE, "amount": pa.array([Decimal(0)], pa.decimal128(38, 18))}),
        [{"order_id": "A", "amount": "0.00"}],
    ),
    "nested.parquet": (
        parquet({"order_id": ONE, "tags": [["x", "y"]], "geo": [{"lat": 1}], "bin": [b"\x00"]}),
        [{"order_id": "A", "tags": '["x","y"]', "geo": '{"lat":1}', "bin": "AA=="}],
    ),
    "int96.parquet": (
        FAR,
        [
            {"order_id": "past", "created_at": "2026-02-03 03:00:00"},
            {"order_id": "sentinel", "_raw": '{"order_id":"sentinel","created_at":"9999-12-31T23:59:59.000000Z"}'},
            {"order_id": "far", "_raw": '{"order_id":"far","created_at":"185331720308400 s since 1970-01-01T00:00:00Z"}'},
        ],
    ),
    "out-of-years.parquet": (
        parquet({"order_id": ONE, "created_at": pa.array([BIG], pa.timestamp("us"))}),
        [{"order_id": "A", "_raw": f'{{"order_id":"A","created_at":"{UNDATED}"}}'}],
    ),
    "floats.parquet": (
        parquet({"order_id": pa.array([123.0, None]), "user_id": ["u", "v"], "amount": [1.5, None]}),
        [{"user_id": "v"}, {"user_id": "u", "_raw": '{"order_id":"123","user_id":"u","amount":"1.5"}'}],
    ),
    "decimal-id.parquet": (
        parquet({"order_id": pa.array([Decimal(7)], pa.decimal128(38, 0)), "user_id": [Decimal("7.0")]}),
        [{"order_id": "7", "_raw": '{"order_id":"7","user_id":"7.0"}'}],
    ),
    "bytes.parquet": (parquet({"order_id": [b"A"], "user_id": pa.array(["u"]).dictionary_encode()}), [{"order_id": "A", "user_id": "u"}]),
    "null-typed.parquet": (parquet({"order_id": ONE, "amount": pa.nulls(1), "merchant_name": pa.nulls(1, pa.list_(pa.int8()))}), [{"order_id": "A"}]),
    "no-rows.parquet": (parquet({"order_id": pa.array([], pa.string())}), []),
    "odd-name.parquet": (parquet({"order_id": ["A", "B"], "my memo": ["x", None]}), [{"order_id": "A", "_raw": '{"order_id":"A","my memo":"x"}'}, {"order_id": "B"}]),
}  # fmt: skip
FAILED: dict[str, tuple[bytes, str]] = {
    "struct-id.parquet": (parquet({"order_id": ONE, "user_id": [{"id": 1}]}), "column user_id is struct<id: int64>, which can be no string"),
    "time-money.parquet": (parquet({"order_id": ONE, "amount": [AT]}), "column amount is timestamp[us, tz=UTC], which can be no decimal(18,2)"),
    "int-time.parquet": (parquet({"order_id": ONE, "created_at": [1_770_000_000]}), "column created_at is int64, which can be no timestamp"),
    "bytes-id.parquet": (parquet({"order_id": [b"\xff"]}), "column order_id is binary, and its bytes are no UTF-8 text"),
    "strange.parquet": (parquet({"a": [1]}), "the header has none of the columns of bronze.payment_orders_raw: 'a'"),
    "twice.parquet": (parquet({"amount": [1], "AMOUNT": [1]}), "the header names 'amount' twice"),
    "cut-off.parquet": (INT96[:-20], "Parquet magic bytes not found"),
    "no-parquet.parquet": (b"order_id\n", ""),
    "late-fault.parquet": (INT96[:8] + bytes(40) + INT96[48:], ""),
}  # fmt: skip


def test_every_type_of_column_gives_its_rows_or_fails_by_name(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """INV-07: in one load, with no row of a file that failed."""
    contents = {name: content for name, (content, _) in (READ | FAILED).items()}
    rows, failed = read_all(lakehouse, tmp_path / "landing", contents)
    assert {name: rows[name] for name in READ} == {name: ordered(rows) for name, (_, rows) in READ.items()}
    assert not any(rows[name] for name in FAILED)
    assert failed.keys() == FAILED.keys()
    for name, (_, reason) in FAILED.items():
        assert failed[name].startswith(reason)


def test_no_binary_float_is_trusted_by_any_column() -> None:
    for wanted in ("string", "bigint", "int", "decimal(18,2)", "timestamp", "boolean"):
        for kind in (pa.float16(), pa.float32(), pa.float64()):
            assert trusted(wanted, kind) == "distrusted"


def test_parquet_rows_refuse_a_column_whose_type_cannot_be_the_contract_s(tmp_path: Path) -> None:
    """Not where the column is empty; a float's row keeps its text, the others' columns are taken over."""
    content = {"order_id": ONE, "user_id": [1.5], "created_at": pa.array([None], pa.bool_())}
    source = parquet_file(TABLE, landed(tmp_path, "a.parquet", parquet(content)))
    (rows,) = parquet_rows(TABLE, source, Layout(known_columns(TABLE)))
    assert {name: rows[name].to_pylist() for name in ("order_id", "user_id", "created_at", LEFTOVER)} == {
        "order_id": ["A"], "user_id": [None], "created_at": [None], LEFTOVER: [True]
    }  # fmt: skip
    wrong = landed(tmp_path, "b.parquet", parquet({"order_id": ONE, "created_at": [True]}))
    with pytest.raises(IngestError, match="column created_at is bool, which can be no timestamp"):
        list(parquet_rows(TABLE, parquet_file(TABLE, wrong), Layout(known_columns(TABLE))))

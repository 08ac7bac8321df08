"""Parquet landing files to Bronze rows (spec section 4): every type has one text, and none becomes what it is not."""

from __future__ import annotations

import io
import struct
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger.bronze.arrow_text import text_of
from ledger.bronze.parquet_files import trusted
from ledger.delta.lakehouse import Lakehouse
from tests.ledger.bronze.reading import Row, ordered, read_all

BIG, NAN = 2**62, float("nan")
UNDATED = "4611686018427387904 us since 1970-01-01T00:00:00Z"
PAIRS = pa.map_(pa.string(), pa.float64())

TEXTS: list[tuple[pa.Array, list[str | None]]] = [
    (pa.array([Decimal("0"), Decimal("-1.5"), None], pa.decimal128(38, 18)), ["0." + 18 * "0", "-1.5" + 17 * "0", None]),
    (pa.array([Decimal("9999999999999999.99"), Decimal("-0.07")], pa.decimal128(18, 2)), ["9999999999999999.99", "-0.07"]),
    (pa.array([Decimal("1.5")], pa.decimal256(50, 10)), ["1.5000000000"]),
    (pa.Array.from_buffers(pa.decimal128(10, -3), 2, pa.array([Decimal(15), Decimal(0)], pa.decimal128(10, 0)).buffers()), ["15000", "0"]),
    (pa.array([0, -1, None], pa.timestamp("ns", "Asia/Seoul")), ["1970-01-01T00:00:00.000000000Z", "1969-12-31T23:59:59.999999999Z", None]),
    (pa.array([BIG, 253_402_300_799], pa.timestamp("s")), [UNDATED.replace("us", "s"), "9999-12-31T23:59:59Z"]),
    (pa.array([BIG, 1_500], pa.timestamp("us", "UTC")), [UNDATED, "1970-01-01T00:00:00.001500Z"]),
    (pa.array([date(2026, 2, 3), None]), ["2026-02-03", None]),
    (pa.array([10**8], pa.int32()).cast(pa.date32()), ["100000000 days since 1970-01-01T00:00:00Z"]),
    (pa.array([time(1, 2, 3, 4)]), ["01:02:03.000004"]),
    (pa.array([timedelta(seconds=90)], pa.duration("ms")), ["90000 ms"]),
    (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
    (pa.array([True, False, None]), ["true", "false", None]),
    (pa.array([1.5, NAN], pa.float64()), ["1.5", "nan"]),
    (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
    (pa.array(["지갑"], pa.large_string()), ["지갑"]),
    (pa.array(["x"], pa.string_view()), ["x"]),
    (pa.nulls(2), [None, None]),
    (pa.array([b"", b"a", None, b"ab", b"\xff\x00\xff"])[1:], ["YQ==", None, "YWI=", "/wD/"]),
    (pa.ExtensionArray.from_storage(pa.uuid(), pa.array([UUID(int=5).bytes, None], pa.binary(16))), [str(UUID(int=5)), None]),
    (pa.array([[1, None], None, []], pa.list_(pa.int64())), ["[1,null]", None, "[]"]),
    (pa.array([["a"], ['q"\n\x01\\', None]])[1:], ['["q\\"\\n\\u0001\\\\",null]']),
    (pa.array([{"a": 1, "b": [{"c": Decimal("1.10")}]}, None, {"a": None, "b": None}]), ['{"a":1,"b":[{"c":1.10}]}', None, "{}"]),
    (pa.array([[("k", 1.5)], None, [("x", NAN), ("y", None)]], PAIRS)[1:], [None, '{"x":"nan","y":null}']),
]  # fmt: skip


@pytest.mark.parametrize(("values", "texts"), TEXTS, ids=lambda value: str(getattr(value, "type", "")))
def test_each_type_has_one_text(values: pa.Array, texts: list[str | None]) -> None:
    """INV-02: no exponent, no wrapped year, no rounding; nulls stay null."""
    assert text_of(values).to_pylist() == texts


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, **options)
    return buffer.getvalue()


ONE = ["A"]
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

"""Typed Arrow values as text (spec section 4): every type has one, and nothing is rounded. Pure."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest

from ledger.bronze.arrow_text import is_bytes, plain, text_of

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


def test_plain_values_have_no_encoding_around_them_and_a_uuid_stays_one() -> None:
    wrapped = pa.array(["a", None, "a"])
    ends = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", None]))
    uuid = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([UUID(int=5).bytes], pa.binary(16)))
    assert plain(wrapped) is wrapped
    assert plain(wrapped.dictionary_encode()).equals(wrapped)
    assert plain(ends).to_pylist() == ["a", "a", None]
    assert plain(uuid) is uuid


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pa.binary(), True),
        (pa.large_binary(), True),
        (pa.binary(16), True),
        (pa.binary_view(), True),
        (pa.string(), False),
        (pa.string_view(), False),
        (pa.list_(pa.binary()), False),
    ],
    ids=str,
)
def test_is_bytes_is_not_what_its_writer_called_text(kind: pa.DataType, expected: bool) -> None:
    assert is_bytes(kind) is expected

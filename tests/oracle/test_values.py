"""Reading values and landing files: what is a number, an instant, a JSON record, and what is not."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from tests.oracle.formats import UnknownFormat, json_cells, read_csv, read_parquet, read_records, skip_reason
from tests.oracle.values import Cell, Unparsable, parse, round_half_up


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("007.10", "7.10"),
        ("+5", "5"),
        ("-0", "0"),
        ("1.500", "1.5"),
        ("9999999999999999.99", "9999999999999999.99"),
        ("0000000000000000000012.34", "12.34"),
        (" 1\t", "1"),
        ("", None),
        *(
            (bad, Unparsable)
            for bad in ["1e3", "1.005", ".5", "5.", "NaN", "true", "10000000000000000", "1,0", "\uff11"]
        ),
    ],
)
def test_money(text: str, expected: str | type[Unparsable] | None) -> None:
    if expected is Unparsable:
        with pytest.raises(Unparsable):
            parse("money", Cell(text))
    else:
        assert parse("money", Cell(text)) == (None if expected is None else Decimal(str(expected)))
    with pytest.raises(Unparsable):
        parse("money", Cell("1.5", is_float=True))


def test_timestamps_are_cut_not_rounded_and_need_a_real_date() -> None:
    parsed = parse("timestamp", Cell("2026-02-01T23:59:59.999999999+09:00"))
    assert parsed == datetime(2026, 2, 1, 14, 59, 59, 999999, UTC)
    assert parse("timestamp", Cell("2026-02-01T00:00")) == datetime(2026, 2, 1, tzinfo=UTC)
    for bad in ("2026-02-30T00:00:00Z", "2026-02-01T25:00:00Z", "junk", "1769904000"):
        with pytest.raises(Unparsable):
            parse("timestamp", Cell(bad))


def test_csv_and_parquet_cells() -> None:
    csv_file = b'\xef\xbb\xbf\r\n ID,name,amount \r\n1,"a ""b""\n, c",1e3\r\n2,x\r\n'
    (quoted, short) = read_csv(csv_file, ["id", "amount"])
    assert quoted.cells == {"id": Cell("1"), "name": Cell('a "b"\n, c'), "amount": Cell("1e3")}
    assert short.cells is None
    assert list(read_csv(b"\xef\xbb\xbf\n", ["id"])) == []
    with pytest.raises(ValueError, match="id;amount"):
        list(read_csv(b"id;amount\n1;2\n", ["id", "amount"]))
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    nanos = pa.array([1_769_904_000_123_456_789], pa.timestamp("ns"))
    sink = pa.BufferOutputStream()
    parquet.write_table(
        pa.table({"a": [1.5], "b": [Decimal("1.50")], "c": nanos, "d": [True], "e": [None]}), sink
    )
    (row,) = read_parquet(sink.getvalue().to_pybytes())
    assert row.cells is not None
    assert row.cells["a"].is_float
    assert not row.cells["b"].is_float
    texts = [row.cells[name].text for name in "bcde"]
    assert texts == ["1.50", "2026-02-01T00:00:00.123456+00:00", "true", None]


def test_json_keeps_the_source_text() -> None:
    cells = json_cells('{ "a" : 1e3, "b":9999999999999999.99,"c":"x\\u0041", "d":null,"e":{"k": [1]}}')
    assert cells is not None
    texts = {name: cell.text for name, cell in cells.items()}
    assert texts == {"a": "1e3", "b": "9999999999999999.99", "c": "xA", "d": None, "e": '{"k": [1]}'}
    for line in ('{"a": NaN}', "[1]", "42", '{"a": 1', '{"a": 007}', '{"a": 1}}'):
        assert json_cells(line) is None


def test_rounding_is_half_up_on_the_exact_value() -> None:
    assert round_half_up(Fraction(1, 2_000_000), 6) == Decimal("0.000001")
    assert round_half_up(Fraction(1, 3), 6) == Decimal("0.333333")
    assert round_half_up(Fraction(-1, 2_000_000), 6) == Decimal("-0.000001")


def test_the_name_says_how_a_file_is_read() -> None:
    array = b'\n[ {"id": 1e3},\n 7, {} ]'
    for name in ("a.jsonl", "[a].NDJSON", "a.Json"):
        records = read_records(name, array, ["id"])
        assert [record.cells for record in records] == [{"id": Cell("1e3")}, None, {}]
    assert read_records("a.CSV.GZ", gzip.compress(b"id\n1\n"), ["id"])[0].cells == {"id": Cell("1")}
    for name in ("a.parquet.gz", "a.txt", "jsonl", "a.csv.bz2"):
        with pytest.raises(UnknownFormat):
            read_records(name, array, ["id"])
    for name in (".a.jsonl", "_SUCCESS", "sub/_tmp/a.csv", "a.jsonl.tmp", "a.CRC", "a.part"):
        assert skip_reason(name)
    assert skip_reason("a.partial.jsonl") is None

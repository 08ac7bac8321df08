"""CSV landing files to Bronze rows (spec section 4): one parser, every cell as text, and no row that swallows others."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.bronze import csv_files, csv_quotes
from ledger.bronze.payment_orders_raw import TABLE
from ledger.bronze.tabular import Layout
from ledger.delta.lakehouse import Lakehouse
from ledger.errors import IngestError
from tests.ledger.bronze.reading import Row, landed, ordered, read_all, zipped

HEADER = "order_id,user_id,merchant_name,amount\n"
ONE: Row = {"order_id": "007", "user_id": "00123", "amount": "1.00"}
LONG = "x" * 1_000_001

READ: dict[str, tuple[str | bytes, list[Row]]] = {
    "plain.csv": (f"{HEADER}007,00123,,1.00\n", [ONE]),
    "blank-first.csv": (f"\n\n{HEADER}\n007,00123,,1.00", [ONE]),
    "windows.CSV": ("\ufeff" + f"{HEADER}007,00123,,1.00\n".replace("\n", "\r\n"), [ONE]),
    "old-mac.csv": (f"{HEADER}007,00123,,1.00\n".replace("\n", "\r"), [ONE]),
    "zipped.csv.gz": (zipped(f"{HEADER}007,00123,,1.00\n".encode()), [ONE]),
    "upper.csv": ('"ORDER_ID","USER_ID","AMOUNT"\n"007","00123","1.00"\n', [ONE]),
    "blanks.csv": (" order_id , user_id,\tamount\n007,00123,1.00\n", [ONE]),
    "empty.csv": ("", []),
    "mark-alone.csv": ("\ufeff", []),
    "blank-lines.csv": ("\r\n\n \n", []),
    "header-alone.csv": (HEADER, []),
    "a-break.csv": (
        f'{HEADER}007,00123,"Bob 20"" shop\nSeoul",1.00\n',
        [{**ONE, "merchant_name": 'Bob 20" shop\nSeoul'}],
    ),
    "inches.csv": (f'{HEADER}007,00123,TV 20" x,1.00\n', [{**ONE, "merchant_name": 'TV 20" x'}]),
    "ragged.csv": (
        f"{HEADER}1,2\n007,00123,,1.00\n1,2,3,4,5\n",
        [{"_raw": "1,2"}, {"_raw": "1,2,3,4,5"}, ONE],
    ),
    "unnamed.csv": (
        "order_id,user_id,amount,,\n007,00123,1.00,,\n008,,,x,\n",
        [ONE, {"order_id": "008", "_raw": '{"order_id":"008","column 4":"x"}'}],
    ),
    "long-cell.csv": (
        f"{HEADER}1,2,{LONG},3\n007,00123,,1.00\n",
        [
            ONE,
            {
                "_raw": f'a cell of more than 1,000,000 bytes: {{"order_id":"1","user_id":"2","merchant_name":"{LONG}","amount":"3"}}'
            },
        ],
    ),
    "not-utf8.csv": (
        f"{HEADER}1,2,".encode() + b"\xb0\xa1,3\n007,00123,,1.00\n",
        [
            ONE,
            {"_raw": 'not UTF-8: {"order_id":"1","user_id":"2","merchant_name":"\ufffd\ufffd","amount":"3"}'},
        ],
    ),
    "swallowed.csv": (
        f'{HEADER}1,u,"Acme,1.00\n2,u,Beta,2.00\n3,u,Gamma",3.00\n007,00123,,1.00\n',
        [
            ONE,
            {
                "_raw": 'a quoted cell that holds whole rows: {"order_id":"1","user_id":"u","merchant_name":"Acme,1.00\\n2,u,Beta,2.00\\n3,u,Gamma","amount":"3.00"}'
            },
        ],
    ),
    "swallowed-one.csv": (
        'order_id,user_id,amount,memo\n1,u,1.00,"Acme\n2,u,2.00,"Beta\n007,00123,1.00,\n',
        [
            ONE,
            {
                "_raw": 'a quoted cell that holds whole rows: {"order_id":"1","user_id":"u","amount":"1.00","memo":"Acme\\n2,u,2.00,Beta"}'
            },
        ],
    ),
}
FAILED: dict[str, tuple[str | bytes, str]] = {
    "open-quote.csv": (
        f'{HEADER}1,u,,1\n2,u,"Acme,2\n3,u,Beta,3\n',
        "a quote that opens on line 3 is not closed before the end of the file",
    ),
    "open-at-end.csv": (
        f'{HEADER}1,u,,"1',
        "a quote that opens on line 2 is not closed before the end of the file",
    ),
    "open-zipped.csv.gz": (
        zipped(f'{HEADER}1,u,,"1\n'.encode()),
        "a quote that opens on line 2 is not closed",
    ),
    "semicolon.csv": (
        "order_id;user_id;amount\n1;u;1,00\n",
        "the separator is a semicolon, it has to be a comma; the header is 'order_id;user_id;amount'",
    ),
    "tab.csv": ('"ORDER_ID"\tUSER_ID\n1\tu\n', "the separator is a tab, it has to be a comma"),
    "bar.csv": ("user_id | order_id\n1|u\n", "the separator is a bar, it has to be a comma"),
    "twice.csv": ("order_id,Amount,amount\n1,2,3\n", "the header names 'amount' twice"),
    "no-header.csv": (
        "P1,u1,Cafe,1.00\n",
        "the header has none of the columns of bronze.payment_orders_raw: 4 cells with digits in them, as a row has"
        " (is the header missing?)",
    ),
    "utf16.csv": (HEADER.encode("utf-16"), "is UTF-16 text: save it as UTF-8"),
}


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def test_every_cell_is_text_and_a_broken_file_or_row_is_named(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """INV-07: in one load, with no row of a file that failed."""
    contents = {name: _bytes(case[0]) for name, case in (READ | FAILED).items()}
    rows, failed = read_all(lakehouse, tmp_path / "landing", contents)
    assert {name: rows[name] for name in READ} == {
        name: ordered(expected) for name, (_, expected) in READ.items()
    }
    assert not any(rows[name] for name in FAILED)
    assert failed.keys() == FAILED.keys()
    for name, (_, reason) in FAILED.items():
        assert failed[name].startswith(reason)


def test_a_row_above_the_limit_fails_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the scan or by the parser, whichever is the first to hold too much."""
    long = f"{HEADER}1,u,{'x' * 400_000},1\n".encode()
    monkeypatch.setattr(csv_files, "MAX_ROW_BYTES", 100_000)
    source = csv_files.csv_file(TABLE, landed(tmp_path, "long.csv", long))
    assert source is not None
    with pytest.raises(IngestError, match=r"a row is longer than .* \(MAX_ROW_BYTES\), which no row is"):
        list(csv_files.csv_rows(source, Layout(source.names)))
    monkeypatch.setattr(csv_quotes, "MAX_ROW_BYTES", 100_000)
    with pytest.raises(IngestError, match="the row on line 2 is longer than"):
        csv_quotes.scan(long[i : i + 1_000] for i in range(0, len(long), 1_000))


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (
            "order_id;amount",
            "the separator is a semicolon, it has to be a comma; the header is 'order_id;amount'",
        ),
        ("\ufeffORDER_ID\tamount", "the separator is a tab"),
        ("memo|Amount", "the separator is a bar"),
        ("memo;note", "none of the columns"),
    ],
)
def test_header_names_show_a_wrong_separator(header: str, problem: str) -> None:
    with pytest.raises(IngestError, match=problem):
        csv_files.header_names(TABLE, [header])


def test_header_names_of_one_column_need_no_separator() -> None:
    assert csv_files.header_names(TABLE, ["Order_ID"]) == ["order_id"]

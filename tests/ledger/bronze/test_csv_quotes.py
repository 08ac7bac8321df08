"""Quotes of a CSV file: whether they all close, and cells that have swallowed whole rows (spec section 4). Pure."""

from __future__ import annotations

import pyarrow as pa
import pytest

from ledger.bronze import csv_quotes
from ledger.bronze.csv_quotes import Scan, scan, swallowed
from ledger.errors import IngestError


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", Scan(is_blank=True, is_utf8=True)),
        (b" \t\r\n\f\v", Scan(is_blank=True, is_utf8=True)),
        (b"\xff", Scan(is_blank=False, is_utf8=False)),
        ("지".encode()[:2], Scan(is_blank=False, is_utf8=False)),
        ("지".encode(), Scan(is_blank=False, is_utf8=True)),
        (b'a,5" x\n', Scan(is_blank=False, is_utf8=True)),
        (b'"a""b"\n', Scan(is_blank=False, is_utf8=True)),
    ],
)
def test_scan_says_whether_there_is_text_and_whether_it_is_utf_8(data: bytes, expected: Scan) -> None:
    assert scan(iter([data])) == expected


@pytest.mark.parametrize("size", [1, 2, 5, 64])
def test_an_open_quote_is_found_on_its_line_wherever_the_pieces_end(size: int) -> None:
    """The state of a quote goes on from piece to piece; one that is closed is none."""

    def look(text: str) -> Scan:
        data = text.encode()
        return scan(data[i : i + size] for i in range(0, len(data), size))

    closed = 'a,b\n"1,""x""\r\n",2\n3,"지갑"\n4,5" x\n'
    assert look(closed) == Scan(is_blank=False, is_utf8=True)
    with pytest.raises(IngestError, match="a quote that opens on line 6 is not closed before the end"):
        look(closed + '6,"x\n7,8\n')


def test_an_open_quote_in_a_large_file_is_refused_before_it_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_quotes, "MAX_ROW_BYTES", 1_000)
    endless = (b'a,b\n1,"x\n' if i == 0 else b"2,3\n" * 100 for i in range(10**9))
    with pytest.raises(IngestError, match="a quote that opens on line 2 is not closed within"):
        scan(endless)


# A row of three columns, a cell of it: whether the cell holds a whole row, by the place that it has.
SWALLOWED = {
    "no break": ("x,y", [False, False, False]),
    "a text of two lines": ("hello\nworld", [False, False, False]),
    "the rest of a row and a whole one": ("c\n1,2,3", [False, False, True]),
    "the rest of a row, a whole one, the start of one": ("c\n1,2,3\n4", [False, False, True]),
    "a whole row at the end alone": ("a,b,c\n1,2,3", [False, False, False]),
    "with carriage returns": ("c\r\n1,2,3", [False, False, True]),
    "of the middle": ("b,c\r1,x", [False, True, False]),
    "of the first": ("a,b,c\n1", [True, False, False]),
    "no text": (None, [False, False, False]),
}


def test_swallowed_cells_are_as_long_as_rows() -> None:
    cells = pa.array([cell for cell, _ in SWALLOWED.values()])
    found = [swallowed(cells, place, 3) for place in range(3)]
    by_case = {case: [column[n].as_py() for column in found if column] for n, case in enumerate(SWALLOWED)}
    assert by_case == {case: expected for case, (_, expected) in SWALLOWED.items()}


def test_swallowed_is_not_asked_of_two_columns_nor_where_no_cell_has_a_break() -> None:
    """An ordinary text of two lines looks like two rows there."""
    assert swallowed(pa.array(["b\n1,2"]), 1, 2) is None
    assert swallowed(pa.array(["b", None]), 1, 3) is None

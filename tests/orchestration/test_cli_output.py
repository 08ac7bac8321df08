"""Rows for people, machines and spreadsheets: typed, complete, and never a command to whoever reads them. Pure."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from orchestration.cli.output import how_many, say_csv, table_text, to_json
from orchestration.cli.terminal import prepare, say

ROW = {
    "tx_id": "t1",
    "amount": Decimal("100.00"),
    "rows": 3,
    "is_ok": False,
    "at": datetime(2026, 2, 3, 1, 0, 0, 5, tzinfo=UTC),
    "day": date(2026, 2, 3),
    "none": None,
    "list": ["a"],
}


def as_csv(capsys: pytest.CaptureFixture[str], *cells: object) -> list[str]:
    names = [f"c{n}" for n, _ in enumerate(cells)]
    say_csv(names, [dict(zip(names, cells, strict=True))])
    _, line = csv.reader(io.StringIO(capsys.readouterr().out, newline=""), strict=True)
    return line


def test_json_keeps_the_types() -> None:
    """Money is text with its scale, counts are numbers, instants end in Z."""
    assert json.loads(to_json([ROW])) == [
        {
            **{"tx_id": "t1", "amount": "100.00", "rows": 3, "is_ok": False, "none": None, "list": ["a"]},
            **{"at": "2026-02-03T01:00:00.000005Z", "day": "2026-02-03"},
        }
    ]


def test_json_escapes_what_a_terminal_would_obey_and_loses_nothing() -> None:
    wallet = "u\n\x1b[2J\u202e\x9b\U000e0041 카페"
    text = to_json({"wallet_id": wallet})
    assert text.replace("\n", "").isprintable()
    assert "카페" in text
    assert json.loads(text) == {"wallet_id": wallet}


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+82-10", "'+82-10"),
        ("-x", "'-x"),
        ("@sum", "'@sum"),
        ("\tx", "'\tx"),
        ("-12.50", "-12.50"),
        ("+3", "+3"),
        ("-1e3", "-1e3"),
        (Decimal("-777.00"), "-777.00"),
        (None, ""),
        (True, "true"),
        ('say "hi", twice\r\n', 'say "hi", twice\r\n'),
        ("esc\x1b[0m", r"esc\x1b[0m"),
    ],
)
def test_a_spreadsheet_computes_no_cell(capsys: pytest.CaptureFixture[str], value: object, cell: str) -> None:
    assert as_csv(capsys, "k", value) == ["k", cell]


def test_csv_lines_end_as_the_standard_says(capsys: pytest.CaptureFixture[str]) -> None:
    say_csv(["a", "b"], [{"a": 1, "b": None}, {"a": "x,y", "b": 'q"'}])
    assert capsys.readouterr().out == 'a,b\r\n1,\r\n"x,y","q"""\r\n'


def test_a_table_stays_a_table_whatever_its_values() -> None:
    text = table_text(
        ["user_id", "n"], [{"user_id": "a\nthe money adds up", "n": 1}, {"user_id": "카페", "n": 22}]
    )
    assert text.splitlines() == [
        "user_id               n",
        r"a\nthe money adds up  1",
        "카페                  22",
    ]


def test_nothing_is_cut_in_silence() -> None:
    assert how_many(20, 155).startswith("20 of 155 rows")
    assert (how_many(1, 1), how_many(0, 0)) == ("1 row", "0 rows")


@pytest.mark.parametrize(
    ("encoding", "text"), [("ascii", r"\uce74\ud398 \u2615"), ("euc-kr", r"카페 \u2615")]
)
def test_a_terminal_without_utf_8_shows_what_it_can(
    monkeypatch: pytest.MonkeyPatch, encoding: str, text: str
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, errors="strict"))
    prepare()
    say("카페 ☕")
    assert raw.getvalue().decode(encoding) == f"{text}\n"
    raw.truncate(0)
    raw.seek(0)
    say(to_json({"merchant": "é 😀 카페"}))
    assert json.loads(raw.getvalue().decode(encoding)) == {"merchant": "é 😀 카페"}

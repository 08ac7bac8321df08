"""Rows for people, machines and spreadsheets: typed, complete, and never a command to whoever reads them. Pure."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from orchestration.cli.output import how_many, say_csv, say_table, table_text, to_json
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


STYLE = re.compile(r"\x1b\[[0-9;]*m")
HOSTILE = [
    "[red]u1[/red]",
    "[link=https://x]u[/]",
    ":boom: u",
    "\x1b[31mu",
    "https://x/y",
    "카페",
    "é\u0301",
    "👩‍👩‍👧",
    "[",
    "",
]


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is a terminal of 60 columns."""
    monkeypatch.setattr("orchestration.cli.output.shows_styles", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")


def test_a_terminal_shows_values_as_they_are(at_a_terminal: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing in a value is markup, a link or a picture; the text is that of the plain table."""
    rows = [{"wallet_id": value, "n": n} for n, value in enumerate(HOSTILE)]
    say_table(["wallet_id", "n"], rows)
    text = STYLE.sub("", capsys.readouterr().out)
    assert [line.split() for line in text.splitlines()] == [
        line.split() for line in table_text(["wallet_id", "n"], rows).splitlines()
    ]


def test_a_terminal_that_is_too_narrow_loses_no_character(
    at_a_terminal: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence is wrapped in its column; an identifier and an amount stay in one piece, whatever the width."""
    ids, amount = [f"{n}-" + "x" * 90 for n in range(2)], "-123456789012345678.00"
    sentence = "landing file is not readable: " + " ".join(f"word{n}" for n in range(40))
    keys = [f"tx_id='{tx_id}', user_id='u'" for tx_id in ids]
    rows = [{"key": key, "amount": amount, "message": sentence} for key in keys]
    say_table(["key", "amount", "message"], rows)
    text = STYLE.sub("", capsys.readouterr().out)
    for whole in (*" ".join(keys).split(), amount, *sentence.split()):
        assert whole in text.split()
    assert max(map(len, text.splitlines())) < len(table_text(["message"], rows[:1]).splitlines()[1])


def test_only_our_own_words_are_coloured(at_a_terminal: None, capsys: pytest.CaptureFixture[str]) -> None:
    say_table(["verdict", "wallet_id"], [{"verdict": "does_not_add_up", "wallet_id": "adds_up"}])
    header, row = capsys.readouterr().out.splitlines()
    assert header.startswith("\x1b[1m")
    assert "\x1b[1;31mdoes_not_add_up\x1b[0m" in row
    assert "\x1b[32m" not in row
    assert STYLE.sub("", row).split() == ["does_not_add_up", "adds_up"]


def test_a_table_of_many_rows_is_plain_everywhere(
    at_a_terminal: None, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"n": n} for n in range(201)]
    say_table(["n"], rows)
    assert capsys.readouterr().out == f"{table_text(['n'], rows)}\n"


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

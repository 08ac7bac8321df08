"""Rows as people, machines and spreadsheets read them. Values are data (spec section 10)."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ledger.shown import shown
from operations.values import as_json, as_text
from orchestration.cli.terminal import can_show, say, shows_styles, tell, write

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_MOST_STYLED = 200  # rows; beyond, nobody looks for styles, and drawing them takes longer than the question
_FORMULA = ("=", "+", "-", "@", "\t")


def say_json(value: object) -> None:
    """One JSON document on standard output."""
    say(to_json(value))


def to_json(value: object) -> str:
    """Typed values as one JSON document; characters that are not printable are escaped, as JSON escapes them."""
    text = json.dumps(as_json(value), ensure_ascii=False, indent=2)
    if not can_show(text):
        return json.dumps(as_json(value), indent=2)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def say_csv(names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """RFC 4180 on standard output, row by row: nulls empty, no cell that a spreadsheet would compute."""
    for line in _csv_lines(names, rows):
        write(line)


def _csv_lines(names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([_cell(name) for name in names])
    for row in rows:
        writer.writerow([_cell(as_text(row[name])) for name in names])
        if buffer.tell() > io.DEFAULT_BUFFER_SIZE:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _cell(text: str) -> str:
    """Line breaks and tabs are the format's own business, every other character that is not printable is escaped."""
    kept = re.split(r"([\t\r\n])", text)
    safe = text if text.isprintable() else "".join(p if p in ("\t", "\r", "\n") else shown(p) for p in kept)
    return f"'{safe}" if safe.startswith(_FORMULA) and not _NUMBER.fullmatch(safe) else safe


def say_rows(
    what: str,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, object]],
    total: int,
    *,
    as_json: bool,
    as_csv: bool = False,
) -> None:
    """Rows as they were asked for, and how many of how many these are."""
    if as_json:
        say_json(rows)
    elif as_csv:
        say_csv(columns, rows)
    elif not rows:
        say(f"{what}: no rows")
        return
    else:
        say_table(columns, rows)
        say(how_many(len(rows), total))
        return
    if len(rows) < total:  # on standard error: the other is for a machine
        tell(how_many(len(rows), total))


def say_table(names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Rows as a table: as :func:`table_text`, but that a person at a terminal gets it with styles."""
    rows = list(rows)
    if not shows_styles() or len(rows) > _MOST_STYLED:
        say(table_text(names, rows))
        return
    from orchestration.cli.styled import table

    write(table(names, rows))


def table_text(names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Rows as aligned text under their column names."""
    lines = [
        [shown(n) for n in names],
        *[[shown(as_text(row[n])) for n in names] for row in rows],
    ]
    widths = [max(_width(line[i]) for line in lines) for i in range(len(names))]
    return "\n".join(
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _width(text: str) -> int:
    """Columns of a terminal: Hangul and its like take two, combining marks none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def how_many(shown_rows: int, total: int) -> str:
    """``20 of 155 rows``: nothing is cut in silence."""
    if shown_rows == total:
        return f"{total} row{'' if total == 1 else 's'}"
    return f"{shown_rows} of {total} rows; --limit N or --limit all shows more"

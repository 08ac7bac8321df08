"""Quotes of a CSV file: whether they all close, and rows that a stray one has swallowed.

A quote opens a cell only at its beginning, and two of them inside are one character, as the parser has it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger.bronze.records import MAX_ROW_BYTES
from ledger.bronze.source_bytes import BLANKS
from ledger.errors import IngestError

# Whole cells with what ends them; possessive, so that one pass over the text is enough.
_CELLS = re.compile(rb'(?:(?:"(?:[^"]++|"")*+"[^,\r\n]*+|[^",\r\n][^,\r\n]*+)?+[,\r\n])*+')
_FEWEST_COLUMNS = 3  # with less, an ordinary text of two lines looks like two rows
_LIMIT = f"{MAX_ROW_BYTES >> 20} MiB (MAX_ROW_BYTES)"


@dataclass(frozen=True)
class Scan:
    """Findings in the bytes of a file before it is parsed."""

    is_blank: bool
    is_utf8: bool


def scan(pieces: Iterable[bytes]) -> Scan:
    """Look at the whole text once; raises :class:`IngestError` with the line of a quote that is never closed."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest, line, is_blank, is_utf8 = b"", 1, True, True
    for piece in pieces:
        is_blank = is_blank and not piece.strip(BLANKS)
        is_utf8 = is_utf8 and _decodes(decoder, piece)
        data = rest + piece
        end = _end_of_cells(data)
        line += _line_ends(data[:end])
        rest = data[end:]
        if len(rest) > MAX_ROW_BYTES:
            raise IngestError(_unclosed(rest, line, f"within {_LIMIT}"))
    if rest and _end_of_cells(rest + b"\n") <= len(rest):
        raise IngestError(_unclosed(rest, line, "before the end of the file"))
    return Scan(is_blank, is_utf8 and not decoder.getstate()[0])


def swallowed(cells: pa.StringArray, place: int, columns: int) -> pa.BooleanArray | None:
    """Places at which the cell at ``place`` of a row holds line breaks, and between them what is a whole row by itself.

    Such a cell is legal, and hardly ever meant: the first line is as long as a row, and so is another one. None where
    no cell does.
    """
    has_break = pc.or_(pc.match_substring(cells, "\n"), pc.match_substring(cells, "\r"))
    if columns < _FEWEST_COLUMNS or not pc.any(has_break).as_py():
        return None
    breaks = pc.replace_substring(pc.replace_substring(cells.fill_null(""), "\r\n", "\n"), "\r", "\n")
    lines = pc.split_pattern(breaks, "\n")
    commas = pc.count_substring(lines.flatten(), ",").to_numpy()
    bounds = np.concatenate([[0], np.cumsum(pc.list_value_length(lines).to_numpy())])
    first, last = bounds[:-1], bounds[1:] - 1
    whole = np.concatenate([[0], np.cumsum(commas == columns - 1)])
    has_whole_line = whole[last] > whole[np.minimum(first + 1, last)]
    looks_so = (commas[first] == columns - 1 - place) & (has_whole_line | (commas[last] == place))
    return pa.array((last > first) & looks_so)


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes) -> bool:
    try:
        decoder.decode(piece)
    except UnicodeDecodeError:
        return False
    return True


def _end_of_cells(data: bytes) -> int:
    """The end of the last complete cell."""
    if b'"' not in data:
        return max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
    found = _CELLS.match(data)
    return found.end() if found else 0


def _line_ends(data: bytes) -> int:
    return data.count(b"\n") or data.count(b"\r")


def _unclosed(rest: bytes, line: int, until: str) -> str:
    if rest.startswith(b'"'):
        return f"a quote that opens on line {line:,} is not closed {until}"
    return f"the row on line {line:,} is longer than {_LIMIT}, which no row is"

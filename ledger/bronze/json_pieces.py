"""Bounds of the records of a JSON text: its lines, or the elements of one array, as they were written.

Found on whole buffers at once. The text between is not parsed here: that is for the engine (``ledger/json_text.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ledger.bronze.records import MAX_RECORD_BYTES
from ledger.bronze.source_bytes import BLANKS
from ledger.errors import IngestError

_QUOTE, _BACKSLASH, _COMMA, _CLOSING = ord('"'), ord("\\"), ord(","), ord("]")
_STEPS = np.zeros(256, np.int8)
_STEPS[list(b"[{")], _STEPS[list(b"]}")] = 1, -1
_IS_STRUCTURE = _STEPS != 0
_IS_STRUCTURE[_COMMA] = True

Positions = npt.NDArray[np.int64]


def lines(pieces: Iterator[bytes], end: bytes) -> Iterator[pa.BinaryArray]:
    """The lines, with their ends; raises :class:`IngestError` for one above the limit, before it is in memory."""
    rest, seen = b"", 0
    for piece in pieces:
        data = rest + piece
        bounds = np.concatenate([[0], np.flatnonzero(np.frombuffer(data, np.uint8) == end[0]) + 1])
        _check_lengths(np.diff(bounds, append=len(data)), "line", seen)
        seen += len(bounds) - 1
        rest = data[bounds[-1] :]
        if len(bounds) > 1:
            yield _cut_up(data, bounds)
    if rest:
        yield _cut_up(rest, np.array([0, len(rest)]))


def array_elements(pieces: Iterator[bytes]) -> Iterator[pa.BinaryArray]:
    """The elements of the array that the text is, without the commas between them.

    Raises :class:`IngestError` when the array does not end, or does not end the text: its elements cannot be told.
    """
    rest, is_open, closed, seen = b"", False, False, 0
    for piece in pieces:
        data = rest + piece
        if closed:
            rest = data[:1] if (data := data.strip(BLANKS)) else b""
            if rest:
                break
            continue
        separators, close = _separators(data, depth=int(is_open))
        begin = 0 if is_open else data.find(b"[") + 1
        ends = separators if close is None else np.append(separators, close)
        starts = np.concatenate([[begin], separators + 1])
        _check_lengths(np.append(ends, len(data))[: len(starts)] - starts, "element", seen)
        if len(ends):
            between = np.column_stack([starts[: len(ends)], ends]).ravel()
            yield _cut_up(data, between).take(np.arange(0, len(between), 2))
            seen += len(ends)
            begin = int(ends[-1]) + 1
        rest, is_open, closed = data[begin:], is_open or b"[" in data, close is not None
        if closed:
            rest = rest.strip(BLANKS)
    if not closed:
        raise IngestError(f"the JSON array does not end (after {seen:,} elements): is the file cut off?")
    if rest:
        raise IngestError(f"text follows the end of the JSON array (after {seen:,} elements)")


def closes_array(text: bytes) -> bool:
    """Whether the text is an array from its first bracket to its last."""
    _, close = _separators(text, depth=0)
    return close is not None and not text[close + 1 :].strip(BLANKS)


def _separators(data: bytes, *, depth: int) -> tuple[Positions, int | None]:
    """The commas between elements, and where the array closes; ``depth`` is the number of brackets open before."""
    codes = np.frombuffer(data, np.uint8)
    quotes = _string_quotes(codes)
    marks = np.flatnonzero(_IS_STRUCTURE[codes])
    marks = marks[np.searchsorted(quotes, marks) % 2 == 0]
    depths = depth + np.cumsum(_STEPS[codes[marks]], dtype=np.int64)
    ends = np.flatnonzero(depths <= 0)
    close = None
    if len(ends):
        close = int(marks[ends[0]])
        if codes[close] != _CLOSING:
            raise IngestError("the JSON array is closed by another bracket: its elements cannot be told")
        marks, depths = marks[: ends[0]], depths[: ends[0]]
    return marks[(depths == 1) & (codes[marks] == _COMMA)], close


def _string_quotes(codes: npt.NDArray[np.uint8]) -> Positions:
    """The quotes that begin or end a string: those after an even number of backslashes."""
    quotes = np.flatnonzero(codes == _QUOTE)
    slashes = np.flatnonzero(codes == _BACKSLASH)
    if not len(slashes) or not len(quotes):
        return quotes
    begins = np.diff(slashes, prepend=-2) != 1
    run_begin = np.maximum.accumulate(np.where(begins, slashes, 0))
    last = np.searchsorted(slashes, quotes) - 1  # the last backslash before each quote
    follows = (last >= 0) & (slashes[last] == quotes - 1)
    length = np.where(follows, quotes - run_begin[last], 0)
    plain: Positions = quotes[length % 2 == 0]
    return plain


def _cut_up(data: bytes, bounds: npt.NDArray[Any]) -> pa.BinaryArray:
    """The data between each bound and the next, not copied."""
    offsets = pa.py_buffer(np.ascontiguousarray(bounds, np.int32))
    return pa.Array.from_buffers(pa.binary(), len(bounds) - 1, [None, offsets, pa.py_buffer(data)])


def _check_lengths(lengths: Positions, what: str, seen: int) -> None:
    if lengths.max() > MAX_RECORD_BYTES:
        place = seen + int(np.argmax(lengths > MAX_RECORD_BYTES)) + 1
        limit = f"{MAX_RECORD_BYTES >> 20} MiB (MAX_RECORD_BYTES)"
        raise IngestError(f"{what} {place:,} is longer than {limit}, which no record is")

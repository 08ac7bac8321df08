"""JSON landing files as texts of records: lines, one array, or one object over several lines (spec section 4)."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from ledger.bronze.json_pieces import array_elements, closes_array, lines
from ledger.bronze.landing import LandingFile
from ledger.bronze.records import MAX_RECORD_BYTES
from ledger.bronze.source_bytes import BLANKS, CHUNK, chunks, opened

LARGE = CHUNK
"""From this size on, plain lines are left to the engine, which reads them in parts and only when they are asked for."""
_NO_UTF_8 = "not UTF-8: "  # no text that begins so is taken for a record
_NOT_BLANK = r"[^ \t\r\n\f\x0B]"
_BYTE_ORDER_MARK = "\ufeff"


def record_texts(file: LandingFile) -> Iterator[pa.StringArray]:
    """The file's records, each as it was written, in batches; blank ones are none.

    A record that is not UTF-8 is a text that says so. Raises :class:`IngestError`, and what reading may raise.
    """
    with opened(file) as text:
        pieces = chunks(text)
        start = next(pieces, b"")
        following = next(pieces, b"")
        whole = chain((start, following), pieces)
        end = b"\r" if b"\r" in start and b"\n" not in start else b"\n"
        first, _, others = start.lstrip(BLANKS).partition(end)
        if first.startswith(b"[") and not (others.strip(BLANKS) and closes_array(first)):
            found, around = array_elements(whole), " \t\r\n"
        elif others and not following and not _is_object(first) and _is_object(start):
            found, around = iter([pa.array([start], pa.binary())]), " \t\r\n"
        else:
            found, around = lines(whole, end), ""
        for batch in found:
            yield _texts(batch, around)


def is_for_the_engine(file: LandingFile) -> bool:
    """Whether the file is large and plain: UTF-8 lines that end in LF, none of them above the limit.

    Looks at every byte, at the speed of the disk, as one bad byte would make the engine refuse the whole file.
    """
    if file.compressed or file.size < LARGE:
        return False
    decoder = codecs.getincrementaldecoder("utf-8")()
    open_line, is_first = 0, True
    with opened(file) as text:
        for piece in chunks(text):
            if b"\r" in piece or (is_first and not piece.lstrip(BLANKS).startswith(b"{")):
                return False
            if is_first and not _is_object(piece.lstrip(BLANKS).partition(b"\n")[0]):
                return False
            is_first = False
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                return False
            first_end, last_end = piece.find(b"\n"), piece.rfind(b"\n")
            if open_line + (first_end if first_end >= 0 else len(piece)) > MAX_RECORD_BYTES:
                return False
            open_line = open_line + len(piece) if last_end < 0 else len(piece) - last_end - 1
    return not decoder.getstate()[0]


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(_DECODER.decode(text.decode()), dict)
    except (ValueError, RecursionError):
        return False


# A number of any length is one here.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


def _texts(batch: pa.BinaryArray, around: str) -> pa.StringArray:
    """The batch as text, without line ends, and without the characters ``around`` a record; blank ones are left out."""
    try:
        texts = batch.cast(pa.string())
    except pa.ArrowInvalid:  # only then is the batch looked at one by one
        texts = pa.array(map(_decoded, batch.to_pylist()), pa.string())
    texts = pc.utf8_trim(texts, around) if around else pc.utf8_rtrim(texts, "\r\n")
    if pc.any(pc.starts_with(texts, _BYTE_ORDER_MARK)).as_py():
        texts = pc.utf8_ltrim(texts, _BYTE_ORDER_MARK)
    return texts.filter(pc.match_substring_regex(texts, _NOT_BLANK))


def _decoded(record: bytes) -> str:
    try:
        return record.decode()
    except UnicodeDecodeError:
        return _NO_UTF_8 + record.decode(errors="replace")

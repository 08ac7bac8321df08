"""Is a landing file still being written? Then it waits for the next load (spec section 4)."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, cast

from ledger.bronze.landing_names import Kind

STILL_WRITTEN = "still being written"
SETTLE = timedelta(seconds=60)
"""A file that was written to more recently may still be growing."""
CLOCK_SKEW = timedelta(hours=1)
"""How far a file system's clock may be ahead of ours; a time that lies further ahead was set by hand and says nothing."""
_TAIL_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PARQUET_END = b"PAR1"


def is_young(modified_ns: int, now: datetime) -> bool:
    """Whether the file was written to in the last :data:`SETTLE`, as far as two clocks can tell."""
    age = timedelta(seconds=now.timestamp() - modified_ns / 1e9)
    return -CLOCK_SKEW < age < SETTLE


def is_cut_off(path: Path, kind: Kind, size: int) -> bool:
    """Whether the file ends in the middle of a record; what is broken in another way is not for here to say.

    Text ends whole with a line end, or with a last line that is a record; an array with its bracket; Parquet with its
    footer. Of a plain file only the two ends are read.
    """
    if kind.format == "parquet":
        with path.open("rb") as stream:
            stream.seek(max(0, size - len(_PARQUET_END)))
            return stream.read(len(_PARQUET_END)) != _PARQUET_END
    if size == 0:
        return False
    try:
        head, tail = _ends_of_gzip(path) if kind.compressed else _ends(path, size)
    except EOFError:
        return True
    except (OSError, zlib.error):
        return False  # no gzip at all: the reader names what is wrong
    return _is_text_cut_off(head.removeprefix(_BYTE_ORDER_MARK), tail, kind)


def _ends(path: Path, size: int) -> tuple[bytes, bytes]:
    with path.open("rb") as stream:
        head = stream.read(_TAIL_BYTES)
        stream.seek(max(0, size - _TAIL_BYTES))
        return head, stream.read()


def _ends_of_gzip(path: Path) -> tuple[bytes, bytes]:
    """Both ends of the text; raises ``EOFError`` when the stream stops before its end."""
    head = tail = b""
    with gzip.open(path) as stream:
        for block in _blocks(cast(IO[bytes], stream)):
            head = head or block
            tail = (tail + block)[-_TAIL_BYTES:]
    return head, tail


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    while block := stream.read(_TAIL_BYTES):
        yield block


def _is_text_cut_off(head: bytes, tail: bytes, kind: Kind) -> bool:
    is_array = kind.format == "json" and head.lstrip().startswith(b"[")
    if is_array:
        return not tail.rstrip().endswith(b"]")
    if not tail or tail.endswith((b"\n", b"\r")):
        return False
    lines = tail.replace(b"\r", b"\n").rsplit(b"\n", 1)
    last = lines[-1].removeprefix(_BYTE_ORDER_MARK)
    return not (_is_json(last) if kind.format == "json" else _is_whole_row(head, last))


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _is_whole_row(head: bytes, last: bytes) -> bool:
    """Whether the last line has as many cells as the header, and no quote left open."""
    lines = head.replace(b"\r", b"\n").split(b"\n")
    header = next((line for line in lines if line.strip()), b"")
    if header.strip() == last.strip():
        return False  # nothing but a header, or a part of one
    counts = [len(_cells(line)) for line in (header, last)]
    return counts[0] == counts[1] > 0


def _cells(line: bytes) -> list[str]:
    try:
        return next(csv.reader([line.decode("utf-8")], strict=True), [])
    except (csv.Error, UnicodeDecodeError):
        return []

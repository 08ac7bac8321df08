"""The bytes of a landing file: opened by name alone, decompressed, in pieces of bounded size."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from ledger.bronze.landing import LandingFile
from ledger.errors import IngestError, LedgerError

CHUNK = 8 << 20
MOST_UNPACKED_TIMES, MOST_UNPACKED_BYTES = 100, 64 << 20
"""A compressed file that unpacks to more than both is refused: records shrink to a tenth or a thirtieth."""
BLANKS = b" \t\r\n\f\v"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@contextmanager
def opened(file: LandingFile) -> Iterator[BinaryIO]:
    """The file's text as bytes, without its byte order mark.

    Raises :class:`IngestError` for what is not UTF-8 by its first bytes.
    """
    with open(file.path, "rb") as stored:
        text = cast(BinaryIO, _Unpacked(stored, file.size)) if file.compressed else stored
        start = text.read(3)
        if not file.compressed and start.startswith(_GZIP):
            raise IngestError("is compressed by gzip, and its name does not end in .gz")
        if start.startswith(_UTF_16):
            raise IngestError("is UTF-16 text: save it as UTF-8")
        if start != _BYTE_ORDER_MARK:
            text.seek(0)
        yield text


class _Unpacked(gzip.GzipFile):
    """A compressed file's text; raises :class:`IngestError` for one that is made to unpack without end."""

    def __init__(self, stored: BinaryIO, size: int) -> None:
        super().__init__(fileobj=stored)
        self._most = max(MOST_UNPACKED_BYTES, size * MOST_UNPACKED_TIMES)

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if self.tell() > self._most:
            raise IngestError(
                f"unpacks to more than {MOST_UNPACKED_TIMES} times its size (MOST_UNPACKED_TIMES), which no data does"
            )
        return data


def chunks(text: BinaryIO) -> Iterator[bytes]:
    """The rest of the text, piece by piece."""
    while piece := text.read(CHUNK):
        yield piece


def reason_of(error: Exception) -> str:
    """Why a file could not be read, in one line."""
    if isinstance(error, LedgerError):
        return error.what
    if isinstance(error, EOFError | gzip.BadGzipFile | zlib.error):
        return f"is no complete gzip file: {error}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

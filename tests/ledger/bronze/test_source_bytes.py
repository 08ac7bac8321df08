"""The bytes of a landing file, and why they could not be read (spec section 4). Pure."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest

from ledger.bronze.source_bytes import chunks, opened, reason_of
from ledger.errors import IngestError
from tests.ledger.bronze.reading import landed, zipped


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (IngestError("is too long", table="bronze.x", action="cut it"), "is too long"),
        (EOFError("ended early"), "is no complete gzip file: ended early"),
        (gzip.BadGzipFile("not gzipped"), "is no complete gzip file: not gzipped"),
        (zlib.error("invalid block"), "is no complete gzip file: invalid block"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (ValueError(" first\nsecond "), "first"),
        (ValueError(), "ValueError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_reason_of_an_error_is_one_line(error: Exception, expected: str) -> None:
    assert reason_of(error) == expected


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.jsonl", b"text", b"text"),
        ("a.jsonl", b"\xef\xbb\xbftext", b"text"),
        ("a.jsonl", b"", b""),
        ("a.jsonl.gz", zipped(b"\xef\xbb\xbftext"), b"text"),
    ],
)
def test_opened_text_has_no_byte_order_mark_and_comes_in_chunks(
    tmp_path: Path, name: str, content: bytes, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.bronze.source_bytes.CHUNK", 3)
    with opened(landed(tmp_path, name, content)) as text:
        pieces = list(chunks(text))
    assert b"".join(pieces) == expected
    assert all(0 < len(piece) <= 3 for piece in pieces)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (zipped(b"x"), "compressed by gzip, and its name does not end in .gz"),
        (b"\xff\xfex\x00", "is UTF-16 text"),
    ],
)
def test_opened_refuses_what_is_no_utf_8_by_its_first_bytes(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    with pytest.raises(IngestError, match=problem), opened(landed(tmp_path, "a.jsonl", content)):
        pass

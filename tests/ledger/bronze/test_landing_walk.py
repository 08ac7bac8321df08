"""Names and errors of a local landing, as text that does not change (spec section 4). Pure."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from ledger.bronze.landing_walk import identity_of, text_of, why


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (errno.EACCES, "no permission to read it"),
        (errno.EPERM, "no permission to read it"),
        (errno.ELOOP, "a link that leads to itself"),
        (errno.ENOENT, "a link that leads nowhere"),
        (errno.ENAMETOOLONG, "its path is too long"),
        (errno.EISDIR, "from the system"),
    ],
)
def test_why_is_in_words_of_ours_else_of_the_system(code: int, expected: str) -> None:
    assert why(OSError(code, "from the system")) == expected


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT])
def test_why_raises_when_the_storage_is_away(code: int) -> None:
    """No file is to blame then, and none is noted as failed."""
    with pytest.raises(OSError, match="away"):
        why(OSError(code, "away"))


def test_text_of_spells_bytes_that_are_no_utf_8() -> None:
    assert text_of("지갑.jsonl") == "지갑.jsonl"
    assert text_of(b"a\xff.jsonl".decode("utf-8", "surrogateescape")) == r"a\xff.jsonl"


def test_identity_of_a_file_changes_with_its_content_and_its_replacement(tmp_path: Path) -> None:
    file, other = tmp_path / "a", tmp_path / "b"
    file.write_text("1")
    other.write_text("1")
    before = identity_of(file.stat())
    assert identity_of(file.stat()) == before
    file.write_text("22")
    assert identity_of(file.stat()) != before
    assert identity_of(other.stat()) != before

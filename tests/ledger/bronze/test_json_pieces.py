"""Bounds of the records of a JSON text: its lines, or the elements of one array (spec section 4). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pytest

from ledger.bronze import json_pieces
from ledger.bronze.json_pieces import array_elements, closes_array, lines
from ledger.errors import IngestError


def texts(arrays: Iterable[pa.BinaryArray]) -> list[bytes]:
    return [text for array in arrays for text in array.to_pylist()]


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        (b"[]", [b""]),
        (b" [1] \n", [b"1"]),
        (b"[1, [2,3],\n{}]", [b"1", b" [2,3]", b"\n{}"]),
        (b'["]",",","\\"]"]', [b'"]"', b'","', b'"\\"]"']),
    ],
)
def test_array_elements_are_as_they_were_written(text: bytes, elements: list[bytes]) -> None:
    assert texts(array_elements(iter([text]))) == elements


@pytest.mark.parametrize(
    ("pieces", "problem"),
    [
        ([b"[1,2"], r"does not end \(after 1 elements\)"),
        ([b"[1]", b" x"], r"text follows the end of the JSON array \(after 1 elements\)"),
        ([b"[1] 2"], "text follows the end"),
        ([b"[1}"], "closed by another bracket"),
    ],
)
def test_array_elements_of_no_whole_array_are_refused(pieces: list[bytes], problem: str) -> None:
    with pytest.raises(IngestError, match=problem):
        texts(array_elements(iter(pieces)))


@pytest.mark.parametrize(
    ("text", "closes"),
    [
        (b"[]", True),
        (b'[1,[2],"]"] \n', True),
        (b"[1", False),
        (b"[1] 2", False),
        (b'["]', False),
    ],
)
def test_closes_array_from_its_first_bracket_to_its_last(text: bytes, closes: bool) -> None:
    assert closes_array(text) is closes


def test_lines_keep_their_ends_and_the_last_one_may_have_none() -> None:
    assert texts(lines(iter([b"a\n\nb", b"c\r\n", b"d"]), b"\n")) == [b"a\n", b"\n", b"bc\r\n", b"d"]
    assert texts(lines(iter([b"a\rb\r"]), b"\r")) == [b"a\r", b"b\r"]
    assert texts(lines(iter([]), b"\n")) == []


def test_a_line_without_an_end_is_refused_by_the_limit_without_being_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One line of gigabytes must not take the process with it: no more than the limit is read."""
    monkeypatch.setattr(json_pieces, "MAX_RECORD_BYTES", 1 << 20)
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        while True:
            given += 1
            yield b"x" * 100_000

    with pytest.raises(IngestError, match=r"line 1 is longer than 1 MiB \(MAX_RECORD_BYTES\)"):
        list(lines(endless(), b"\n"))
    assert given == 11
    with pytest.raises(IngestError, match="element 2 is longer than 1 MiB"):
        list(array_elements(iter([b"[1,", b"2" * (2 << 20), b"]"])))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_pieces_of_any_size_give_the_same_elements_and_lines(
    size: int,
) -> None:
    """The end of a piece must not matter: not within a string, an escape, or a character."""
    elements = [r'{"a":"\\\\\"],[","b":[1,{"c":"지갑"}]}', r'"\\"', "1e3", '{"é":"\\u00e9,"}', "{}"]

    def pieces(text: str) -> list[bytes]:
        data = text.encode()
        return [data[i : i + size] for i in range(0, len(data), size)]

    found = [
        e.decode()
        for b in array_elements(iter(pieces(f"{' ' * 9}[{','.join(elements)}]")))
        for e in b.to_pylist()
    ]
    assert found == elements
    found = [e.decode() for b in lines(iter(pieces("\n".join(elements))), b"\n") for e in b.to_pylist()]
    assert "".join(found) == "\n".join(elements)

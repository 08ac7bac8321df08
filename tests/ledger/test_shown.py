"""Values are data: whatever they are made of, a shown value is one printable line. Pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.shown import shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("user-1", "user-1"),
        ("카페 ☕ | <b>", "카페 ☕ | <b>"),
        (r"C:\new", r"C:\new"),
        ("u1\n2026-02-03 (KST): the money adds up", r"u1\n2026-02-03 (KST): the money adds up"),
        ("\x1b[2J\x1b[31mred\a\r", r"\x1b[2J\x1b[31mred\x07\r"),
        ("\u202e00.001\u2066", r"\u202e00.001\u2066"),
        ("line\u2028par\u2029nbsp\u00a0", r"line\u2028par\u2029nbsp\xa0"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("\udcff.jsonl", r"\udcff.jsonl"),
        (None, ""),
        (12, "12"),
    ],
)
def test_unprintable_character_is_escaped(value: object, text: str) -> None:
    assert shown(value) == text


@given(st.text())
def test_any_text_is_one_printable_line_and_showing_it_twice_changes_nothing(text: str) -> None:
    once = shown(text)
    assert once.isprintable()
    assert shown(once) == once

"""Text for a reader that takes markdown, HTML or addresses for more than text: it stays text, whole. Pure."""

from __future__ import annotations

import logging
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ledger.shown import escape_log_records, plain, shown

# Another reader of markdown than the UI's, with all that it can do.
READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
# Texts of which the UI, and GitHub's markdown, make a link anywhere.
ADDRESS = re.compile(r"https?://|www\.|[-.\w+]@[-\w]", re.IGNORECASE)
TEXTS = st.text(alphabet="ab1 _*`~[](){}<>!#&;:/\\|-+=@.\"'\n\t\u202e", max_size=24) | st.text(max_size=24)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("required: pipeline_silver.last_processed_end >= 2026-02-10T15:00Z; found: none",) * 2,
        ("_source_file of silver.probe [table=silver.probe, key=(id, day)] -> run it again",) * 2,
        ("-5.00 < 3 & 4 > s3://bucket/a_b/*.json".replace("*", "x"),) * 2,
        ("> 0.01 stops the run",) * 2,
        (">= 3, crit >= 5",) * 2,
        (r"C:\new 카페 ☕ | 10%",) * 2,
        ("![x](http://evil.example/a)", r"![x\x5d(http\x3a//evil.example/a)"),
        ("[x](javascript:alert(1))", r"[x\x5d(javascript:alert(1))"),
        ("<img src=x onerror=alert(1)>", r"\x3cimg src=x onerror=alert(1)>"),
        ("HTTPS://evil www.evil.example a@evil", r"HTTPS\x3a//evil www\x2eevil.example a\x40evil"),
        ("&#104;ttp://x &colon;", r"\x26#104;ttp://x \x26colon;"),
        ("a\n| b |\n\u202e", r"a\n| b |\n\u202e"),
        ("# [ ] `x` *y* ~z~ __q__", r"\x23 [ ] \x60x\x60 \x2ay\x2a \x7ez\x7e __q\x5f\x5f"),
        (None, ""),
    ],
)
def test_acting_character_is_spelled_out_and_ordinary_text_stays(value: object, text: str) -> None:
    assert plain(value) == text


@given(TEXTS)
@example("[a]: b")
@example("- _ _")
@example("\\\\[x](y)")
def test_any_text_reads_as_itself_in_markdown_and_saying_it_twice_changes_nothing(text: str) -> None:
    told = plain(text)
    assert plain(told) == told
    assert shown(told) == told
    assert not ADDRESS.search(told)
    blocks = READER.parse(told)
    if not told.startswith(">"):  # a threshold, which the UI shows as text and elsewhere is only set apart
        assert {block.type for block in blocks} <= {"paragraph_open", "inline", "paragraph_close"}
    parts = [part for block in blocks for part in block.children or []]
    assert {part.type for part in parts} <= {"text"}
    assert "".join(part.content for part in parts).rstrip() == re.sub(r"^> ?", "", told).rstrip(" ")


def test_our_own_log_records_are_one_printable_line_whoever_handles_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = logging.getLogRecordFactory()
    try:
        escape_log_records()
        escape_log_records()
        for name in ("ledger.state", "assets.silver", "strange"):
            logging.getLogger(name).warning("%s of %d", "u\n\x1b[2Jthe money adds up", 3)
        assert logging.makeLogRecord({"name": "ledger.run", "msg": "x"}).getMessage() == "x"
    finally:
        logging.setLogRecordFactory(before)
    ours = r"u\n\x1b[2Jthe money adds up of 3"
    assert caplog.messages == [ours, ours, "u\n\x1b[2Jthe money adds up of 3"]

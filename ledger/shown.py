"""Values are data: what came from a table, a file name or an error never speaks for us (spec section 10).

:func:`shown` is for a terminal and a log line, :func:`plain` for whatever may be read as markdown or HTML. Both spell a
character that could act as ``\\x3c``, which means the same to every reader; both leave their own result as it is.
"""

from __future__ import annotations

import logging
import re
from typing import Any

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Characters on which markdown (GitHub's, as the Dagster UI renders descriptions) or the UI's own search for addresses acts.
# Each alternative is one character in the place where it acts; elsewhere it stays, so that ordinary text reads as it is.
_ACTS = re.compile(
    r"""
      \\(?=[!-/:-@\[-`{-~])                # hides itself, and frees the next character
    | <(?=[A-Za-z/!?])                     # a tag, a comment, an address in brackets
    | &(?=\#?\w+;)                         # a character by its number or name
    | \](?=[(\[:])                         # the end of a link's text, or of an image's
    | [`*~@]                               # code, emphasis, strike, an e-mail address
    | (?<=\S)_(?=_*(?:[^\w]|$))            # the end of an emphasis
    | (?<=http):(?=//) | (?<=https):(?=//) # an address
    | (?<=www)\.
    | \A(?:[ ]|>(?!=?[ ]?\d)|\#(?=\#{0,5}(?:\s|$))|[-+](?=[-\s]|$)|_(?=[_\s]*$)|\d(?=\d{0,8}[.)](?:\s|$)))
                                           # a block of code, a quotation, a heading, a list, a rule;
                                           # a threshold ("> 0.01") is none
    """,
    re.VERBOSE | re.IGNORECASE,
)
_OURS = frozenset({"assets", "configs", "ledger", "operations", "orchestration", "resources"})


def shown(value: object) -> str:
    """A value for a terminal or a message: whatever is not printable is escaped, None is empty.

    Control characters, line breaks, terminal escapes, bidi overrides and invisible characters lose their effect; a
    backslash stays one, so that ordinary text reads as it is.
    """
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def plain(value: object) -> str:
    """As :func:`shown`, and neither markdown, HTML nor an address: no link, no image, no format comes of it.

    An escape of markdown's own would not do: it turns addresses into links after it has resolved its escapes.
    """
    return _ACTS.sub(lambda found: _escaped(found[0]), shown(value))


def escape_log_records() -> None:
    """From now on every record of our own loggers is one printable line, whichever handler writes it."""
    before = logging.getLogRecordFactory()
    if getattr(before, "escapes", False):
        return

    def made(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = before(*arguments, **named)
        if str(record.name).partition(".")[0] in _OURS:  # a made-up record has no name
            record.msg, record.args = shown(record.getMessage()), None
        return record

    made.escapes = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(made)


def _escaped(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return _NAMED.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"

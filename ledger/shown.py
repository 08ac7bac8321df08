"""Values are data: what came from a table, a file name or an error never speaks for us (spec section 10)."""

from __future__ import annotations

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def shown(value: object) -> str:
    """A value for a terminal or a message: whatever is not printable is escaped, None is empty.

    Control characters, line breaks, terminal escapes, bidi overrides and invisible characters lose their effect; a
    backslash stays one, so that ordinary text reads as it is.
    """
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return _NAMED.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"

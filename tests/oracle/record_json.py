"""`bad_records.record_json` against the Bronze row that it must hold whole (section 5), leniently.

Lenient, because the specification says what must be in it (the whole row, with the text as it came where it
did not parse) but not how a value that did parse is spelled.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from tests.oracle.contract import BRONZE, METADATA, Row
from tests.oracle.values import Cell, Unparsable, parse, trim


def holds_record(row: Row, record_json: Any) -> bool:
    """Whether the JSON text holds every non-null source field of the Bronze row."""
    actual = _parsed(record_json)
    if actual is None:
        return False
    raw = str(actual.get("_raw") or "")
    if row["~unparsable"]:
        return _squeeze(row["_raw"]) == _squeeze(raw)
    return all(
        trim(cell.text) is None or _holds(row, name, cell, actual.get(name), raw)
        for name, cell in row["~cells"].items()
    )


@lru_cache(maxsize=100_000)
def _parsed(text: str | None) -> Row | None:
    try:
        value = json.loads(text or "")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _squeeze(text: str) -> str:
    return "".join(text.split())


def _holds(row: Row, name: str, cell: Cell, actual: Any, raw: str) -> bool:
    """The field says the same text, or the same value once parsed, or `_raw` still has its text."""
    spelled = "" if actual is None else actual if isinstance(actual, str) else json.dumps(actual)
    if trim(spelled) == cell.trimmed or _same_json(spelled, cell.text):
        return True
    own = next((c for c in BRONZE.values() if set(c) <= set(row) and name in c), METADATA)
    kind = own.get(name, "string")
    if kind.startswith("string"):
        return False
    try:
        return bool(parse(kind, Cell(spelled)) == parse(kind, cell))
    except Unparsable:
        text = str(cell.text)
        return text in raw or json.dumps(text)[1:-1] in raw


def _same_json(left: str, right: str | None) -> bool:
    """Nested values may be re-spelled."""
    try:
        return bool(json.loads(left) == json.loads(right or ""))
    except ValueError:
        return False

"""Values as text for people and as JSON for machines, one way for every command (spec section 10). Needs no Spark."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any


def as_text(value: object) -> str:
    """A value as people read it; empty for none."""
    if value is None:
        return ""
    if isinstance(value, (Mapping, list, tuple)):
        return json.dumps(as_json(value), ensure_ascii=False)
    plain = as_json(value)
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def as_json(value: object) -> Any:
    """A value for JSON: decimals as their text, UTC instants ending in Z, days as text; numbers, booleans, null as such."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [as_json(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)

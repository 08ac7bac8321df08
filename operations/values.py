"""Rows with Python's types, and each type as text for people and as JSON for machines (spec section 10)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.instants import from_micros

Values = dict[str, Any]


def named(name: str) -> Column:
    """A column by its exact name, whatever characters it has: a name is never an expression."""
    return F.col("`" + name.replace("`", "``") + "`")


def typed(df: DataFrame, *, stream: bool = False) -> Iterator[Values]:
    """The frame's rows as name to value: money Decimal, instants UTC, days dates. One query.

    Instants travel as microseconds, out of reach of any client time zone. ``stream``: without holding all of them.
    """
    instants = {field.name for field in df.schema.fields if field.dataType.typeName() == "timestamp"}
    sent = df.select(*[F.unix_micros(named(n)).alias(n) if n in instants else named(n) for n in df.columns])
    for row in sent.toLocalIterator() if stream else sent.collect():
        values = dict(zip(sent.columns, row, strict=True))
        yield {n: _instant(v) if n in instants else v for n, v in values.items()}


def _instant(micros: int | None) -> datetime | str | None:
    try:
        return from_micros(micros)
    except (OverflowError, ValueError):  # a foreign writer's year 10000
        return f"{micros} us since 1970"


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

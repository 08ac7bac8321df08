"""Rows of a frame with Python's types, exactly as they are stored (spec section 10)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
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

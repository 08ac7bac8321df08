"""Literal rows as frames, and frames as plain rows: how a unit test of a transform is written and read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ledger.contract import Table

Values = Mapping[str, object]
"""One row, or what all rows of a frame share: a column that is not named is null."""
_ISO_MICROS = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"
_LENGTH = len("2026-02-01T00:00:00.000000Z")


def frame(spark: SparkSession, columns: Table | str, rows: Iterable[Values], **shared: object) -> DataFrame:
    """Rows of a table's contract, or of ``"name type, ..."``.

    A value travels as text and the engine casts it, as no client's time zone or decimals may touch it. A name that the
    contract does not know becomes a string column behind it.
    """
    rows = [{**shared, **row} for row in rows]
    if isinstance(columns, Table):
        types = {column.name: column.type for column in columns.columns}
        types |= {name: "string" for row in rows for name in row if name not in types}
    else:
        types = {part.split()[0]: part.split()[1] for part in columns.split(", ")}
    assert not {name for row in rows for name in row} - {*types}
    texts = [tuple(None if row.get(n) is None else str(row[n]) for n in types) for row in rows]
    read = spark.createDataFrame(texts, ", ".join(f"`{name}` string" for name in types))
    return read.select(*[F.col(name).cast(kind).alias(name) for name, kind in types.items()])


def plain(df: DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """The rows as tuples of plain values, ordered, null last; money, dates and times as text in their full scale."""
    kinds = dict(df.dtypes)
    found = df.select(*[_shown(name, kinds[name]) for name in columns or df.columns]).collect()
    rows = [tuple(map(_shorter, row)) for row in found]
    return sorted(rows, key=lambda row: [(value is None, value) for value in row])


def by_first(df: DataFrame, *columns: str) -> dict[Any, Any]:
    """The rows by their first column, which is unique; the rest as one value, or as a tuple of several."""
    rows = plain(df, *columns)
    found = {row[0]: row[1] if len(row) == 2 else row[1:] for row in rows}
    assert len(found) == len(rows), f"{len(rows)} rows for {len(found)} keys: {rows}"
    return found


def _shown(name: str, kind: str) -> Column:
    column = F.col(f"`{name}`")
    if kind == "timestamp":
        return F.date_format(column, _ISO_MICROS).alias(name)
    return column.cast("string").alias(name) if kind.startswith(("decimal", "date")) else column


def _shorter(value: object) -> object:
    """An instant without a fraction of zeros."""
    is_whole = isinstance(value, str) and len(value) == _LENGTH and value.endswith(".000000Z")
    return value[:-8] + "Z" if isinstance(value, str) and is_whole else value

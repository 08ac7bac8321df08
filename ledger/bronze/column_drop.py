"""Taking back columns that a flood of unknown fields made; what they held goes to ``_raw`` (spec section 4)."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze.metadata import RAW, STAMPED, source_columns
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.rewrite import drop_columns, fills_any
from ledger.errors import ParameterError, refuse_blank

logger = logging.getLogger(__name__)
_AT_ONCE = 500
_ISO_MICROS = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"


@dataclass(frozen=True)
class ColumnDrop:
    """Columns beyond the contract that go and that stay, each with the number of rows that fill it."""

    table: str
    kept: dict[str, int]
    dropped: dict[str, int]


def plan_drop(lakehouse: Lakehouse, table: Table, *, most: int, keep: Collection[str] = ()) -> ColumnDrop:
    """Keep the columns named and, up to ``most``, those that most rows fill (the older one of equals). Writes nothing.

    Raises :class:`ParameterError` for a column to keep that is none.
    """
    stored = lakehouse.read(table)
    unknown = [name for name in stored.columns if name not in table.column_names]
    if strangers := sorted(set(keep) - set(unknown)):
        raise ParameterError(
            f"--keep: {table.full_name} has no column {', '.join(strangers)} beyond its contract"
        )
    filled: dict[str, int] = {}
    for start in range(0, len(unknown), _AT_ONCE):
        names = unknown[start : start + _AT_ONCE]
        row = stored.agg(*[F.count(F.col(f"`{name}`")).alias(f"n{i}") for i, name in enumerate(names)])
        filled |= dict(zip(names, row.collect()[0], strict=True))
    ranked = sorted(unknown, key=lambda name: (name not in keep, -filled[name]))
    stays = {*ranked[: max(most, len({*keep}))]}
    return ColumnDrop(
        table.full_name,
        {name: filled[name] for name in unknown if name in stays},
        {name: filled[name] for name in unknown if name not in stays},
    )


def drop(lakehouse: Lakehouse, table: Table, planned: ColumnDrop, *, by: str, reason: str) -> None:
    """Drop the planned columns in one commit. A row that fills one of them keeps its record's text in ``_raw``.

    Raises :class:`ParameterError` for a blank ``by`` or ``reason``, and what :func:`ledger.delta.rewrite.drop_columns` does.
    """
    refuse_blank({"--by": by, "--reason": reason})
    names = list(planned.dropped)
    if names:
        why = {"by": by, "reason": reason, "columns": str(len(names))}
        drop_columns(lakehouse, table, names, partial(_moved, table, names), why=why)
        logger.info(
            "%s: %s columns dropped, what they held is in %s", table.full_name, f"{len(names):,}", RAW
        )


def _moved(table: Table, names: Sequence[str], rows: DataFrame) -> DataFrame:
    """The rows without the columns; the text of a record that has none yet is made of its fields, as text."""
    stamped = {column.name for column in STAMPED}
    known = [c.name for c in source_columns(table) if c.name not in stamped]
    unknown = [name for name in rows.columns if name not in table.column_names]
    record = F.to_json(F.struct(*[_text(rows, name).alias(name) for name in (*known, *unknown)]))
    text = F.when(F.col(RAW).isNull() & fills_any(names), record).otherwise(F.col(RAW))
    return rows.withColumn(RAW, text).drop(*names)


def _text(rows: DataFrame, name: str) -> Column:
    value = F.col(f"`{name}`")
    if dict(rows.dtypes)[name] == "timestamp":
        return F.date_format(value, _ISO_MICROS)
    return value.cast("string")

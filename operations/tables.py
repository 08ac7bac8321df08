"""Looking at a table: rows of a day or with a value, in a stable order (spec section 10)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal, TypeVar

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField

from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.errors import ParameterError
from ledger.shown import shown
from ledger.silver import bad_records
from ledger.window import Window, lit_date, lit_ts
from operations.rows import named

DayOf = Literal["business", "partition"]
_T = TypeVar("_T")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_WHOLE = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}


@dataclass(frozen=True)
class Question:
    """Which rows of a table, which columns, in which order; empty: all, and sorted by key.

    ``where``: pairs of column and text, all of which have to hold; ``order``: columns, ``-column`` for descending.
    """

    table: Table
    day: date | None = None
    day_of: DayOf = "business"
    where: Sequence[tuple[str, str]] = ()
    columns: Sequence[str] = ()
    order: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.day and not self.table.partition_by:
            raise ParameterError(
                f"--date: {self.table.full_name} has no date partition", action="leave --date out"
            )


def select(lakehouse: Lakehouse, question: Question) -> DataFrame:
    """The rows asked for, lazily. Raises :class:`ParameterError` naming an unknown column or a value of no such type.

    Values are compared as values of the column's type, never as SQL; Bronze's unknown columns count as well.
    """
    rows = on_day(lakehouse, question.table, question.day, question.day_of)
    fields = {field.name: field for field in rows.schema.fields}
    for name, text in question.where:
        rows = rows.where(equals(_field(question.table, fields, name), text))
    order = [_ordering(question.table, fields, text) for text in question.order]
    order += [named(name).asc_nulls_last() for name in _natural_order(question.table, fields)]
    columns = [_field(question.table, fields, name).name for name in question.columns]
    return rows.orderBy(*order).select(*[named(name) for name in dict.fromkeys(columns) or fields])


def on_day(lakehouse: Lakehouse, table: Table, day: date | None, day_of: DayOf = "business") -> DataFrame:
    """The rows of a KST day: by the table's date column; a quarantined row's business day is that of its window."""
    if day is None:
        return lakehouse.read(table)
    if table.partition_by != bad_records.DETECTED or day_of == "partition":
        return lakehouse.read(table, Scope.of([day]))
    # Evaluated on its window's day or later, so earlier partitions are not read.
    return lakehouse.read(table, Scope(start=day)).where(ends_on(day))


def ends_on(day: date) -> Column:
    """True for a window that belongs to the KST day: its last instant does."""
    whole = Window.of_day(day)
    return (F.col("window_end_ts") > lit_ts(whole.start)) & (F.col("window_end_ts") <= lit_ts(whole.end))


def equals(field: StructField, text: str) -> Column:
    """True where the column has the value that ``text`` means in its type; no text: null or empty."""
    column, kind = named(field.name), field.dataType.simpleString()
    if text == "":
        return column.isNull() | (column.cast("string") == "")
    if kind == "string":
        return column == F.lit(text)
    if kind == "boolean" and text.lower() in ("true", "false"):
        return column == F.lit(text.lower() == "true")
    if kind == "date" and _DAY.fullmatch(text):
        return column == lit_date(_parsed(field, text, date.fromisoformat))
    if kind == "timestamp":
        return column == lit_ts(_parsed(field, text, _utc))
    if kind == "double" and _NUMBER.fullmatch(text):
        return column == F.lit(float(text))
    if _fits(kind, text):
        return column == F.lit(text).cast(kind)
    raise _refused(field, text)


def _utc(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _parsed(field: StructField, text: str, parse: Callable[[str], _T]) -> _T:
    try:
        return parse(text)
    except (ValueError, OverflowError):
        raise _refused(field, text) from None


def _fits(kind: str, text: str) -> bool:
    """Whether the text is a number that the type holds exactly: one that it does not could match by being rounded."""
    if not _NUMBER.fullmatch(text):
        return False
    number = Decimal(text)
    if kind in _WHOLE:
        limit = 1 << (_WHOLE[kind] - 1)
        return number == int(number) and -limit <= int(number) < limit
    found = _DECIMAL.fullmatch(kind)
    if found is None:
        return False
    precision, scale = map(int, found.groups())
    whole, _, fraction = text.lstrip("+-").partition(".")
    return len(fraction.rstrip("0")) <= scale and len(whole.lstrip("0")) <= precision - scale


def _refused(field: StructField, text: str) -> ParameterError:
    return ParameterError(
        f"--where: {text!r} is no value of {field.name}, which is {field.dataType.simpleString()}"
    )


def _field(table: Table, fields: Mapping[str, StructField], name: str) -> StructField:
    if name in fields:
        return fields[name]
    raise ParameterError(
        f"{table.full_name} has no column {shown(name)!r}", action=f"one of {shown(', '.join(fields))}"
    )


def _ordering(table: Table, fields: Mapping[str, StructField], text: str) -> Column:
    if text.startswith("-"):
        return named(_field(table, fields, text[1:]).name).desc_nulls_last()
    return named(_field(table, fields, text).name).asc_nulls_last()


def _natural_order(table: Table, fields: Mapping[str, StructField]) -> list[str]:
    """The key; where there is none the day, what is required, the file, and then the rest that can be sorted."""
    if table.key:
        return list(table.key)
    first = [table.partition_by, *[c.name for c in table.columns if c.required], "_source_file"]
    rest = [c.name for c in table.columns if not c.type.startswith("map")]
    return [name for name in dict.fromkeys([*first, *rest]) if name is not None and name in fields]

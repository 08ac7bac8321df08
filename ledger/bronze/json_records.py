"""Texts of JSON records as columns of text, by the engine (spec section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze.records import COLUMN_NAME, MAX_UNKNOWN, SourceText, known_columns
from ledger.contract import Table
from ledger.json_text import is_json_record, is_shallow, json_field, json_names

RECORD = "value"
# No column has these names. They say: a record names a field twice; a record has a field that gets no column.
_REPEATED, _OTHER = "", " "


@dataclass(frozen=True)
class FieldNames:
    """Names of the records' unknown fields.

    ``candidates`` may get a column, ``repeated``: a record names a field twice, ``others``: there are more fields.
    """

    candidates: frozenset[str] = frozenset()
    repeated: bool = False
    others: bool = False


def field_names(
    table: Table, texts: DataFrame, stored: Sequence[str], *, engine_keeps_text: bool
) -> FieldNames:
    """The unknown fields, stored ones first. One query with a bounded answer, whatever the records are.

    A record with more than MAX_UNKNOWN unknown fields keeps its text and asks for no column.
    """
    names = json_names(F.col(RECORD), engine_keeps_text=engine_keeps_text)
    shapes = texts.select(names.alias("names")).distinct()
    unknown = F.array_except("names", _texts(known_columns(table)))
    repeats = F.size("names") != F.size(F.array_distinct("names"))
    shapes = shapes.withColumns({"unknown": unknown, "repeats": repeats})
    # What is no record has no names, and asks for nothing.
    asked = F.when(F.size("unknown") > MAX_UNKNOWN, _texts((_OTHER,))).otherwise(F.col("unknown"))
    flagged = F.when(F.col("repeats"), F.concat(_texts((_REPEATED,)), asked)).otherwise(asked)
    found = shapes.select(F.explode(flagged).alias("name"))
    comes_first = F.col("name").isin([_REPEATED, _OTHER, *stored])
    can_be_column = comes_first | F.col("name").rlike(rf"^{COLUMN_NAME}\z")
    bounded = found.select(F.when(can_be_column, F.col("name")).otherwise(_OTHER).alias("name")).distinct()
    limit = 2 * MAX_UNKNOWN
    rows = bounded.orderBy(~comes_first, "name").limit(limit).collect()
    seen = frozenset(row["name"] for row in rows)
    return FieldNames(seen - {_REPEATED, _OTHER}, _REPEATED in seen, _OTHER in seen or len(rows) == limit)


def json_records(
    table: Table,
    texts: DataFrame,
    found: FieldNames,
    extra: tuple[str, ...],
    *,
    engine_keeps_text: bool,
) -> SourceText:
    """The records of ``texts`` with the unknown fields ``extra``; a record with others keeps its text."""
    record = F.col(RECORD)
    columns = (*known_columns(table), *extra)
    is_record = is_json_record(record, may_repeat_names=found.repeated, engine_keeps_text=engine_keeps_text)
    if not engine_keeps_text:
        is_record = is_record & is_shallow(record)
    leftover = F.lit(False)
    if found.others or found.candidates - {*extra}:
        names = json_names(record, engine_keeps_text=engine_keeps_text)
        leftover = F.size(F.array_except(names, _texts(columns))) > 0
    return SourceText(
        texts,
        {name: json_field(record, name, engine_keeps_text=engine_keeps_text) for name in columns},
        record,
        is_record,
        leftover,
        extra=extra,
    )


def _texts(values: Sequence[str]) -> Column:
    return F.array(*[F.lit(value) for value in values]).cast("array<string>")

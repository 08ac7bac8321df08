"""CSV and Parquet landing files at a URI, through the engine's own readers (spec section 4, see ``engine_files``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ledger.bronze.csv_files import header_names
from ledger.bronze.engine_files import check_compression, engine_name, with_file
from ledger.bronze.landing import LandingFile
from ledger.bronze.records import SourceText, known_columns, understood
from ledger.contract import Table
from ledger.errors import IngestError

_FLOATS = ("float", "double")
_NESTED = ("array", "struct", "map")


@dataclass(frozen=True)
class EngineTable:
    """A file as a frame whose columns are called by their places, and their ``names``."""

    file: LandingFile
    df: DataFrame
    names: tuple[str, ...]


def engine_table(spark: SparkSession, table: Table, file: LandingFile) -> EngineTable | None:
    """The file's columns; None for a CSV file without any text.

    Raises :class:`IngestError` for a header that cannot be the table's, or a column whose type cannot be the contract's.
    """
    if file.format == "csv":
        return _csv(spark, table, file)
    df = spark.read.parquet(engine_name(file))
    names = understood(table, df.columns)
    for name, field in zip(names, df.schema.fields, strict=True):
        kind = field.dataType.simpleString()
        if name in known_columns(table) and kind.startswith(_NESTED):
            raise IngestError(f"column {name} is {kind}, which can be no {table.column(name).type}")
    return EngineTable(file, df.toDF(*map(_place, range(len(names)))), tuple(names))


def engine_records(table: Table, source: EngineTable, extra: tuple[str, ...]) -> SourceText:
    """The file's rows as texts, with those of the unknown columns ``extra`` that it has."""
    known = known_columns(table)
    own = tuple(name for name in extra if name in source.names)
    texts, left = {}, F.lit(False)
    columns: dict[str, Column] = {}
    for name, field in zip(source.names, source.df.schema.fields, strict=True):
        kind, values = field.dataType.simpleString(), F.col(field.name)
        texts[name] = _text(values, kind, is_known=name in known)
        if name in own or (name in known and kind not in _FLOATS):
            columns[name] = texts[name]
        else:
            left = left | values.isNotNull()
    raw = F.to_json(F.struct(*[text.alias(name) for name, text in texts.items()]))
    return SourceText(with_file(source.df, source.file), columns, raw, F.lit(True), left, own)


def check_readable(source: EngineTable) -> None:
    """Read the file once; raises what the engine raises for a file that it cannot read."""
    cells = F.struct(*map(F.col, source.df.columns))
    source.df.agg(F.max(F.length(F.to_json(cells)))).collect()


def _csv(spark: SparkSession, table: Table, file: LandingFile) -> EngineTable | None:
    check_compression(file)
    options = {"mode": "FAILFAST", "multiLine": "true", "quote": '"', "escape": '"'}
    header = spark.read.options(**options).csv(engine_name(file), header=False, inferSchema=False).head()
    if header is None:
        return None
    names: Sequence[str] = header_names(table, [cell or "" for cell in header])
    schema = ", ".join(f"{_place(i)} string" for i in range(len(names)))
    df = spark.read.options(**options).schema(schema).csv(engine_name(file), header=True)
    return EngineTable(file, df, tuple(names))


def _text(values: Column, kind: str, *, is_known: bool) -> Column:
    """A value as text: nested ones as JSON, bytes as base64, and no zero with an exponent."""
    if kind.startswith(_NESTED):
        return F.to_json(values)
    if kind == "binary" and not is_known:
        return F.base64(values)
    if kind.startswith("decimal"):
        return F.when(values == 0, F.lit("0")).otherwise(values.cast("string"))
    return values.cast("string")


def _place(number: int) -> str:
    return f"c{number}"

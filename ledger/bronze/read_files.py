"""Landing files as Bronze rows: typed from source text, nothing lost (spec section 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ledger.bronze.landing import LandingFile
from ledger.bronze.metadata import FILE_HASH, INGEST_DATE, RAW, SOURCE_FILE, source_columns
from ledger.bronze.tabular import BROKEN_ROW, read_as_text
from ledger.contract import Table
from ledger.errors import LedgerError
from ledger.json_text import is_json_record, is_shallow, json_field, json_names
from ledger.lakehouse import Lakehouse
from ledger.money import SOURCE_MONEY, parse_money
from ledger.text import clean, parse_boolean, parse_integer, parse_timestamp
from ledger.window import lit_date, lit_ts

READ_LATE_BYTES = 8 << 20
_FLOATS = ("float", "double")
_COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
_BYTE_ORDER_MARK = "\ufeff"
_DEFAULT_SOURCE_SYSTEM = "landing"


@dataclass(frozen=True)
class FilesRead:
    rows: DataFrame | None
    failed: Mapping[str, str]


def read_files(
    lakehouse: Lakehouse, table: Table, files: Sequence[LandingFile], stamp: datetime
) -> FilesRead:
    try:
        return FilesRead(lakehouse.stage(bronze_rows(lakehouse, table, files, stamp)), {})
    except LedgerError:
        raise
    except Exception:
        broken = _unreadable(lakehouse, table, files, stamp)
        if not broken:
            raise
        readable = [f for f in files if f.name not in broken]
        rows = lakehouse.stage(bronze_rows(lakehouse, table, readable, stamp)) if readable else None
        return FilesRead(rows, broken)


def _unreadable(
    lakehouse: Lakehouse, table: Table, files: Iterable[LandingFile], stamp: datetime
) -> dict[str, str]:
    """The files that fail when read alone, each with the first line of its error."""
    broken = {}
    for file in files:
        try:
            bronze_rows(lakehouse, table, [file], stamp).agg(F.count(RAW)).collect()
        except Exception as error:
            broken[file.name] = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return broken


def bronze_rows(
    lakehouse: Lakehouse, table: Table, files: Sequence[LandingFile], stamp: datetime
) -> DataFrame:
    """The files as Bronze rows: the contract's columns in their types, then the unknown fields as strings."""
    frames = [_typed(table, source, stamp, files[0].day) for source in read_text(lakehouse, table, files)]
    return reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), frames)


def _typed(table: Table, source: SourceText, stamp: datetime, day: date) -> DataFrame:
    """Texts, then values, then what did not parse: one projection each, so that no expression is written twice."""
    known = source_columns(table)
    absent = F.lit(None).cast("string")
    texts = {f"_t_{c.name}": F.when(F.col("_ok"), source.columns.get(c.name, absent)) for c in known}
    extra = {name: F.when(F.col("_ok"), source.columns[name]) for name in source.extra}
    leftover = F.lit(False) if source.leftover is None else F.coalesce(source.leftover, F.lit(False))
    files = [F.col(name) for name in FILE_COLUMNS]
    read = source.df.withColumn("_ok", source.is_record).select(
        "_ok", *files, source.raw.alias("_text"), leftover.alias("_leftover"), *_named(texts), *_named(extra)
    )
    typed = [c for c in known if c.type != "string"]
    written = {f"_w_{c.name}": clean(F.col(f"_t_{c.name}")) for c in typed}
    trimmed = read.withColumns(written)
    parsed = {}
    for c in typed:
        value = _parse(F.col(f"_w_{c.name}"), c.type)
        parsed[f"_p_{c.name}"] = F.when(~source.refused[c.name], value) if c.name in source.refused else value
    values = trimmed.withColumns(parsed)
    lost = [F.col(f"_w_{c.name}").isNotNull() & F.col(f"_p_{c.name}").isNull() for c in typed]
    is_unclean = reduce(lambda a, b: a | b, [~F.col("_ok"), F.col("_leftover"), *lost])
    columns = {c.name: F.col(f"_t_{c.name}" if c.type == "string" else f"_p_{c.name}") for c in known}
    rows = values.select(
        *_named(columns), *files, F.when(is_unclean, F.col("_text")).alias(RAW), *source.extra
    )
    return _stamped(table, rows, stamp, day)


def _named(columns: dict[str, Column]) -> list[Column]:
    return [column.alias(name) for name, column in columns.items()]


def _stamped(table: Table, df: DataFrame, stamp: datetime, day: date) -> DataFrame:
    """Metadata that the record does not carry; without an extraction time it was extracted when it arrived."""
    ingested = F.coalesce("ingested_at", lit_ts(stamp))
    stamped = {
        "ingested_at": ingested,
        "source_extracted_at": F.coalesce("source_extracted_at", ingested),
        "batch_id": _unless_blank("batch_id", F.col("_file_batch")),
        "source_system": _unless_blank("source_system", F.lit(_DEFAULT_SOURCE_SYSTEM)),
        INGEST_DATE: lit_date(day),
    }
    extra = [n for n in df.columns if n not in table.column_names and n not in FILE_COLUMNS]
    names = (*table.column_names, *extra)
    return df.select(*[(stamped[n] if n in stamped else F.col(n)).alias(n) for n in names])


def _unless_blank(name: str, otherwise: Column) -> Column:
    return F.when(clean(F.col(name)).isNotNull(), F.col(name)).otherwise(otherwise)


def _parse(text: Column, type_: str) -> Column:
    if type_ == SOURCE_MONEY:
        return parse_money(text)
    if type_ == "timestamp":
        return parse_timestamp(text)
    if type_ == "boolean":
        return parse_boolean(text)
    return parse_integer(text, type_)


@dataclass(frozen=True)
class SourceText:
    """Records of several files as text: ``columns`` maps a column to its source text, ``raw`` is the whole record.

    ``df`` also carries each record's FILE_COLUMNS. ``is_record`` is false where the text is no record at all;
    ``refused`` columns hold values whose type cannot be trusted (a Parquet float is no money); ``extra`` are
    fields that the contract does not know; ``leftover`` is true where a field fits no column, so that the
    record's text has to be kept.
    """

    df: DataFrame
    columns: dict[str, Column]
    raw: Column
    is_record: Column
    extra: tuple[str, ...] = ()
    refused: dict[str, Column] = field(default_factory=dict)
    leftover: Column | None = None


FILE_COLUMNS = (SOURCE_FILE, FILE_HASH, "_file_batch")


def read_text(lakehouse: Lakehouse, table: Table, files: Sequence[LandingFile]) -> list[SourceText]:
    """The records of the files, every value as its source text, one result per kind of file.

    Blank lines are no records.
    """
    lines = [f for f in files if f.format == "json"]
    others = [f for f in files if f.format != "json"]
    found = [_read_json_lines(lakehouse, table, lines)] if lines else []
    remote = [f for f in others if ":/" in f.path]  # a URI, as the engine spells it
    local = [f for f in others if f not in remote]
    found += [_read_with_spark(lakehouse.spark, table, file) for file in remote]
    return found + ([_read_with_arrow(lakehouse, table, local)] if local else [])


def _with_file(df: DataFrame, file: LandingFile) -> DataFrame:
    values = dict(zip(FILE_COLUMNS, (file.name, file.sha256, file.batch_id), strict=True))
    return df.withColumns({name: F.lit(value) for name, value in values.items()})


def _read_json_lines(lakehouse: Lakehouse, table: Table, files: Sequence[LandingFile]) -> SourceText:
    frames = [_with_file(lakehouse.spark.read.text(file.path), file) for file in files]
    df = reduce(lambda a, b: a.unionAll(b), frames)
    df = df.withColumn("value", F.ltrim(F.col("value"), F.lit(_BYTE_ORDER_MARK)))
    df = df.where(F.col("value").rlike(r"[^ \t\r\f\x0B]"))
    value, known = F.col("value"), _known(table)
    keeps_text = lakehouse.keeps_json_text
    keys = json_names(value, engine_keeps_text=keeps_text)
    shapes = df.select(keys.alias("keys")).distinct()
    repeats = F.size("keys") != F.size(F.array_distinct("keys"))
    names = shapes.select(F.explode("keys").alias("name"), repeats.alias("repeats"))
    seen = names.groupBy("name").agg(F.max("repeats").alias("repeats")).collect()
    extra, leftover = _split_unknown(table, [row["name"] for row in seen if row["name"] not in known])
    has_leftover = (
        reduce(lambda a, b: a | b, [F.array_contains(keys, name) for name in leftover]) if leftover else None
    )
    columns = {
        name: json_field(value, name, engine_keeps_text=keeps_text) for name in (*sorted(known), *extra)
    }
    is_record = is_json_record(
        value, may_repeat_names=any(row["repeats"] for row in seen), engine_keeps_text=keeps_text
    )
    if not keeps_text:
        is_record = is_record & is_shallow(value)
    return SourceText(df, columns, value, is_record, extra, leftover=has_leftover)


def _read_with_arrow(lakehouse: Lakehouse, table: Table, files: Sequence[LandingFile]) -> SourceText:
    """CSV and Parquet through Arrow, where this process sees the files: every engine gets the same text."""
    rows, floats = read_as_text(
        [
            (f.path, f.format, dict(zip(FILE_COLUMNS, (f.name, f.sha256, f.batch_id), strict=True)))
            for f in files
        ]
    )
    refused = {
        name: F.col(SOURCE_FILE).isin(sorted(names))
        for name, names in floats.items()
        if name in _exact_columns(table)
    }
    return _from_columns(table, lakehouse.from_arrow(rows), refused)


def _read_with_spark(spark: SparkSession, table: Table, file: LandingFile) -> SourceText:
    """CSV and Parquet of a cloud URI through the engine's own readers; a ragged CSV is an unreadable file there."""
    if file.format == "csv":
        reader = spark.read.option("mode", "FAILFAST")
        df = reader.csv(file.path, header=True, inferSchema=False, multiLine=True, quote='"', escape='"')
        return _from_columns(table, _with_file(df, file), {})
    df = spark.read.parquet(file.path)
    floats = {f.name for f in df.schema.fields if f.dataType.simpleString() in _FLOATS}
    return _from_columns(
        table, _with_file(df, file), {name: F.lit(True) for name in floats & _exact_columns(table)}
    )


def _exact_columns(table: Table) -> set[str]:
    """Columns that a binary float cannot carry: money and whole numbers."""
    return {c.name for c in table.columns if c.type in (SOURCE_MONEY, "bigint", "int")}


def _known(table: Table) -> set[str]:
    return {c.name for c in source_columns(table)}


def _from_columns(table: Table, df: DataFrame, refused: dict[str, Column]) -> SourceText:
    known = _known(table)
    names = [name for name in df.columns if name not in (BROKEN_ROW, *FILE_COLUMNS)]
    extra, leftover = _split_unknown(table, [n for n in names if n not in known])
    quoted = {name: F.col(f"`{name}`").cast("string") for name in names}
    columns = {name: text for name, text in quoted.items() if name in known or name in extra}
    raw = F.to_json(F.struct(*[text.alias(name) for name, text in quoted.items()])) if names else F.lit("{}")
    is_record = F.lit(True)
    if BROKEN_ROW in df.columns:
        raw, is_record = F.coalesce(F.col(BROKEN_ROW), raw), F.col(BROKEN_ROW).isNull()
    return SourceText(df, columns, raw, is_record, extra, refused, _any_present(quoted, leftover))


def _any_present(texts: dict[str, Column], names: tuple[str, ...]) -> Column | None:
    if not names:
        return None
    return F.coalesce(*[texts[name] for name in names]).isNotNull()


def _split_unknown(table: Table, names: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Unknown field names that can become string columns, and those that cannot (their record keeps its text)."""
    taken = {name.lower() for name in table.column_names}
    extra, leftover = [], []
    for name in sorted(names):
        if _COLUMN_NAME.fullmatch(name) and name.lower() not in taken:
            taken.add(name.lower())
            extra.append(name)
        else:
            leftover.append(name)
    return tuple(extra), tuple(leftover)

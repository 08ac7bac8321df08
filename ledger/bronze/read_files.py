"""Landing files as Bronze rows: typed from source text, nothing lost (spec section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze.landing import FILE_COLUMNS, SourceText, read_text
from ledger.bronze.landing_listing import LandingFile
from ledger.bronze.metadata import INGEST_DATE, RAW, source_columns
from ledger.contract import Table
from ledger.errors import LedgerError
from ledger.lakehouse import Lakehouse
from ledger.money import SOURCE_MONEY, parse_money
from ledger.text import clean, parse_boolean, parse_integer, parse_timestamp
from ledger.window import lit_date, lit_ts

READ_LATE_BYTES = 8 << 20
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

"""Texts of records to Bronze rows (spec section 4): typed from the source text, nothing lost."""

from __future__ import annotations

from datetime import datetime
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze.metadata import INGEST_DATE, RAW, source_columns
from ledger.bronze.records import FILE_BATCH, FILE_COLUMNS, FILE_DAY, SourceText
from ledger.contract import Table
from ledger.money import SOURCE_MONEY, parse_money
from ledger.text import clean, parse_boolean, parse_integer, parse_timestamp
from ledger.window import lit_ts

_DEFAULT_SOURCE_SYSTEM = "landing"


def bronze_rows(table: Table, source: SourceText, stamp: datetime) -> DataFrame:
    """The records as Bronze rows: the contract's columns in their types, then the unknown fields as strings.

    Texts, then values, then what did not parse: one projection each, so that no expression is written twice.
    ``stamp`` is the instant of arrival of a record that has none.
    """
    known = source_columns(table)
    absent = F.lit(None).cast("string")
    texts = {f"_t_{c.name}": F.when(F.col("_ok"), source.columns.get(c.name, absent)) for c in known}
    extra = {name: F.when(F.col("_ok"), source.columns[name]) for name in source.extra}
    files = [F.col(name) for name in FILE_COLUMNS]
    read = source.df.withColumn("_ok", source.is_record).select(
        "_ok",
        *files,
        source.raw.alias("_text"),
        F.coalesce(source.leftover, F.lit(False)).alias("_leftover"),
        *_named(texts),
        *_named(extra),
    )
    typed = [c for c in known if c.type != "string"]
    trimmed = read.withColumns({f"_w_{c.name}": clean(F.col(f"_t_{c.name}")) for c in typed})
    values = trimmed.withColumns({f"_p_{c.name}": _parse(F.col(f"_w_{c.name}"), c.type) for c in typed})
    lost = [F.col(f"_w_{c.name}").isNotNull() & F.col(f"_p_{c.name}").isNull() for c in typed]
    is_unclean = reduce(lambda a, b: a | b, [~F.col("_ok"), F.col("_leftover"), *lost])
    columns = {c.name: F.col(f"_t_{c.name}" if c.type == "string" else f"_p_{c.name}") for c in known}
    rows = values.select(
        *_named(columns), *files, F.when(is_unclean, F.col("_text")).alias(RAW), *source.extra
    )
    return _stamped(table, rows, source.extra, stamp)


def _named(columns: dict[str, Column]) -> list[Column]:
    return [column.alias(name) for name, column in columns.items()]


def _stamped(table: Table, df: DataFrame, extra: tuple[str, ...], stamp: datetime) -> DataFrame:
    """Metadata that the record does not carry; without an extraction time it was extracted when it arrived.

    A row belongs to its landing day, whatever its clocks say.
    """
    ingested = F.coalesce("ingested_at", lit_ts(stamp))
    stamped = {
        "ingested_at": ingested,
        "source_extracted_at": F.coalesce("source_extracted_at", ingested),
        "batch_id": _unless_blank("batch_id", F.col(FILE_BATCH)),
        "source_system": _unless_blank("source_system", F.lit(_DEFAULT_SOURCE_SYSTEM)),
        INGEST_DATE: F.col(FILE_DAY).cast("date"),
    }
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

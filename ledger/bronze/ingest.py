"""Landing day to Bronze: typed from source text, nothing lost, loaded once, one commit (spec section 4)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze.landing import FILE_COLUMNS, LandingFile, SourceText, list_files, read_text
from ledger.bronze.metadata import FILE_HASH, INGEST_DATE, RAW, SOURCE_FILE, source_columns
from ledger.contract import Table
from ledger.errors import IngestError, LedgerError
from ledger.lakehouse import Lakehouse
from ledger.money import SOURCE_MONEY, parse_money
from ledger.text import clean, parse_boolean, parse_integer, parse_timestamp
from ledger.window import day_start, kst_date, lit_ts

logger = logging.getLogger(__name__)
_DEFAULT_SOURCE_SYSTEM = "landing"


@dataclass(frozen=True)
class Ingested:
    """What one landing day brought to one Bronze table."""

    table: str
    day: date
    files_loaded: int
    files_skipped: int
    rows: int


def ingest_day(lakehouse: Lakehouse, table: Table, *, landing: str, day: date, now: datetime) -> Ingested:
    """Load the files of one landing day that the table does not have yet, in one commit.

    Raises :class:`IngestError` naming the files that cannot be read, after the other files were loaded.
    """
    found = list_files(lakehouse.spark, landing, table, day)
    fresh = _not_loaded(lakehouse, table, found)
    stamp = min(now, day_start(day + timedelta(days=1)) - timedelta(microseconds=1))
    rows, broken = 0, dict[str, str]()
    if fresh:
        try:
            rows = _load(lakehouse, table, fresh, stamp)
        except LedgerError:
            raise
        except Exception as error:
            broken = _unreadable(lakehouse, table, fresh, stamp)
            if not broken:
                raise
            readable = [f for f in fresh if f.name not in broken]
            rows = _load(lakehouse, table, readable, stamp) if readable else 0
            reasons = "; ".join(f"{name}: {reason}" for name, reason in broken.items())
            raise IngestError(
                f"cannot read {reasons} ({rows} rows of the day's other files are loaded)",
                table=table.full_name,
                partition=day.isoformat(),
                action="replace or remove the file, then ingest the day again",
            ) from error
    if fresh:
        logger.info("%s %s: %s rows from %d files", table.full_name, day, f"{rows:,}", len(fresh))
    return Ingested(table.full_name, day, len(fresh), len(found) - len(fresh), rows)


def _not_loaded(lakehouse: Lakehouse, table: Table, files: list[LandingFile]) -> list[LandingFile]:
    if not files or lakehouse.known_count(table) == 0:
        return files
    stored = lakehouse.read(table).where(F.col(SOURCE_FILE).isin([f.name for f in files]))
    loaded = {
        (r[SOURCE_FILE], r[FILE_HASH]) for r in stored.select(SOURCE_FILE, FILE_HASH).distinct().collect()
    }
    return [f for f in files if (f.name, f.sha256) not in loaded]


def _load(lakehouse: Lakehouse, table: Table, files: list[LandingFile], stamp: datetime) -> int:
    rows = bronze_rows(lakehouse, table, files, stamp)
    extra = [name for name in rows.columns if name not in table.column_names]
    if extra:
        lakehouse.add_columns(table, extra)
    return lakehouse.insert_files(table, rows, files=[f.name for f in files], key=table.key[0]).inserted


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


def bronze_rows(lakehouse: Lakehouse, table: Table, files: list[LandingFile], stamp: datetime) -> DataFrame:
    """The files as Bronze rows: the contract's columns in their types, then the unknown fields as strings."""
    frames = [_typed(table, source, stamp) for source in read_text(lakehouse, table, files)]
    return reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), frames)


def _typed(table: Table, source: SourceText, stamp: datetime) -> DataFrame:
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
    return _stamped(table, rows, stamp)


def _named(columns: dict[str, Column]) -> list[Column]:
    return [column.alias(name) for name, column in columns.items()]


def _stamped(table: Table, df: DataFrame, stamp: datetime) -> DataFrame:
    """Metadata that the record does not carry; without an extraction time it was extracted when it arrived."""
    ingested = F.coalesce("ingested_at", lit_ts(stamp))
    stamped = {
        "ingested_at": ingested,
        "source_extracted_at": F.coalesce("source_extracted_at", ingested),
        "batch_id": _unless_blank("batch_id", F.col("_file_batch")),
        "source_system": _unless_blank("source_system", F.lit(_DEFAULT_SOURCE_SYSTEM)),
        INGEST_DATE: kst_date(ingested),
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

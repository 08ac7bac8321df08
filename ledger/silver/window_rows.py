"""Bronze rows of a window, the reasons that reject them, and the text they are quarantined with (spec 4 and 5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze.metadata import INGEST_DATE, RAW, timestamp_columns
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.json_text import is_json_record, json_field
from ledger.silver.live_rows import Landed
from ledger.window import Window, kst_day, lit_date

UNPARSABLE = "unparsable_record"
_ISO_MICROS = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"


def first_landing_day(window: Window) -> date:
    """The earliest landing day whose rows a window reads: an extraction of its first hour may have landed before it."""
    return kst_day(window.start) - timedelta(days=1)


def in_window(table: Table, window: Window) -> Column:
    """True where any timestamp column of a Bronze row falls in the window, or where its landing day is the window.

    So every row is some window's, whatever its clocks say.
    """
    hits = [window.contains(F.col(name)) for name in timestamp_columns(table)]
    if window.is_kst_day:
        hits.append(F.col(INGEST_DATE) == lit_date(window.date_kst))
    return reduce(lambda a, b: a | b, [F.coalesce(hit, F.lit(False)) for hit in hits])


def read_window(landed: Landed, table: Table, window: Window) -> DataFrame:
    """The window's Bronze rows that count, pruned by landing day."""
    return landed.live(_read(landed, table, window))


def read_dead(landed: Landed, table: Table, window: Window) -> DataFrame:
    """The window's Bronze rows that do not count: of superseded and withdrawn files."""
    return landed.dead(_read(landed, table, window))


def read_elsewhere(landed: Landed, table: Table, window: Window) -> DataFrame:
    """The Bronze rows that count and that :func:`read_window` does not give, from ``landed.since`` on."""
    rows = landed.lakehouse.read(table, Scope(start=landed.since))
    is_read = in_window(table, window) & (F.col(INGEST_DATE) >= lit_date(first_landing_day(window)))
    return landed.live(rows.where(~is_read))


def _read(landed: Landed, table: Table, window: Window) -> DataFrame:
    rows = landed.lakehouse.read(table, Scope(start=first_landing_day(window)))
    return rows.where(in_window(table, window))


def is_unparsable() -> Column:
    """True for a Bronze row whose text was no record at all."""
    return F.col(RAW).isNotNull() & ~is_json_record(F.col(RAW))


def first_reason(*checks: tuple[str, Column]) -> Column:
    """The name of the first check that holds, else null; an unparsable record comes before every check."""
    result = F.when(is_unparsable(), F.lit(UNPARSABLE))
    for reason, failed in checks:
        result = result.when(F.coalesce(failed, F.lit(False)), F.lit(reason))
    return result


def record_json(
    lakehouse: Lakehouse, df: DataFrame, columns: Sequence[tuple[str, str]] | None = None
) -> Column:
    """The whole Bronze row, judged by ``_reason``, as JSON text; a value that did not parse stands as it was written.

    ``columns``: names and types of ``df`` where they are known, so that the engine is not asked.
    """
    is_record = ~F.col("_reason").eqNullSafe(F.lit(UNPARSABLE))
    fields = []
    for name, kind in columns or [(f.name, f.dataType.simpleString()) for f in df.schema.fields]:
        value = F.col(f"`{name}`")
        if kind == "string":
            fields.append(value.alias(name))
            continue
        text = F.date_format(value, _ISO_MICROS) if kind == "timestamp" else value.cast("string")
        written = json_field(F.col(RAW), name, engine_keeps_text=lakehouse.keeps_json_text)
        fields.append(F.coalesce(text, F.when(is_record, written)).alias(name))
    return F.to_json(F.struct(*fields))

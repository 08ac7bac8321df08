"""Bronze rows of a window, the reasons that reject them, and the text they are quarantined with (spec 4 and 5)."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze.metadata import RAW, timestamp_columns
from ledger.contract import Table
from ledger.json_text import is_json_record, json_field
from ledger.lakehouse import Lakehouse
from ledger.merge import Scope
from ledger.window import Window, kst_day

UNPARSABLE = "unparsable_record"
_ISO_MICROS = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"


def read_candidates(lakehouse: Lakehouse, table: Table, window: Window) -> DataFrame:
    """Bronze rows that may belong to the window, pruned by arrival day."""
    return lakehouse.read(table, Scope(start=kst_day(window.start) - timedelta(days=1)))


def in_window(table: Table, window: Window) -> Column:
    """True where any timestamp column of a Bronze row falls in the window."""
    hits = [F.coalesce(window.contains(F.col(name)), F.lit(False)) for name in timestamp_columns(table)]
    return reduce(lambda a, b: a | b, hits)


def read_window(lakehouse: Lakehouse, table: Table, window: Window) -> DataFrame:
    """Bronze rows of the window."""
    return read_candidates(lakehouse, table, window).where(in_window(table, window))


def is_unparsable() -> Column:
    """True for a Bronze row whose text was no record at all."""
    return F.col(RAW).isNotNull() & ~is_json_record(F.col(RAW))


def first_reason(*checks: tuple[str, Column]) -> Column:
    """The name of the first check that holds, else null; an unparsable record comes before every check."""
    result = F.when(is_unparsable(), F.lit(UNPARSABLE))
    for reason, failed in checks:
        result = result.when(F.coalesce(failed, F.lit(False)), F.lit(reason))
    return result


def record_json(lakehouse: Lakehouse, df: DataFrame) -> Column:
    """The whole Bronze row, judged by ``_reason``, as JSON text; a value that did not parse stands as it was written."""
    is_record = ~F.col("_reason").eqNullSafe(F.lit(UNPARSABLE))
    fields = []
    for field in df.schema.fields:
        name, kind = field.name, field.dataType.simpleString()
        value = F.col(f"`{name}`")
        if kind == "string":
            fields.append(value.alias(name))
            continue
        text = F.date_format(value, _ISO_MICROS) if kind == "timestamp" else value.cast("string")
        written = json_field(F.col(RAW), name, engine_keeps_text=lakehouse.keeps_json_text)
        fields.append(F.coalesce(text, F.when(is_record, written)).alias(name))
    return F.to_json(F.struct(*fields))

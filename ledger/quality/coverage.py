"""Has Silver rows where Bronze has them? The gate's third question (spec section 7; docs/decisions.md, D-081)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table
from ledger.delta.scope import Scope
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_candidates import landing_of, search_scope, sound_candidates
from ledger.readiness import ROWS, Condition
from ledger.silver import bad_records
from ledger.silver.silver_table import SilverTable
from ledger.silver.window_rows import read_window
from ledger.tables import silver_of
from ledger.window import Window, lit_date, lit_ts


def rows_conditions(run: Run, window: Window, tables: Sequence[Table]) -> list[Condition]:
    """One condition per Silver table: it has rows of the KST day, unless Bronze has none that belong there.

    One small query where every table has rows. Bronze is read only for a table that has none, and then a row
    counts whose key Silver stores nowhere and no quarantine explains. Raises :class:`KeyViolationError` when a key
    of the day, or of the one before that its openings come from, is stored twice: money would count twice.
    """
    asked = [silver_of(table) for table in tables]
    probes = [_probe(run, window, silver) for silver in asked]
    found = {row["name"]: row for row in reduce(DataFrame.unionByName, probes).collect()}
    for table in tables:
        if (found[table.full_name]["most"] or 0) > 1:
            run.lakehouse.refuse_stored_twice(table, _read_by_day(window, table))
    filled = {name for name, row in found.items() if row["of_day"]}
    return [
        _condition(
            silver.contract, window, missing=0 if silver.name in filled else _missing(run, window, silver)
        )
        for silver in asked
    ]


def _probe(run: Run, window: Window, silver: SilverTable) -> DataFrame:
    """One row: has the table rows of the day, and how many rows share one key at most."""
    of_day, table = F.lit(1), silver.contract
    if table.partition_by:
        of_day = F.when(F.col(table.partition_by) == lit_date(window.date_kst), 1).otherwise(0)
    rows = run.lakehouse.read(table, _read_by_day(window, table)).select(*table.key, of_day.alias("_of_day"))
    if not silver.has_keys_at_gate:
        rows = rows.limit(1)
    per_key = rows.groupBy(*table.key).agg(F.sum(F.lit(1)).alias("_n"), F.max("_of_day").alias("_of_day"))
    return per_key.agg(F.max("_n").alias("most"), F.max("_of_day").alias("of_day")).select(
        F.lit(table.full_name).alias("name"), "most", "of_day"
    )


def _read_by_day(window: Window, table: Table) -> Scope | None:
    return Scope(window.date_kst - timedelta(days=1), window.date_kst) if table.partition_by else None


def _condition(table: Table, window: Window, *, missing: int) -> Condition:
    day = window.date_kst
    of_day = f"{table.full_name} has rows of {day}" if table.partition_by else f"{table.full_name} has rows"
    found = f"none, and {missing} Bronze rows of the day are neither stored nor quarantined"
    return Condition(
        ROWS,
        f"{of_day} where Bronze has",
        found if missing else "as required",
        holds=not missing,
        day=day,
        table=table.full_name,
    )


def _missing(run: Run, window: Window, silver: SilverTable) -> int:
    """Bronze rows of the day that break no row rule, whose key Silver does not store, and no quarantine explains."""
    table = silver.contract
    arrived = run.lakehouse.stage(_arrived(run, window, silver))
    keys = list(table.key)
    if not arrived.limit(1).collect():
        return 0
    around = search_scope(run, window, silver, frozenset([window.date_kst]))
    stored = run.lakehouse.read(table, around).select(*keys)
    unknown = arrived.join(stored, keys, "left_anti").count()
    unseen = [name for name, reason in silver.reasons.items() if not reason.is_of_the_row]
    explained = (  # one text per source row, however often the day ran
        run.lakehouse.read(bad_records.TABLE, Scope(start=window.date_kst))
        .where(F.col("source_table") == table.full_name)
        .where(F.col("reason").isin(*unseen))
        .where(
            (F.col("window_start_ts") >= lit_ts(window.start))
            & (F.col("window_end_ts") <= lit_ts(window.end))
        )
        .select("record_json")
        .distinct()
    )
    return max(0, unknown - explained.count()) if unknown else 0


def _arrived(run: Run, window: Window, silver: SilverTable) -> DataFrame:
    """The distinct keys of the window's Bronze rows that break no row rule and belong to the day in Silver."""
    table = silver.contract
    rows = sound_candidates(run, silver, partial(read_window, landing_of(run, window), window=window))
    if table.partition_by:
        rows = rows.where(F.col(table.partition_by) == lit_date(window.date_kst))
    return rows.select(*table.key).distinct()

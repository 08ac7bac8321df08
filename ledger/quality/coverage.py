"""Has Silver rows where Bronze has them? The gate's third question (spec section 7; docs/decisions.md, D-081)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze import (
    order_items_raw,
    orders_raw,
    payment_orders_raw,
    products_raw,
    transaction_ledger_raw,
    user_wallets_raw,
)
from ledger.contract import Table
from ledger.delta.scope import Scope
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_candidates import landing_of
from ledger.pipelines.silver_evaluated import search_scope
from ledger.readiness import ROWS, Condition
from ledger.silver import bad_records, ledger_entries, order_events, order_items, products, wallet_snapshot
from ledger.silver.window_rows import read_window
from ledger.window import Window, lit_date, lit_ts

# Reasons that no row rule alone can see: these rows are quarantined although they break none.
_BEYOND_ROW_RULES = (ledger_entries.CONFLICTING, "invalid_status")


def rows_conditions(run: Run, window: Window, tables: Sequence[Table]) -> list[Condition]:
    """One condition per Silver table: it has rows of the KST day, unless Bronze has none that belong there.

    One small query where every table has rows. Bronze is read only for a table that has none, and then a row
    counts whose key Silver stores nowhere and no quarantine explains. Raises :class:`KeyViolationError` when a key
    of the day, or of the one before that its openings come from, is stored twice: money would count twice.
    """
    probes = [_probe(run, window, table) for table in tables]
    found = {row["name"]: row for row in reduce(DataFrame.unionByName, probes).collect()}
    for table in tables:
        if (found[table.full_name]["most"] or 0) > 1:
            run.lakehouse.refuse_stored_twice(table, _read_by_day(window, table))
    filled = {name for name, row in found.items() if row["of_day"]}
    return [
        _condition(table, window, missing=0 if table.full_name in filled else _missing(run, window, table))
        for table in tables
    ]


def _probe(run: Run, window: Window, table: Table) -> DataFrame:
    """One row: has the table rows of the day, and how many rows share one key at most.

    The keys of ``order_items`` are Silver's own check to look at: the table grows without end, and the mart takes
    one item per order however often it is stored.
    """
    of_day = F.lit(1)
    if table.partition_by:
        of_day = F.when(F.col(table.partition_by) == lit_date(window.date_kst), 1).otherwise(0)
    rows = run.lakehouse.read(table, _read_by_day(window, table)).select(*table.key, of_day.alias("_of_day"))
    if table is order_items.TABLE:
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


def _missing(run: Run, window: Window, table: Table) -> int:
    """Bronze rows of the day that break no row rule, whose key Silver does not store, and no quarantine explains."""
    arrived = run.lakehouse.stage(_arrived(run, window, table))
    keys = list(table.key)
    if not arrived.limit(1).collect():
        return 0
    around = search_scope(run, window, frozenset([window.date_kst]), nullable=table is order_events.TABLE)
    stored = run.lakehouse.read(table, around if table.partition_by else None).select(*keys)
    unknown = arrived.join(stored, keys, "left_anti").count()
    explained = (  # one text per source row, however often the day ran
        run.lakehouse.read(bad_records.TABLE, Scope(start=window.date_kst))
        .where(F.col("source_table") == table.full_name)
        .where(F.col("reason").isin(*_BEYOND_ROW_RULES))
        .where(
            (F.col("window_start_ts") >= lit_ts(window.start))
            & (F.col("window_end_ts") <= lit_ts(window.end))
        )
        .select("record_json")
        .distinct()
    )
    return max(0, unknown - explained.count()) if unknown else 0


def _arrived(run: Run, window: Window, table: Table) -> DataFrame:
    """The distinct keys of the window's Bronze rows that break no row rule and belong to the day in Silver."""
    if table is wallet_snapshot.TABLE:
        rows = _sound(run, window, user_wallets_raw.TABLE, wallet_snapshot.reason())
        candidates = wallet_snapshot.evaluate(rows)
    elif table is ledger_entries.TABLE:
        reason = ledger_entries.reason(run.rules.allowed("silver/entry_type_allowed"))
        unjoined = {n: F.lit(None).cast("string") for n in ("_status", "_related_type")}
        rows = _sound(run, window, transaction_ledger_raw.TABLE, reason).withColumns(unjoined)
        candidates = ledger_entries.evaluate(rows)
    elif table is order_events.TABLE:
        reason = order_events.payment_reason(run.rules.allowed("silver/payment_status_allowed"))
        payments = _sound(run, window, payment_orders_raw.TABLE, reason)
        orders = _sound(run, window, orders_raw.TABLE, order_events.order_reason())
        candidates = order_events.evaluate_payment_orders(payments).unionByName(
            order_events.evaluate_orders(orders)
        )
    elif table is order_items.TABLE:
        candidates = order_items.evaluate(_sound(run, window, order_items_raw.TABLE, order_items.reason()))
    else:
        candidates = products.evaluate(_sound(run, window, products_raw.TABLE, products.reason()))
    if table.partition_by:
        candidates = candidates.where(F.col(table.partition_by) == lit_date(window.date_kst))
    return candidates.select(*table.key).distinct()


def _sound(run: Run, window: Window, source: Table, reason: Column) -> DataFrame:
    rows = read_window(landing_of(run, window), source, window)
    none = F.lit(None).cast("string")
    return rows.where(reason.isNull()).withColumns({"_reason": none, "_record_json": none})

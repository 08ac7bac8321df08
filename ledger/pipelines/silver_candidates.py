"""Bronze rows as candidates of the Silver tables, each with the reason that rejects it (spec section 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze import transaction_ledger_raw
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.pipelines.attempt import Run
from ledger.silver import ledger_entries, order_events
from ledger.silver.live_rows import Landed
from ledger.silver.silver_table import SilverTable
from ledger.silver.window_rows import first_landing_day, record_json
from ledger.window import Window

Reader = Callable[[Table], DataFrame]
"""Which rows of a Bronze table are meant."""


def landing_of(run: Run, window: Window, lookback: int = 1) -> Landed:
    """The landing files whose rows a window may read, and those of ``lookback`` days before them."""
    return run.landed(first_landing_day(window) - timedelta(days=lookback))


def candidates(run: Run, silver: SilverTable, read: Reader) -> DataFrame:
    """Candidates of a table with ``_reason`` and ``_record_json``, one row per Bronze row that ``read`` gives.

    Of entries as if nothing were known of what they relate to; with that, see :func:`ledger_candidates`.
    """
    frames = []
    for source in silver.sources:
        rows, columns = read(source.table), run.lakehouse.column_types(source.table)
        frames.append(source.evaluate(judged(run.lakehouse, rows, source.reason(run.rules), columns)))
    return reduce(DataFrame.unionByName, frames)


def sound_candidates(run: Run, silver: SilverTable, read: Reader) -> DataFrame:
    """:func:`candidates` that break no row rule."""
    none = F.lit(None).cast("string")
    frames = [
        source.evaluate(
            read(source.table)
            .where(source.reason(run.rules).isNull())
            .withColumns({"_reason": none, "_record_json": none})
        )
        for source in silver.sources
    ]
    return reduce(DataFrame.unionByName, frames).drop("_reason", "_record_json")


def ledger_candidates(run: Run, related: DataFrame) -> DataFrame:
    """Candidates of ``silver.ledger_entries``, one row per Bronze row with ``_status`` and ``_related_type``."""
    return ledger_entries.evaluate(judged(run.lakehouse, related, ledger_reason(run), related_columns(run)))


def related_columns(run: Run) -> tuple[tuple[str, str], ...]:
    """The columns of Bronze ledger rows with what they relate to."""
    stored = run.lakehouse.column_types(transaction_ledger_raw.TABLE)
    return (*stored, ("_status", "string"), ("_related_type", "string"))


def ledger_reason(run: Run) -> Column:
    """The first row rule that a related Bronze ledger row breaks, else null."""
    return ledger_entries.reason(
        run.rules.allowed(ledger_entries.TYPE_RULE), run.rules.allowed(order_events.STATUS_RULE)
    )


def judged(
    lakehouse: Lakehouse, rows: DataFrame, reason: Column, columns: Sequence[tuple[str, str]] | None = None
) -> DataFrame:
    """Bronze rows with the reason that rejects them, and the text to quarantine where there is one.

    ``columns``: names and types of ``rows`` where they are known.
    """
    text = F.when(F.col("_reason").isNotNull(), record_json(lakehouse, rows, columns))
    return rows.withColumn("_reason", reason).withColumn("_record_json", text)


def earlier_orders(run: Run, window: Window) -> DataFrame:
    """Stored rows of ``silver.order_events`` in the lookback before the window."""
    return run.lakehouse.read(order_events.TABLE, earlier_days(run, window))


def earlier_days(run: Run, window: Window) -> Scope:
    """The event days of the lookback before the window."""
    day = window.date_kst
    return Scope(day - timedelta(days=run.lookback_days), day - timedelta(days=1))


def search_scope(run: Run, window: Window, silver: SilverTable, days: frozenset[date]) -> Scope:
    """Partitions that may store a key: its rows' partitions, the lookback on both sides of the window, the null partition.

    The far side matters when days run out of order: a key must not exist twice (INV-06).
    """
    if silver.contract.partition_by is None:
        return Scope()
    around = timedelta(days=run.lookback_days)
    null = silver.has_null_partition
    return Scope(window.date_kst - around, window.date_kst + around, days, null_partition=null)


def related_sources(payments: DataFrame, orders: DataFrame, earlier: DataFrame) -> dict[str, DataFrame]:
    """Targets of a ledger row's related_id: in the window's raw orders, else in Silver's lookback before it."""
    is_payment = F.col("order_source") == order_events.PAYMENT_ORDERS
    shop_ids = orders.where("order_id IS NOT NULL").select(
        F.col("order_id").cast("string").alias("_shop_order_id")
    )
    earlier_ids = earlier.where(~is_payment).select(F.col("order_ref").alias("_shop_order_id"))
    return {
        "payments": ledger_entries.payment_status_of_window(payments),
        "earlier_payments": earlier.where(is_payment).select(
            F.col("order_ref").alias("_earlier_id"), F.col("status").alias("_earlier_status")
        ),
        "order_ids": shop_ids.unionByName(earlier_ids).distinct(),
    }

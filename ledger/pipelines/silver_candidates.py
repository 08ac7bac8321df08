"""Bronze rows as candidates of the five Silver tables, each with the reason that rejects it (spec section 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

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
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.pipelines.attempt import Run
from ledger.silver import ledger_entries, order_events, order_items, products, wallet_snapshot
from ledger.silver.live_rows import Landed
from ledger.silver.window_rows import first_landing_day, record_json
from ledger.window import Window

Reader = Callable[[Table], DataFrame]
"""Which rows of a Bronze table are meant."""
SOURCES: Mapping[Table, tuple[Table, ...]] = {
    wallet_snapshot.TABLE: (user_wallets_raw.TABLE,),
    ledger_entries.TABLE: (transaction_ledger_raw.TABLE,),
    order_events.TABLE: (orders_raw.TABLE, payment_orders_raw.TABLE),
    order_items.TABLE: (order_items_raw.TABLE,),
    products.TABLE: (products_raw.TABLE,),
}
BUSINESS: Mapping[Table, tuple[str, ...]] = {
    wallet_snapshot.TABLE: wallet_snapshot.BUSINESS,
    ledger_entries.TABLE: ledger_entries.BUSINESS,
    order_events.TABLE: order_events.BUSINESS,
    order_items.TABLE: order_items.BUSINESS,
    products.TABLE: products.BUSINESS,
}


def landing_of(run: Run, window: Window, lookback: int = 1) -> Landed:
    """The landing files whose rows a window may read, and those of ``lookback`` days before them."""
    return run.landed(first_landing_day(window) - timedelta(days=lookback))


def candidates(run: Run, table: Table, read: Reader) -> DataFrame:
    """Candidates of a table with ``_reason`` and ``_record_json``, one row per Bronze row that ``read`` gives.

    Not for ledger entries, which need what they relate to: :func:`ledger_candidates`.
    """
    lakehouse = run.lakehouse
    if table is wallet_snapshot.TABLE:
        rows = read(user_wallets_raw.TABLE)
        return wallet_snapshot.evaluate(judged(lakehouse, rows, wallet_snapshot.reason()))
    if table is order_items.TABLE:
        rows = read(order_items_raw.TABLE)
        return order_items.evaluate(judged(lakehouse, rows, order_items.reason()))
    if table is products.TABLE:
        rows = read(products_raw.TABLE)
        return products.evaluate(judged(lakehouse, rows, products.reason()))
    orders = judged(lakehouse, read(orders_raw.TABLE), order_events.order_reason())
    allowed = run.rules.allowed("silver/payment_status_allowed")
    payments = judged(lakehouse, read(payment_orders_raw.TABLE), order_events.payment_reason(allowed))
    return order_events.evaluate_orders(orders).unionByName(order_events.evaluate_payment_orders(payments))


def ledger_candidates(run: Run, related: DataFrame) -> DataFrame:
    """Candidates of ``silver.ledger_entries``, one row per Bronze row with ``_status`` and ``_related_type``."""
    return ledger_entries.evaluate(judged(run.lakehouse, related, ledger_reason(run)))


def ledger_reason(run: Run) -> Column:
    """The first row rule that a related Bronze ledger row breaks, else null."""
    return ledger_entries.reason(
        run.rules.allowed("silver/entry_type_allowed"), run.rules.allowed("silver/payment_status_allowed")
    )


def unrelated(rows: DataFrame) -> DataFrame:
    """Bronze ledger rows as if nothing were known of what they relate to."""
    return rows.withColumns({n: F.lit(None).cast("string") for n in ("_status", "_related_type")})


def judged(lakehouse: Lakehouse, rows: DataFrame, reason: Column) -> DataFrame:
    """Bronze rows with the reason that rejects them, and the text to quarantine where there is one."""
    text = F.when(F.col("_reason").isNotNull(), record_json(lakehouse, rows))
    return rows.withColumn("_reason", reason).withColumn("_record_json", text)


def earlier_orders(run: Run, window: Window) -> DataFrame:
    """Stored rows of ``silver.order_events`` in the lookback before the window."""
    return run.lakehouse.read(order_events.TABLE, earlier_days(run, window))


def earlier_days(run: Run, window: Window) -> Scope:
    """The event days of the lookback before the window."""
    day = window.date_kst
    return Scope(day - timedelta(days=run.lookback_days), day - timedelta(days=1))


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

"""What a window's Bronze rows become in Silver: candidates, reasons, what stays per key. Writes nothing (spec 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from functools import partial

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
from ledger.lakehouse import Lakehouse
from ledger.merge import Scope
from ledger.pipelines.attempt import Run
from ledger.side_by_side import side_by_side
from ledger.silver import ledger_entries, order_events, order_items, products, wallet_snapshot
from ledger.silver.window_rows import in_window, read_candidates, read_window, record_json
from ledger.window import Window


@dataclass(frozen=True)
class Evaluated:
    """One Silver table's candidates: what stays (one row per key) and what is rejected, with their counts."""

    table: Table
    valid: DataFrame
    rejected: DataFrame
    rows_read: int
    valid_rows: int
    bad_rows: int
    days: frozenset[date]

    @property
    def bad_rate(self) -> Fraction:
        total = self.bad_rows + self.valid_rows
        return Fraction(self.bad_rows, total) if total else Fraction(0)


def search_scope(run: Run, window: Window, days: frozenset[date], *, nullable: bool) -> Scope:
    """Where a key may be stored: its rows' partitions, the lookback on both sides of the window, the null partition.

    The far side matters when days run out of order: a key must not exist twice (INV-06).
    """
    around = timedelta(days=run.lookback_days)
    return Scope(window.date_kst - around, window.date_kst + around, days, null_partition=nullable)


def evaluate_all(run: Run, window: Window) -> list[Evaluated]:
    """The five Silver tables' candidates. Writes nothing."""
    lakehouse, rules = run.lakehouse, run.rules
    statuses = rules.allowed("silver/payment_status_allowed")
    payments = read_window(lakehouse, payment_orders_raw.TABLE, window)
    orders = read_window(lakehouse, orders_raw.TABLE, window)
    items = read_window(lakehouse, order_items_raw.TABLE, window)
    catalogue = read_window(lakehouse, products_raw.TABLE, window)

    events = order_events.evaluate_orders(judged(lakehouse, orders, order_events.order_reason())).unionByName(
        order_events.evaluate_payment_orders(
            judged(lakehouse, payments, order_events.payment_reason(statuses))
        )
    )
    lines = order_items.evaluate(judged(lakehouse, items, order_items.reason()))
    goods = products.evaluate(judged(lakehouse, catalogue, products.reason()))
    return side_by_side(
        [
            partial(_evaluate_wallets, run, window),
            partial(_evaluate_ledger, run, window, payments, orders),
            partial(_evaluated, run, order_events.TABLE, events, order_events.collapse),
            partial(_evaluated, run, order_items.TABLE, lines, order_items.collapse),
            partial(_evaluated, run, products.TABLE, goods, products.collapse),
        ]
    )


def judged(lakehouse: Lakehouse, rows: DataFrame, reason: Column) -> DataFrame:
    """Bronze rows with the reason that rejects them, and the text to quarantine where there is one."""
    text = F.when(F.col("_reason").isNotNull(), record_json(lakehouse, rows))
    return rows.withColumn("_reason", reason).withColumn("_record_json", text)


def _evaluated(
    run: Run, table: Table, candidates: DataFrame, collapse: Callable[[DataFrame], DataFrame]
) -> Evaluated:
    staged = run.lakehouse.stage(candidates)
    rows, bad, days = _profile(staged, table)
    good, keys = _good(run, staged, bad), list(table.key)
    repeated = run.lakehouse.stage(_repeated(good, keys))
    if not repeated.limit(1).collect():  # the common case: no key needs an order
        return Evaluated(table, good, _rejected(staged), rows, rows - bad, bad, days)
    single, several = good.join(repeated, keys, "left_anti"), good.join(repeated, keys, "left_semi")
    valid = run.lakehouse.stage(single.unionByName(collapse(several)))
    return Evaluated(table, valid, _rejected(staged), rows, valid.count(), bad, days)


def _good(run: Run, staged: DataFrame, bad: int) -> DataFrame:
    """The rows without a reason, staged on their own: what is merged has no filter that a write could overlook."""
    good = staged.where("_reason IS NULL") if bad else staged
    rows = good.drop("_reason", "_record_json")
    return run.lakehouse.stage(rows) if bad else rows


def _repeated(rows: DataFrame, keys: list[str]) -> DataFrame:
    """The keys that more than one row has."""
    return rows.groupBy(*keys).count().where("count > 1").select(*keys)


def _evaluate_wallets(run: Run, window: Window) -> Evaluated:
    table, source = wallet_snapshot.TABLE, user_wallets_raw.TABLE
    rows = read_candidates(run.lakehouse, source, window)

    def candidates(selected: DataFrame) -> DataFrame:
        return wallet_snapshot.evaluate(judged(run.lakehouse, selected, wallet_snapshot.reason()))

    found = _evaluated(
        run, table, candidates(rows.where(in_window(source, window))), wallet_snapshot.collapse
    )
    # A snapshot taken inside the window has all its rows there; only others may have a later row elsewhere.
    is_elsewhere = ~window.contains(F.col("snapshot_ts"))
    if not found.valid.where(is_elsewhere).limit(1).collect():
        return found
    others = candidates(rows.where(~in_window(source, window))).where("_reason IS NULL")
    stored = run.lakehouse.read(table, Scope.of(found.days))
    current = wallet_snapshot.without_superseded(found.valid, others, stored)
    return replace(found, valid=run.lakehouse.stage(current))


def _profile(staged: DataFrame, table: Table) -> tuple[int, int, frozenset[date]]:
    """(rows, bad rows, partitions of the valid rows)."""
    part = [table.partition_by] if table.partition_by else []
    counts = staged.groupBy(F.col("_reason").isNull().alias("ok"), *part).count().collect()
    days = frozenset(row[part[0]] for row in counts if part and row["ok"] and row[part[0]])
    return sum(r["count"] for r in counts), sum(r["count"] for r in counts if not r["ok"]), days


def _rejected(staged: DataFrame) -> DataFrame:
    return staged.where("_reason IS NOT NULL").select(
        F.col("_reason").alias("reason"), F.col("_record_json").alias("record_json")
    )


def _evaluate_ledger(
    run: Run,
    window: Window,
    payments: DataFrame,
    orders: DataFrame,
) -> Evaluated:
    lakehouse, rules, table = run.lakehouse, run.rules, ledger_entries.TABLE
    related = ledger_entries.with_related(
        read_window(lakehouse, transaction_ledger_raw.TABLE, window),
        **_related_sources(run, window, payments, orders),
    )
    reason = ledger_entries.reason(
        rules.allowed("silver/entry_type_allowed"), rules.allowed("silver/payment_status_allowed")
    )
    staged = lakehouse.stage(ledger_entries.evaluate(judged(lakehouse, related, reason)))
    rows, bad, days = _profile(staged, table)
    stored = lakehouse.read(table, search_scope(run, window, days, nullable=False))
    good, keys = _good(run, staged, bad), list(table.key)
    contested = lakehouse.stage(
        _repeated(good, keys).unionByName(ledger_entries.stored_otherwise(good, stored)).distinct()
    )
    if not contested.limit(1).collect():  # the common case: no key has two rows or another stored entry
        return Evaluated(table, good, _rejected(staged), rows, rows - bad, bad, days)
    reconciled = lakehouse.stage(
        ledger_entries.reconcile_duplicates(good.join(contested, keys, "left_semi"), stored)
    )
    conflicts = reconciled.where("_conflict")
    conflict_rows = conflicts.count()
    rejected = _rejected(staged)
    if conflict_rows:
        combination = [*table.key, *ledger_entries.IMMUTABLE]
        wrong = conflicts.select(*[F.col(c).alias(f"_w_{c}") for c in combination]).distinct()
        whole = ledger_entries.evaluate(
            related.withColumn("_reason", reason).withColumn("_record_json", record_json(lakehouse, related))
        ).where("_reason IS NULL")
        match = [F.col(c).eqNullSafe(F.col(f"_w_{c}")) for c in combination]
        rejected = rejected.unionByName(
            whole.join(wrong, match, "left_semi").select(
                F.lit(ledger_entries.CONFLICTING).alias("reason"), F.col("_record_json").alias("record_json")
            )
        )
    uncontested = good.join(contested, keys, "left_anti")
    valid = lakehouse.stage(uncontested.unionByName(ledger_entries.collapse(reconciled)))
    return Evaluated(table, valid, rejected, rows, valid.count(), bad + conflict_rows, days)


def _related_sources(
    run: Run, window: Window, payments: DataFrame, orders: DataFrame
) -> dict[str, DataFrame]:
    """What a ledger row's related_id may name: in the window's raw orders, else in Silver's lookback before it."""
    before = Scope(window.date_kst - timedelta(days=run.lookback_days), window.date_kst - timedelta(days=1))
    earlier = run.lakehouse.read(order_events.TABLE, before)
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

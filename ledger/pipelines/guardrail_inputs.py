"""Measurements of A on its inputs in one window: rows, duplicates, bad rows, freshness (spec section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze import payment_orders_raw, transaction_ledger_raw, user_wallets_raw
from ledger.contract import Table
from ledger.delta.scope import Scope
from ledger.instants import from_micros
from ledger.pipelines.attempt import Run
from ledger.rules import RuleBook
from ledger.silver import ledger_entries, order_events, wallet_snapshot
from ledger.silver.live_rows import Landed
from ledger.silver.window_rows import read_window
from ledger.text import clean
from ledger.window import Window, kst_day, lit_ts


@dataclass(frozen=True)
class Input:
    """One guarded Bronze table: its duplicate key, its event time, its row rules."""

    table: Table
    dup_metric: str
    event_time: str

    def key(self) -> tuple[Column, ...]:
        if self.table is user_wallets_raw.TABLE:
            return clean(F.col("user_id")), wallet_snapshot.snapshot_ts()
        return (clean(F.col(self.table.key[0])),)

    def reason(self, rules: RuleBook) -> Column:
        if self.table is user_wallets_raw.TABLE:
            return wallet_snapshot.reason()
        if self.table is payment_orders_raw.TABLE:
            return order_events.payment_reason(rules.allowed("silver/payment_status_allowed"))
        return ledger_entries.reason(rules.allowed("silver/entry_type_allowed"))


INPUTS = (
    Input(transaction_ledger_raw.TABLE, "dup_rate_tx_id", "created_at"),
    Input(user_wallets_raw.TABLE, "dup_rate_user_id", "updated_at"),
    Input(payment_orders_raw.TABLE, "dup_rate_order_id", "created_at"),
)


@dataclass(frozen=True)
class Measured:
    """Exact measurements of one input in one window; rates are fractions, 0 where the denominator is 0."""

    event_count: int
    dup_rate: Fraction
    bad_records_rate: Fraction
    freshness_sec: int | None
    zero_windows: int


def measure(run: Run, source: Input, window: Window, landed: Landed, *, zero_windows_before: int) -> Measured:
    """Count, duplicates, bad rows and freshness of one input in one window, of the rows that count."""
    rows = read_window(landed, source.table, window)
    counts = _count(rows, source.key(), source.reason(run.rules))
    event_count, keyed, distinct, bad = counts
    return Measured(
        event_count=event_count,
        dup_rate=Fraction(keyed - distinct, keyed) if keyed else Fraction(0),
        bad_records_rate=Fraction(bad, event_count) if event_count else Fraction(0),
        freshness_sec=_freshness_sec(run, source, window.end, landed),
        zero_windows=zero_windows_before + 1 if event_count == 0 else 0,
    )


def _count(rows: DataFrame, key: tuple[Column, ...], reason: Column) -> tuple[int, int, int, int]:
    """(rows, rows with a key, distinct keys, rows with a reason), in one pass with two grouping steps."""
    names = [f"_key{i}" for i in range(len(key))]
    keyed = rows.select(
        *[k.alias(n) for k, n in zip(key, names, strict=True)], reason.isNotNull().alias("_bad")
    )
    per_key = keyed.groupBy(*names).agg(
        F.count(F.lit(1)).alias("n"), F.sum(F.col("_bad").cast("bigint")).alias("bad")
    )
    has_key = ~F.greatest(*[F.col(n).isNull() for n in names], F.lit(False))
    row = per_key.agg(
        F.sum("n").alias("n"),
        F.sum(F.when(has_key, F.col("n"))).alias("keyed"),
        F.count(F.when(has_key, F.lit(1))).alias("distinct_keys"),
        F.sum("bad").alias("bad"),
    ).collect()[0]
    return row["n"] or 0, row["keyed"] or 0, row["distinct_keys"] or 0, row["bad"] or 0


def first_landing_day(run: Run, end: datetime) -> date:
    return kst_day(end - timedelta(days=run.lookback_days)) - timedelta(days=1)


def _freshness_sec(run: Run, source: Input, end: datetime, landed: Landed) -> int | None:
    """Whole seconds from the newest arrival or event at or before ``end``, within the lookback, up to ``end``."""
    earliest = end - timedelta(days=run.lookback_days)
    rows = run.lakehouse.read(source.table, Scope(start=first_landing_day(run, end)))
    if not landed.all_live(source.table):  # the lookback is read whole: no join where none is needed
        rows = landed.live(rows)
    latest = []
    for name in ("ingested_at", source.event_time):
        ts = F.col(name)
        latest.append(F.max(F.when((ts <= lit_ts(end)) & (ts >= lit_ts(earliest)), ts)))
    row = rows.agg(*[F.unix_micros(n).alias(f"t{i}") for i, n in enumerate(latest)]).collect()[0]
    found = [instant for instant in (from_micros(row["t0"]), from_micros(row["t1"])) if instant]
    return (end - max(found)) // timedelta(seconds=1) if found else None

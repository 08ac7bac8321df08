"""Measurements of A on its inputs in one window: rows, duplicates, bad rows, freshness (spec section 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze import payment_orders_raw, transaction_ledger_raw, user_wallets_raw
from ledger.contract import Table
from ledger.delta.scope import Scope
from ledger.instants import from_micros
from ledger.pipelines.attempt import Run
from ledger.rules import RuleBook
from ledger.silver import wallet_snapshot
from ledger.silver.live_rows import Landed
from ledger.silver.window_rows import read_window
from ledger.tables import source_of
from ledger.text import clean
from ledger.window import Window, kst_day, lit_ts


@dataclass(frozen=True)
class Input:
    """One guarded Bronze table: its event time, and by what its duplicates are counted: its key and ``also``."""

    table: Table
    dup_metric: str
    event_time: str
    also: Callable[[], tuple[Column, ...]] = tuple

    def key(self) -> tuple[Column, ...]:
        return (*[clean(F.col(name)) for name in self.table.key], *self.also())

    def reason(self, rules: RuleBook) -> Column:
        """The first row rule that a row breaks by itself, else null."""
        return source_of(self.table).reason(rules)


INPUTS = (
    Input(transaction_ledger_raw.TABLE, "dup_rate_tx_id", "created_at"),
    Input(
        user_wallets_raw.TABLE,
        "dup_rate_user_id",
        "updated_at",
        also=lambda: (wallet_snapshot.snapshot_ts(),),
    ),
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


_COUNTS, _NEWEST = ("rows", "keyed", "distinct_keys", "bad"), ("newest",)


def measure(
    run: Run, window: Window, landed: Landed, *, zero_windows_before: Mapping[str, int]
) -> tuple[Measured, ...]:
    """Rows, duplicates, bad rows and freshness per input in one window, of the rows that count. One query."""
    asked = []
    for n, source in enumerate(INPUTS):
        rows = read_window(landed, source.table, window)
        asked.append(_answer(n, counted(rows, source.key(), source.reason(run.rules)), _COUNTS))
        asked.append(_answer(n, _newest(run, source, window.end, landed), _NEWEST))
    found: list[dict[str, int]] = [{} for _ in INPUTS]
    for row in reduce(DataFrame.unionByName, asked).collect():
        found[row["input"]] |= {n: row[n] for n in (*_COUNTS, *_NEWEST) if row[n] is not None}
    return tuple(
        _measured(numbers, window.end, zero_windows_before.get(source.table.name, 0))
        for numbers, source in zip(found, INPUTS, strict=True)
    )


def _answer(number: int, frame: DataFrame, names: tuple[str, ...]) -> DataFrame:
    """One row of whole numbers, null for those that the frame has not; one shape for all."""
    columns = [F.col(n) if n in names else F.lit(None) for n in (*_COUNTS, *_NEWEST)]
    named = zip(columns, (*_COUNTS, *_NEWEST), strict=True)
    return frame.select(F.lit(number).alias("input"), *[c.cast("bigint").alias(n) for c, n in named])


def _measured(found: Mapping[str, int], end: datetime, zero_windows_before: int) -> Measured:
    rows, keyed = found.get("rows", 0), found.get("keyed", 0)
    newest = from_micros(found.get("newest"))
    return Measured(
        event_count=rows,
        dup_rate=Fraction(keyed - found["distinct_keys"], keyed) if keyed else Fraction(0),
        bad_records_rate=Fraction(found["bad"], rows) if rows else Fraction(0),
        freshness_sec=(end - newest) // timedelta(seconds=1) if newest else None,
        zero_windows=0 if rows else zero_windows_before + 1,
    )


def counted(rows: DataFrame, key: tuple[Column, ...], reason: Column) -> DataFrame:
    """One row (rows, keyed, distinct_keys, bad): rows, those with a key, distinct keys, rows with a reason.

    Two grouping steps in one pass: counting distinct keys directly takes the embedded engine much memory.
    """
    names = [f"_key{i}" for i in range(len(key))]
    keyed = rows.select(
        *[k.alias(n) for k, n in zip(key, names, strict=True)], reason.isNotNull().alias("_bad")
    )
    per_key = keyed.groupBy(*names).agg(
        F.count(F.lit(1)).alias("n"), F.sum(F.col("_bad").cast("bigint")).alias("bad")
    )
    has_key = ~F.greatest(*[F.col(n).isNull() for n in names], F.lit(False))
    return per_key.agg(
        F.sum("n").alias("rows"),
        F.sum(F.when(has_key, F.col("n"))).alias("keyed"),
        F.count(F.when(has_key, F.lit(1))).alias("distinct_keys"),
        F.sum("bad").alias("bad"),
    )


def first_landing_day(run: Run, end: datetime) -> date:
    """The earliest landing day in which freshness is looked for."""
    return kst_day(end - timedelta(days=run.lookback_days)) - timedelta(days=1)


def newest_arrival(rows: DataFrame, event_time: str, *, earliest: datetime, end: datetime) -> DataFrame:
    """One row (newest): the newest arrival or event from ``earliest`` to ``end``, inclusive, in microseconds."""
    times = [F.col("ingested_at"), F.col(event_time)]
    seen = [F.max(F.when((t <= lit_ts(end)) & (t >= lit_ts(earliest)), F.unix_micros(t))) for t in times]
    return rows.agg(F.greatest(*seen).alias("newest"))


def _newest(run: Run, source: Input, end: datetime, landed: Landed) -> DataFrame:
    rows = run.lakehouse.read(source.table, Scope(start=first_landing_day(run, end)))
    if not landed.all_live(source.table):  # the lookback is read whole: no join where none is needed
        rows = landed.live(rows)
    return newest_arrival(rows, source.event_time, earliest=end - timedelta(days=run.lookback_days), end=end)

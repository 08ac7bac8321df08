"""Corrections of stored rows from superseded and withdrawn files (spec section 2, "sources that change converge too").

A stored row came from a dead Bronze row when it has that row's key, business values and place in the source order
(snapshots store no place: their values decide). It is replaced by what the live rows of the lookback say of its key,
whatever the source order says, and goes where they say nothing. On a window without dead rows none of this is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.bronze import orders_raw, payment_orders_raw, transaction_ledger_raw
from ledger.bronze.metadata import INGEST_DATE
from ledger.delta.scope import Scope
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_candidates import (
    candidates,
    earlier_days,
    earlier_orders,
    landing_of,
    ledger_candidates,
    related_sources,
    sound_candidates,
)
from ledger.pipelines.silver_evaluated import Evaluated, Tainted
from ledger.silver import ledger_entries, order_events
from ledger.silver.live_rows import Landed
from ledger.silver.silver_table import SilverTable
from ledger.silver.source_order import earliest_per_key
from ledger.silver.window_rows import read_dead, read_elsewhere, read_window
from ledger.text import clean
from ledger.window import Window, lit_date


def find_tainted(run: Run, window: Window, silver: SilverTable) -> Tainted | None:
    """Stored rows of the table that came from dead rows of the window; None where the window has none."""
    landed, table = landing_of(run, window), silver.contract
    if not landed.has_dead(silver.bronze):
        return None
    rows = candidates(run, silver, partial(read_dead, landed, window=window))
    part = [table.partition_by] if table.partition_by else []
    whole = " AND ".join(f"{key} IS NOT NULL" for key in table.key)
    columns = dict.fromkeys((*table.key, *silver.origin, *part))
    dead = run.lakehouse.stage(rows.where(whole).select(*columns).distinct())
    scope = Scope()
    if part:
        days = [row[0] for row in dead.select(*part).distinct().collect()]
        if not days:
            return None
        scope = Scope(days=frozenset(d for d in days if d), null_partition=None in days)
    elif not dead.limit(1).collect():
        return None
    on = [F.col(f"t.{k}") == F.col(f"d.{k}") for k in table.key]
    on += [F.col(f"t.{c}").eqNullSafe(F.col(f"d.{c}")) for c in silver.origin]
    stored = run.lakehouse.read(table, scope).select(*table.column_names).alias("t")
    came = run.lakehouse.stage(stored.join(dead.alias("d"), on, "left_semi"))
    return Tainted(silver, dead, came)


def live_elsewhere(run: Run, window: Window, tainted: Tainted) -> DataFrame:
    """Valid candidates for the tainted keys in live rows that the window does not read."""
    read = partial(read_elsewhere, landing_of(run, window, run.lookback_days), window=window)
    keys = list(tainted.silver.contract.key)
    found = sound_candidates(run, tainted.silver, read)
    return found.join(tainted.stored.select(*keys), keys, "left_semi")


@dataclass(frozen=True)
class CorrectedOrders:
    """``silver.order_events`` as this run will leave it, for what ledger rows relate to."""

    named: DataFrame
    """``related_id`` of every order that a dead row speaks of."""
    stored: DataFrame
    replaced: DataFrame

    @classmethod
    def of(cls, events: Evaluated | None) -> CorrectedOrders | None:
        """None where the run corrects no stored order."""
        if events is None or events.tainted is None or events.correction is None:
            return None
        named = events.tainted.dead.select("order_ref").distinct()
        return cls(named, events.tainted.stored, events.correction.replaced)

    def earlier(self, run: Run, window: Window) -> DataFrame:
        """Rows that the table will store of the lookback before the window."""
        kept = earlier_orders(run, window).join(
            self.stored.select(*order_events.TABLE.key), list(order_events.TABLE.key), "left_anti"
        )
        columns = ("order_ref", "order_source", "status")
        of_days = self.replaced.where(earlier_days(run, window).condition("event_date_kst"))
        return kept.select(*columns).unionByName(of_days.select(*columns))


def entries_elsewhere(run: Run, window: Window, keys: DataFrame, orders: CorrectedOrders | None) -> DataFrame:
    """The earliest valid candidate per key in live ledger rows that the window does not read.

    Each is judged as its own landing day judges it: an entry's status comes from the payment orders of that day.
    """
    landed = landing_of(run, window, run.lookback_days)
    names = {"_key_tx": clean(F.col("tx_id")), "_key_wallet": clean(F.col("wallet_id"))}
    wanted = keys.select(F.col("tx_id").alias("_key_tx"), F.col("wallet_id").alias("_key_wallet"))
    rows = read_elsewhere(landed, transaction_ledger_raw.TABLE, window).withColumns(names)
    staged = run.lakehouse.stage(rows.join(wanted, list(names), "left_semi").drop(*names))
    days = [row[0] for row in staged.select(INGEST_DATE).distinct().collect()]
    judged = [_as_of_landing_day(run, staged, day, landed, orders) for day in sorted(days)]
    if not judged:
        judged = [ledger_candidates(run, ledger_entries.unrelated(staged))]
    found = reduce(DataFrame.unionByName, judged).where("_reason IS NULL").drop("_reason", "_record_json")
    tie_break = (*ledger_entries.IMMUTABLE, "related_type", "status")
    return run.lakehouse.stage(earliest_per_key(found, ledger_entries.TABLE.key, tie_break))


def _as_of_landing_day(
    run: Run, rows: DataFrame, day: date, landed: Landed, orders: CorrectedOrders | None
) -> DataFrame:
    window = Window.of_day(day)
    sources = related_sources(
        read_window(landed, payment_orders_raw.TABLE, window),
        read_window(landed, orders_raw.TABLE, window),
        orders.earlier(run, window) if orders else earlier_orders(run, window),
    )
    of_day = rows.where(F.col(INGEST_DATE) == lit_date(day))
    return ledger_candidates(run, ledger_entries.with_related(of_day, **sources))

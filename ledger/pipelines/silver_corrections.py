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
from ledger.contract import Table
from ledger.delta.scope import Scope
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_candidates import (
    BUSINESS,
    SOURCES,
    candidates,
    earlier_days,
    earlier_orders,
    landing_of,
    ledger_candidates,
    related_sources,
    unrelated,
)
from ledger.silver import ledger_entries, order_events, wallet_snapshot
from ledger.silver.live_rows import Landed
from ledger.silver.source_order import ORDER_COLUMNS, earliest_per_key
from ledger.silver.window_rows import read_dead, read_elsewhere, read_window
from ledger.text import clean
from ledger.window import Window, lit_date


@dataclass(frozen=True)
class Tainted:
    """Stored rows of a Silver table that came from dead rows of the window.

    ``dead``: what the dead rows say (key and what :func:`_of_origin` compares), ``stored``: whole stored rows.
    """

    table: Table
    dead: DataFrame
    stored: DataFrame


def find_tainted(run: Run, window: Window, table: Table) -> Tainted | None:
    """Stored rows of the table that came from dead rows of the window; None where the window has none."""
    landed = landing_of(run, window)
    if not landed.has_dead(SOURCES[table]):
        return None
    read = partial(read_dead, landed, window=window)
    if table is ledger_entries.TABLE:
        rows = ledger_candidates(run, unrelated(read(transaction_ledger_raw.TABLE)))
    else:
        rows = candidates(run, table, read)
    part = [table.partition_by] if table.partition_by else []
    whole = " AND ".join(f"{key} IS NOT NULL" for key in table.key)
    columns = dict.fromkeys((*table.key, *_of_origin(table), *part))
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
    on += [F.col(f"t.{c}").eqNullSafe(F.col(f"d.{c}")) for c in _of_origin(table)]
    stored = run.lakehouse.read(table, scope).select(*table.column_names).alias("t")
    came = run.lakehouse.stage(stored.join(dead.alias("d"), on, "left_semi"))
    return Tainted(table, dead, came)


def _of_origin(table: Table) -> tuple[str, ...]:
    """Beside the key, what a stored row shares with the Bronze row that it came from."""
    if table is wallet_snapshot.TABLE:
        return wallet_snapshot.BUSINESS
    if table is ledger_entries.TABLE:  # status and related_type come from elsewhere
        return (*ledger_entries.IMMUTABLE, *ORDER_COLUMNS)
    return (*BUSINESS[table], *ORDER_COLUMNS)


def live_elsewhere(run: Run, window: Window, tainted: Tainted) -> DataFrame:
    """Valid candidates for the tainted keys in live rows that the window does not read."""
    read = partial(read_elsewhere, landing_of(run, window, run.lookback_days), window=window)
    found = candidates(run, tainted.table, read).where("_reason IS NULL").drop("_reason", "_record_json")
    return found.join(tainted.stored.select(*tainted.table.key), list(tainted.table.key), "left_semi")


@dataclass(frozen=True)
class CorrectedOrders:
    """``silver.order_events`` as this run will leave it, for what ledger rows relate to."""

    named: DataFrame
    """``related_id`` of every order that a dead row speaks of."""
    stored: DataFrame
    replaced: DataFrame

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
        judged = [ledger_candidates(run, unrelated(staged))]
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

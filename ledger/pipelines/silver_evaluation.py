"""Evaluation of a window's Bronze rows for Silver: candidates, reasons, what stays per key. Writes nothing (spec 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table
from ledger.delta.scope import Scope
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_candidates import SOURCES, candidates, landing_of
from ledger.pipelines.silver_corrections import CorrectedOrders, Tainted, find_tainted, live_elsewhere
from ledger.pipelines.silver_entries import evaluate_ledger
from ledger.pipelines.silver_evaluated import (
    Correction,
    Evaluated,
    days_of,
    good_rows,
    profile,
    rejected_rows,
    repeated_keys,
)
from ledger.side_by_side import side_by_side
from ledger.silver import order_events, order_items, products, wallet_snapshot
from ledger.silver.window_rows import read_elsewhere, read_window
from ledger.window import Window

_COLLAPSE: dict[Table, Callable[[DataFrame], DataFrame]] = {
    wallet_snapshot.TABLE: wallet_snapshot.collapse,
    order_events.TABLE: order_events.collapse,
    order_items.TABLE: order_items.collapse,
    products.TABLE: products.collapse,
}


def evaluate_all(run: Run, window: Window) -> list[Evaluated]:
    """The five Silver tables' candidates. Writes nothing."""
    landed = landing_of(run, window)  # one state of the landing for all
    latest = partial(_latest_wins, run, window)
    others = [
        partial(_evaluate_wallets, run, window),
        partial(latest, order_items.TABLE),
        partial(latest, products.TABLE),
    ]
    if not landed.has_dead(SOURCES[order_events.TABLE]):
        wallets, entries, events, items, goods = side_by_side(
            [
                others[0],
                partial(evaluate_ledger, run, window, None),
                partial(latest, order_events.TABLE),
                *others[1:],
            ]
        )
        return [wallets, entries, events, items, goods]
    tainted = find_tainted(run, window, order_events.TABLE)  # entries take their status from what will stand
    events = latest(order_events.TABLE, tainted)
    entries = evaluate_ledger(run, window, _corrected_orders(events, tainted))
    wallets, items, goods = side_by_side(others)
    return [wallets, entries, events, items, goods]


def _corrected_orders(events: Evaluated, tainted: Tainted | None) -> CorrectedOrders | None:
    if tainted is None or events.correction is None:
        return None
    named = tainted.dead.select("order_ref").distinct()
    return CorrectedOrders(named, tainted.stored, events.correction.replaced)


def _latest_wins(run: Run, window: Window, table: Table, tainted: Tainted | None = None) -> Evaluated:
    """A table of which the latest row per key stays."""
    read = partial(read_window, landing_of(run, window), window=window)
    staged = run.lakehouse.stage(candidates(run, table, read))
    rows, bad, days = profile(staged, table)
    good, keys = good_rows(run, staged, bad), list(table.key)
    found = Evaluated(table, good, rejected_rows(staged), rows, rows - bad, bad, days)
    repeated = run.lakehouse.stage(repeated_keys(good, keys))
    if repeated.limit(1).collect():  # in the common case no key needs an order
        single, several = good.join(repeated, keys, "left_anti"), good.join(repeated, keys, "left_semi")
        valid = run.lakehouse.stage(single.unionByName(_COLLAPSE[table](several)))
        found = replace(found, valid=valid, valid_rows=valid.count())
    tainted = tainted or find_tainted(run, window, table)
    return found if tainted is None else _corrected(run, window, found, tainted)


def _corrected(run: Run, window: Window, found: Evaluated, tainted: Tainted) -> Evaluated:
    """For the tainted keys the latest of all live rows; stored rows without one go."""
    table, keys, lakehouse = found.table, list(found.table.key), run.lakehouse
    keyed = tainted.stored.select(*keys)
    live = found.valid.join(keyed, keys, "left_semi").unionByName(live_elsewhere(run, window, tainted))
    replaced = lakehouse.stage(_COLLAPSE[table](live))
    removed = tainted.stored.join(replaced.select(*keys), keys, "left_anti")
    return replace(
        found,
        valid=lakehouse.stage(found.valid.join(keyed, keys, "left_anti")),
        days=found.days | days_of(table, tainted.stored, replaced),
        correction=Correction(replaced, removed),
    )


def _evaluate_wallets(run: Run, window: Window) -> Evaluated:
    table = wallet_snapshot.TABLE
    found = _latest_wins(run, window, table)
    # A snapshot taken inside the window has all its rows there; only others may have a later row elsewhere.
    outside = found.valid.where(~window.contains(F.col("snapshot_ts")))
    if not outside.limit(1).collect():
        return found
    days = (window.date_kst - min(found.days)).days
    landed = landing_of(run, window, min(max(days, 1), run.lookback_days))
    others = candidates(run, table, partial(read_elsewhere, landed, window=window))
    stored = run.lakehouse.read(table, Scope.of(found.days))
    current = wallet_snapshot.without_superseded(found.valid, others.where("_reason IS NULL"), stored)
    return replace(found, valid=run.lakehouse.stage(current))

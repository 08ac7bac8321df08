"""Evaluation of a window's Bronze rows for Silver: candidates, reasons, what stays per key. Writes nothing (spec 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from pyspark.sql import DataFrame

from ledger.delta.scope import Scope
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_candidates import candidates, landing_of, sound_candidates
from ledger.pipelines.silver_corrections import find_tainted, live_elsewhere
from ledger.pipelines.silver_entries import related_candidates, settle_entries
from ledger.pipelines.silver_evaluated import Correction, Evaluated, Tainted, days_of
from ledger.pipelines.silver_judged import Judged, judge, repeated_keys
from ledger.side_by_side import side_by_side
from ledger.silver import wallet_snapshot
from ledger.silver.silver_table import Settled, SilverTable
from ledger.silver.window_rows import read_elsewhere, read_window
from ledger.tables import SILVER_TABLES
from ledger.window import Window


def evaluate_all(run: Run, window: Window) -> list[Evaluated]:
    """Every Silver table's candidates, in the tables' order. Writes nothing.

    All at once; where rows relate to a table that this run corrects, that one comes first: they relate to what will
    stand.
    """
    landed = landing_of(run, window)  # one state of the landing for all
    related = dict.fromkeys(silver.relates_to for silver in SILVER_TABLES)
    first = [silver for silver in related if silver and landed.has_dead(silver.bronze)]
    done = _evaluated(run, window, first, {})
    done |= _evaluated(run, window, [silver for silver in SILVER_TABLES if silver not in done], done)
    return [done[silver] for silver in SILVER_TABLES]


def _evaluated(
    run: Run, window: Window, tables: Sequence[SilverTable], done: Mapping[SilverTable, Evaluated]
) -> dict[SilverTable, Evaluated]:
    """Some of the tables, side by side; ``done``: those that are evaluated already."""
    if not tables:
        return {}
    related = [done.get(silver.relates_to) if silver.relates_to else None for silver in tables]
    staged = side_by_side(
        [partial(_staged, run, window, s, of) for s, of in zip(tables, related, strict=True)]
    )
    judged = judge(run, window, dict(zip(tables, staged, strict=True)))
    settling = [
        partial(_SETTLED[item.silver.settled], run, window, item, of)
        for item, of in zip(judged, related, strict=True)
    ]
    return dict(zip(tables, side_by_side(settling), strict=True))


def _staged(run: Run, window: Window, silver: SilverTable, related: Evaluated | None) -> DataFrame:
    if silver.relates_to:
        return run.lakehouse.stage(related_candidates(run, window, related))
    read = partial(read_window, landing_of(run, window), window=window)
    return run.lakehouse.stage(candidates(run, silver, read))


def _latest(run: Run, window: Window, item: Judged, _related: Evaluated | None) -> Evaluated:
    """A table of which the latest row per key stays."""
    silver, good, keys = item.silver, item.good, list(item.silver.contract.key)
    found = Evaluated.of(item)
    if item.look.is_given_twice:  # in the common case no key needs an order
        repeated = run.lakehouse.stage(repeated_keys(good, keys))
        single, several = good.join(repeated, keys, "left_anti"), good.join(repeated, keys, "left_semi")
        valid = run.lakehouse.stage(single.unionByName(silver.collapse(several)))
        found = replace(found, valid=valid, valid_rows=valid.count(), seen=None)
    tainted = find_tainted(run, window, silver)
    return found if tainted is None else _corrected(run, window, found, tainted)


def _corrected(run: Run, window: Window, found: Evaluated, tainted: Tainted) -> Evaluated:
    """For the tainted keys the latest of all live rows; stored rows without one go."""
    table, keys, lakehouse = found.table, list(found.table.key), run.lakehouse
    keyed = tainted.stored.select(*keys)
    live = found.valid.join(keyed, keys, "left_semi").unionByName(live_elsewhere(run, window, tainted))
    replaced = lakehouse.stage(found.silver.collapse(live))
    removed = tainted.stored.join(replaced.select(*keys), keys, "left_anti")
    return replace(
        found,
        valid=lakehouse.stage(found.valid.join(keyed, keys, "left_anti")),
        days=found.days | days_of(table, tainted.stored, replaced),
        correction=Correction(replaced, removed),
        tainted=tainted,
        seen=None,
    )


def _snapshots(run: Run, window: Window, item: Judged, related: Evaluated | None) -> Evaluated:
    """Wallet snapshots: the latest stays, and of a snapshot taken outside the window another window's row may be it.

    One that was taken inside has all its rows there.
    """
    found = _latest(run, window, item, related)
    if not item.profile.outside:
        return found
    days = (window.date_kst - min(found.days)).days
    landed = landing_of(run, window, min(max(days, 1), run.lookback_days))
    others = sound_candidates(run, item.silver, partial(read_elsewhere, landed, window=window))
    stored = run.lakehouse.read(found.table, Scope.of(found.days))
    current = wallet_snapshot.without_superseded(found.valid, others, stored)
    return replace(found, valid=run.lakehouse.stage(current), seen=None)


_SETTLED: Mapping[Settled, Callable[[Run, Window, Judged, Evaluated | None], Evaluated]] = {
    "latest": _latest,
    "snapshot": _snapshots,
    "earliest": settle_entries,
}

"""Ledger entries of a window: what they relate to, conflicts with what is stored, what stays per key (spec 5)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.bronze import orders_raw, payment_orders_raw, transaction_ledger_raw
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_candidates import (
    earlier_orders,
    landing_of,
    ledger_candidates,
    ledger_reason,
    related_columns,
    related_sources,
    search_scope,
)
from ledger.pipelines.silver_corrections import CorrectedOrders, entries_elsewhere, find_tainted
from ledger.pipelines.silver_evaluated import Correction, Evaluated, Tainted, days_of
from ledger.pipelines.silver_judged import Judged, repeated_keys
from ledger.pipelines.silver_relations import with_decided_relation
from ledger.silver import ledger_entries
from ledger.silver.source_order import ORDER_COLUMNS
from ledger.silver.window_rows import read_window, record_json
from ledger.window import Window

SILVER = ledger_entries.SILVER
TABLE = SILVER.contract
KEYS = list(TABLE.key)
_SAME = (*ORDER_COLUMNS, *ledger_entries.IMMUTABLE)
_COMPARED = (*KEYS, *_SAME, *ledger_entries.RELATION)


def related_candidates(run: Run, window: Window, events: Evaluated | None) -> DataFrame:
    """The window's candidates of ``silver.ledger_entries``, with what they relate to; ``events`` as below."""
    return ledger_candidates(run, _related(run, window, CorrectedOrders.of(events)))


def settle_entries(run: Run, window: Window, item: Judged, events: Evaluated | None) -> Evaluated:
    """Entries, of which the earliest stays; ``events``: what this run makes of ``silver.order_events``, if it corrects
    any of them."""
    orders, found = CorrectedOrders.of(events), Evaluated.of(item)
    tainted = find_tainted(run, window, SILVER)
    is_plain = tainted is None and orders is None
    if is_plain and not (item.look.has_stored or item.look.is_given_twice):
        return found  # the common case: no key has two rows or a stored entry
    lakehouse, related = run.lakehouse, _related(run, window, orders)
    stored = lakehouse.read(TABLE, search_scope(run, window, SILVER, found.days))
    if is_plain:
        return _reconciled(run, window, found, related, stored)
    elsewhere = entries_elsewhere(run, window, _affected(stored, tainted, orders), orders)
    gone = tainted.stored.select(*KEYS) if tainted else stored.select(*KEYS).where("false")
    sound = stored.select(*_COMPARED).join(gone, KEYS, "left_anti")
    # An entry of another landing day takes the place of a stored one that came from a dead row.
    known = sound.unionByName(elsewhere.join(gone, KEYS, "left_semi").select(*_COMPARED))
    found = _reconciled(run, window, found, related, lakehouse.stage(known) if tainted else sound)
    if tainted:
        found = replace(found, valid=with_decided_relation(run, window, found.valid, tainted.stored))
    return _corrected(run, found, tainted, elsewhere, sound, gone)


def _related(run: Run, window: Window, orders: CorrectedOrders | None) -> DataFrame:
    read = partial(read_window, landing_of(run, window), window=window)
    earlier = orders.earlier(run, window) if orders else earlier_orders(run, window)
    sources = related_sources(read(payment_orders_raw.TABLE), read(orders_raw.TABLE), earlier)
    return ledger_entries.with_related(read(transaction_ledger_raw.TABLE), **sources)


def _affected(stored: DataFrame, tainted: Tainted | None, orders: CorrectedOrders | None) -> DataFrame:
    """Keys of entries that came from dead rows, or that name an order of which a dead row speaks."""
    frames = [tainted.stored.select(*KEYS)] if tainted else []
    if orders:
        names = orders.named.withColumnRenamed("order_ref", "related_id")
        frames.append(stored.join(names, ["related_id"], "left_semi").select(*KEYS))
    return reduce(DataFrame.unionByName, frames).distinct()


def _corrected(
    run: Run,
    found: Evaluated,
    tainted: Tainted | None,
    elsewhere: DataFrame,
    sound: DataFrame,
    gone: DataFrame,
) -> Evaluated:
    """``found`` with what the rows of other landing days say of keys that the window's rows leave open."""
    lakehouse, mine = run.lakehouse, found.valid.select(*KEYS)
    is_same = [F.col(f"e.{k}") == F.col(f"t.{k}") for k in KEYS]
    is_same += [F.col(f"e.{c}").eqNullSafe(F.col(f"t.{c}")) for c in _SAME]
    instead = elsewhere.join(gone, KEYS, "left_semi")
    restated = elsewhere.alias("e").join(sound.alias("t"), is_same, "left_semi")
    replaced = lakehouse.stage(instead.unionByName(restated).join(mine, KEYS, "left_anti"))
    columns = list(TABLE.column_names)
    stored = tainted.stored if tainted else lakehouse.rows(TABLE, [])
    removed = stored.select(*columns).join(mine, KEYS, "left_anti").join(elsewhere, KEYS, "left_anti")
    days = found.days | days_of(TABLE, replaced, stored)
    correction = Correction(replaced, lakehouse.stage(removed))
    return replace(found, days=days, correction=correction, tainted=tainted, seen=None)


def _reconciled(
    run: Run, window: Window, found: Evaluated, related: DataFrame, stored: DataFrame
) -> Evaluated:
    """``found`` without what contradicts the earliest row of its key, here or stored."""
    lakehouse, good = run.lakehouse, found.valid
    repeated = repeated_keys(good, KEYS).withColumn("_relation", F.lit(0))
    either = repeated.unionByName(ledger_entries.stored_otherwise(good, stored))
    contested = lakehouse.stage(either.groupBy(*KEYS).agg(F.max("_relation").alias("_relation")))
    relates_otherwise = contested.agg(F.max("_relation")).collect()[0][0]
    if relates_otherwise is None:  # every stored entry is the valid row itself
        return found
    reconciled = lakehouse.stage(
        ledger_entries.reconcile_duplicates(good.join(contested, KEYS, "left_semi"), stored)
    )
    conflicts = reconciled.where("_conflict")
    conflict_rows = conflicts.count()
    rejected = found.rejected
    if conflict_rows:
        rejected = rejected.unionByName(_conflicting(run, related, conflicts))
    uncontested = good.join(contested, KEYS, "left_anti")
    valid = lakehouse.stage(uncontested.unionByName(ledger_entries.collapse(reconciled)))
    if relates_otherwise:
        valid = with_decided_relation(run, window, valid, stored)
    return replace(
        found,
        valid=valid,
        rejected=rejected,
        valid_rows=valid.count(),
        bad_rows=found.bad_rows + conflict_rows,
        seen=None,
    )


def _conflicting(run: Run, related: DataFrame, conflicts: DataFrame) -> DataFrame:
    """The whole Bronze rows of conflicting candidates, to be quarantined."""
    combination = [*KEYS, *ledger_entries.IMMUTABLE]
    wrong = conflicts.select(*[F.col(c).alias(f"_w_{c}") for c in combination]).distinct()
    text = record_json(run.lakehouse, related, related_columns(run))
    rows = related.withColumn("_reason", ledger_reason(run)).withColumn("_record_json", text)
    whole = ledger_entries.evaluate(rows).where("_reason IS NULL")
    match = [F.col(c).eqNullSafe(F.col(f"_w_{c}")) for c in combination]
    return whole.join(wrong, match, "left_semi").select(
        F.lit(ledger_entries.CONFLICTING).alias("reason"), F.col("_record_json").alias("record_json")
    )

"""Which KST day decides what a stored entry relates to, and which days have to decide again (spec sections 2 and 5).

Several days may read one ledger row: by its clocks, and by its landing day. The last of them that Silver has done decides
``related_type`` and ``status``. So the run of an older day leaves them alone, and where it changes what they rest on, the
deciding day is due. While days run in ascending order no later day is done, and nothing here is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze import transaction_ledger_raw
from ledger.bronze.metadata import INGEST_DATE, timestamp_columns
from ledger.delta.merge_plan import MergePlan
from ledger.delta.merge_sql import FATE
from ledger.delta.scope import Scope
from ledger.journal import read_journal
from ledger.money import MONEY
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_candidates import landing_of
from ledger.silver import ledger_entries, order_events
from ledger.silver.ledger_entries import RELATION
from ledger.text import clean
from ledger.window import Window, kst_date

TABLE = ledger_entries.TABLE
KEYS = list(TABLE.key)
_FACTS = (*KEYS, *ledger_entries.IMMUTABLE)
_DECIDES = "_decides"


def with_decided_relation(run: Run, window: Window, valid: DataFrame, stored: DataFrame) -> DataFrame:
    """The rows, with the relation of their stored entry where a later day decides it. One query where no such day is done."""
    days = read_journal(run.lakehouse).silver_days_after(window.date_kst)
    if not days:
        return valid
    known = {name: F.col(f"k.{name}").alias(f"_k_{name}") for name in RELATION}
    decided = stored.alias("k").join(
        _read_later(run, window, days).alias("l"), _same_entry("k", "l"), "left_semi"
    )
    joined = valid.alias("v").join(decided.alias("k"), _same_entry("v", "k"), "left")
    is_decided = F.col("k.tx_id").isNotNull()
    rows = joined.select("v.*", is_decided.alias("_is_decided"), *known.values())
    kept = {n: F.when(F.col("_is_decided"), F.col(f"_k_{n}")).otherwise(F.col(n)) for n in RELATION}
    return run.lakehouse.stage(rows.withColumns(kept).select(*valid.columns))


def days_to_decide_again(
    run: Run, window: Window, plans: Sequence[MergePlan], days: Collection[date]
) -> list[date]:
    """The done ``days`` after the window that decided on what these plans change, ascending.

    They read an entry that is stored anew, or their entries name an order that is not any more what they say of it.
    """
    planned = {plan.table: plan for plan in plans}
    entries, orders = planned[TABLE], planned[order_events.TABLE]
    if not days or not (entries.counts or orders.counts):
        return []
    made = _without_removed(entries.changed).select(*_FACTS, *RELATION)
    changed = _orders_as_planned(orders)
    later = _read_later(run, window, days).where("related_id IS NOT NULL")
    named = later.alias("l").join(changed.alias("o"), F.col("l.related_id") == F.col("o._ref"), "left_semi")
    seen = run.lakehouse.stage(named.unionByName(later.join(made, KEYS, "left_semi")).distinct())
    events = [row[0] for row in seen.select(kst_date(F.col("event_time"))).distinct().collect()]
    if not events:
        return []
    stored = run.lakehouse.read(TABLE, Scope.of(events)).select(*_FACTS, *RELATION)
    new = made.alias("m").join(stored.alias("t"), _same_entry("m", "t"), "left_anti")
    standing = stored.join(made, KEYS, "left_anti").unionByName(made)
    outdated = (
        standing.alias("e").join(changed.alias("o"), _is_outdated()).select(*[f"e.{n}" for n in _FACTS])
    )
    again = new.select(*_FACTS).unionByName(outdated)
    found = seen.alias("l").join(again.alias("a"), _same_entry("l", "a"), "left_semi").select(_DECIDES)
    return sorted(row[0] for row in found.distinct().collect())


def _read_later(run: Run, window: Window, days: Collection[date]) -> DataFrame:
    """Live ledger rows that one of ``days``, all after the window, reads: their entry, and the last of these days."""
    table = transaction_ledger_raw.TABLE
    rows = landing_of(run, window).live(run.lakehouse.read(table, Scope(start=window.date_kst)))
    reading = {f"_day_{n}": kst_date(F.col(n)) for n in timestamp_columns(table)}
    reading["_day_landed"] = F.col(INGEST_DATE)
    # A day does not look at what landed more than a day before it.
    is_read = f"<= date_add({INGEST_DATE}, 1)"
    hits = [
        F.expr(f"CASE WHEN {n} {is_read} AND {Scope.of(days).condition(n)} THEN {n} END") for n in reading
    ]
    return (
        rows.withColumns(reading)
        .select(
            clean(F.col("tx_id")).alias("tx_id"),
            clean(F.col("wallet_id")).alias("wallet_id"),
            clean(F.col("type")).alias("entry_type"),
            F.col("amount").cast(MONEY).alias("amount"),
            clean(F.col("related_id")).alias("related_id"),
            F.col("created_at").alias("event_time"),
            F.greatest(*hits).alias(_DECIDES),
        )
        .where(f"{_DECIDES} IS NOT NULL")
    )


def _same_entry(left: str, right: str) -> list[Column]:
    same = [F.col(f"{left}.{k}") == F.col(f"{right}.{k}") for k in KEYS]
    facts = ledger_entries.IMMUTABLE
    return [*same, *[F.col(f"{left}.{c}").eqNullSafe(F.col(f"{right}.{c}")) for c in facts]]


def _without_removed(changed: DataFrame) -> DataFrame:
    return changed.where(f"{FATE} <> 'removes'") if FATE in changed.columns else changed


def _orders_as_planned(plan: MergePlan) -> DataFrame:
    """Each order that the plan changes: what an entry that names it should relate to, or that it goes."""
    is_payment = F.col("order_source") == order_events.PAYMENT_ORDERS
    goes = F.col(FATE) == "removes" if FATE in plan.changed.columns else F.lit(False)
    return plan.changed.select(
        F.col("order_ref").alias("_ref"),
        F.when(is_payment, F.lit("PAYMENT_ORDER")).otherwise(F.lit("ORDER")).alias("_kind"),
        F.when(is_payment, F.col("status")).alias("_status"),
        goes.alias("_goes"),
    )


def _is_outdated() -> Column:
    """The entry ``e`` names the order ``o`` and says something else of it."""
    is_kind = F.col("e.related_type").eqNullSafe(F.col("o._kind"))
    agrees = is_kind & F.col("e.status").eqNullSafe(F.col("o._status"))
    is_payment = F.col("o._kind") == "PAYMENT_ORDER"
    differs = F.when(is_payment, ~agrees).otherwise(F.col("e.related_type").isNull())
    return (F.col("e.related_id") == F.col("o._ref")) & F.when(F.col("o._goes"), is_kind).otherwise(differs)

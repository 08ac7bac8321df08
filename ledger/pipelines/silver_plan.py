"""What a window's evaluated rows change in the five Silver tables, before anything is written (spec sections 2, 5)."""

from __future__ import annotations

from pyspark.sql import functions as F

from ledger.merge import Scope
from ledger.merge_plan import MergePlan
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_evaluation import Evaluated, search_scope
from ledger.silver import ledger_entries, order_events, order_items, products, wallet_snapshot
from ledger.silver.source_order import ORDER_COLUMNS, is_later
from ledger.window import Window

BUSINESS = {
    wallet_snapshot.TABLE: wallet_snapshot.BUSINESS,
    ledger_entries.TABLE: ledger_entries.BUSINESS,
    order_events.TABLE: order_events.BUSINESS,
    order_items.TABLE: order_items.BUSINESS,
    products.TABLE: products.BUSINESS,
}


def planned(run: Run, window: Window, item: Evaluated) -> MergePlan:
    """The merge of one Silver table: planned, not made."""
    rules, table = run.rules, item.table
    rule = {
        wallet_snapshot.TABLE: "silver/bad_records_rate",
        ledger_entries.TABLE: "silver/entry_type_allowed",
    }
    decided = rules[rule[table]].rule_id if table in rule else None
    source = table.conform(item.valid.withColumns({"run_id": F.lit(run.run_id), "rule_id": F.lit(decided)}))
    is_latest_wins = table in (order_events.TABLE, order_items.TABLE, products.TABLE)
    return run.lakehouse.plan_merge(
        table,
        source,
        scope=search_scope(run, window, item.days, nullable=table is order_events.TABLE)
        if table.partition_by
        else Scope(),
        differ=BUSINESS[table],
        touch=() if table is wallet_snapshot.TABLE else ORDER_COLUMNS,
        update_when=is_later((*ORDER_COLUMNS, *BUSINESS[table])) if is_latest_wins else "true",
    )

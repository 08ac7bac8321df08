"""Merge plans of a window's evaluated rows for the five Silver tables, before anything is written (spec sections 2, 5)."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.delta.merge_plan import MergePlan
from ledger.delta.merge_sql import FATE, Fate
from ledger.delta.scope import Scope
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_candidates import BUSINESS
from ledger.pipelines.silver_evaluated import Evaluated, search_scope
from ledger.silver import ledger_entries, order_events, order_items, products, wallet_snapshot
from ledger.silver.source_order import ORDER_COLUMNS, is_later
from ledger.window import Window


def planned(run: Run, window: Window, item: Evaluated) -> MergePlan:
    """The merge of one Silver table: planned, not made."""
    table = item.table
    is_latest_wins = table in (order_events.TABLE, order_items.TABLE, products.TABLE)
    return run.lakehouse.plan_merge(
        table,
        _source(run, item),
        scope=search_scope(run, window, item.days, nullable=table is order_events.TABLE)
        if table.partition_by
        else Scope(),
        differ=BUSINESS[table],
        touch=() if table is wallet_snapshot.TABLE else ORDER_COLUMNS,
        update_when=is_later((*ORDER_COLUMNS, *BUSINESS[table])) if is_latest_wins else "true",
    )


def _source(run: Run, item: Evaluated) -> DataFrame:
    """Source rows of the merge; with corrections each row says whether it merges, replaces or removes."""
    rules, table = run.rules, item.table
    rule = {
        wallet_snapshot.TABLE: "silver/bad_records_rate",
        ledger_entries.TABLE: "silver/entry_type_allowed",
    }
    decided = rules[rule[table]].rule_id if table in rule else None

    def of_this_run(rows: DataFrame) -> DataFrame:
        return table.conform(rows.withColumns({"run_id": F.lit(run.run_id), "rule_id": F.lit(decided)}))

    if item.correction is None:
        return of_this_run(item.valid)
    frames: dict[Fate, DataFrame] = {
        "merges": of_this_run(item.valid),
        "replaces": of_this_run(item.correction.replaced),
        "removes": table.conform(item.correction.removed),
    }
    marked = [rows.withColumn(FATE, F.lit(fate)) for fate, rows in frames.items()]
    return run.lakehouse.stage(reduce(DataFrame.unionByName, marked))

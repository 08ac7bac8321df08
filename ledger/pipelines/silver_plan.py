"""Merge plans of a window's evaluated rows for the Silver tables, before anything is written (spec sections 2, 5)."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.delta.merge_plan import MergePlan
from ledger.delta.merge_sql import FATE, Fate
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_candidates import search_scope
from ledger.pipelines.silver_evaluated import Evaluated
from ledger.silver.source_order import is_later
from ledger.window import Window


def planned(run: Run, window: Window, item: Evaluated) -> MergePlan:
    """The merge of one Silver table: planned, not made."""
    silver = item.silver
    order = (*silver.order_columns, *silver.business)
    return run.lakehouse.plan_merge(
        silver.contract,
        _source(run, item),
        scope=search_scope(run, window, silver, item.days),
        differ=silver.business,
        touch=silver.order_columns,
        update_when=is_later(order) if silver.settled == "latest" else "true",
        seen=item.seen,
    )


def _source(run: Run, item: Evaluated) -> DataFrame:
    """Source rows of the merge; with corrections each row says whether it merges, replaces or removes."""
    table, rule = item.table, item.silver.rule
    decided = run.rules[rule].rule_id if rule else None

    def of_this_run(rows: DataFrame) -> DataFrame:
        return table.cast(rows.withColumns({"run_id": F.lit(run.run_id), "rule_id": F.lit(decided)}))

    if item.correction is None:
        return of_this_run(item.valid)
    frames: dict[Fate, DataFrame] = {
        "merges": of_this_run(item.valid),
        "replaces": of_this_run(item.correction.replaced),
        "removes": table.conform(item.correction.removed),
    }
    marked = [rows.withColumn(FATE, F.lit(fate)) for fate, rows in frames.items()]
    return run.lakehouse.stage(reduce(DataFrame.unionByName, marked))

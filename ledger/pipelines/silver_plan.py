"""Merge plans of a window's evaluated rows for the Silver tables, before anything is written (spec sections 2, 5)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.delta.merge_plan import MergePlan
from ledger.delta.merge_sql import FATE, Fate
from ledger.delta.merges import Request
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_candidates import search_scope
from ledger.pipelines.silver_evaluated import Evaluated
from ledger.pipelines.silver_judged import as_stored
from ledger.side_by_side import side_by_side
from ledger.silver.source_order import is_later
from ledger.window import Window


def planned(run: Run, window: Window, items: Sequence[Evaluated]) -> list[MergePlan]:
    """The merges of the Silver tables: planned, not made. No query for those that have been looked at."""
    sources = side_by_side([partial(_source, run, item) for item in items])
    return run.lakehouse.plan_merges(
        [_request(run, window, item, source) for item, source in zip(items, sources, strict=True)]
    )


def _request(run: Run, window: Window, item: Evaluated, source: DataFrame) -> Request:
    silver = item.silver
    order = (*silver.order_columns, *silver.business)
    return Request(
        silver.contract,
        source,
        search_scope(run, window, silver, item.days),
        differ=silver.business,
        touch=silver.order_columns,
        update_when=is_later(order) if silver.settled == "latest" else "true",
        seen=item.seen,
    )


def _source(run: Run, item: Evaluated) -> DataFrame:
    """Source rows of the merge; with corrections each row says whether it merges, replaces or removes."""
    if item.correction is None:
        return as_stored(run, item.silver, item.valid)
    frames: dict[Fate, DataFrame] = {
        "merges": as_stored(run, item.silver, item.valid),
        "replaces": as_stored(run, item.silver, item.correction.replaced),
        "removes": item.table.conform(item.correction.removed),
    }
    marked = [rows.withColumn(FATE, F.lit(fate)) for fate, rows in frames.items()]
    return run.lakehouse.stage(reduce(DataFrame.unionByName, marked))

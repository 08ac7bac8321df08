"""Metadata of a finished table in the asset catalog: its own counts and a few of its own rows (runbook section 4)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import dagster as dg
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assets.catalog import asset_key, column_schema
from assets.checks.quality import results_of
from assets.lineage import lineage_metadata
from assets.plots import plots
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse, WriteResult
from ledger.delta.scope import Scope
from ledger.gold import exception_ledger, pipeline_state
from ledger.parameters import ResolvedRun
from ledger.pipelines.attempt import Outcome, Run
from ledger.side_by_side import side_by_side
from ledger.silver import bad_records
from ledger.window import Window, lit_ts
from resources import told

_SAMPLE_ROWS = 5
_FEW_ROWS = 100
_SAMPLE_COLUMNS = 10
# Which rows of a table with several writers are whose.
_ROWS_OF: Mapping[tuple[str, ...], str] = {
    (exception_ledger.TABLE.full_name, "dq"): "domain = 'dq'",
    (exception_ledger.TABLE.full_name, "recon"): f"exception_type = '{exception_ledger.RECON_DRIFT_HIGH}'",
    (exception_ledger.TABLE.full_name, "supply"): f"exception_type = '{exception_ledger.SUPPLY_MISMATCH}'",
    **{
        (pipeline_state.TABLE.full_name, name): f"pipeline_name = '{name}'"
        for name in ("pipeline_a", "pipeline_silver", "pipeline_b", "pipeline_c")
    },
}


def table_results(
    run: Run,
    what: ResolvedRun,
    outcomes: list[Outcome],
    tables: Mapping[Table, tuple[str, ...]],
    also: Mapping[Table, Mapping[str, Any]] | None = None,
) -> Iterator[dg.MaterializeResult[Any]]:
    """One materialization per table (with its writer, where a table has several)."""
    described = side_by_side(
        [partial(table_metadata, run, what, outcomes, table, writer) for table, writer in tables.items()]
    )
    for (table, writer), metadata in zip(tables.items(), described, strict=True):
        yield dg.MaterializeResult(
            asset_key=asset_key(table, *writer),
            metadata=told.metadata(
                {
                    **plots(table, outcomes),  # first: what is looked at
                    **metadata,
                    "dagster/column_schema": column_schema(table, *writer),
                    **lineage_metadata(table, *writer),
                    **(also or {}).get(table, {}),
                }
            ),
            check_results=list(results_of(table, writer, [v for o in outcomes for v in o.verdicts])),
        )


def table_metadata(
    run: Run, what: ResolvedRun, outcomes: list[Outcome], table: Table, writer: tuple[str, ...]
) -> dict[str, Any]:
    """Metadata of one table's materialization; a sample never shows who a user is."""
    written = [o.writes.get(table.full_name, WriteResult()) for o in outcomes]
    facts = {key: value for o in outcomes for key, value in o.facts.items()}
    own = _own_rows(table, writer, [o.window for o in outcomes])
    count, sample = count_and_sample(run.lakehouse, table, own.scope, own.where)
    return {
        # Of the days in hand: the row count of a partition, of the table where it has none.
        "dagster/partition_row_count" if own.scope else "dagster/row_count": count,
        "run_id": run.run_id,
        "window": ", ".join(str(o.window) for o in outcomes),
        **_counted("rows_read", table, [o.read for o in outcomes]),
        "rows_inserted": sum(w.inserted for w in written),
        "rows_updated": sum(w.updated for w in written),
        "rows_deleted": sum(w.deleted for w in written),
        "rows_written": sum(w.written for w in written),
        **_counted("rows_quarantined", table, [o.quarantined for o in outcomes]),
        "delta_version": run.lakehouse.version(table),
        "rule_ids": ", ".join(run.rules.rule_ids) if _uses_rules(run) else "none",
        "rule_load_mode": run.rules.load_description if _uses_rules(run) else "none",
        "readiness_skipped": what.skip_reason or "no",
        "sample": sample,
        **facts,
    }


@dataclass(frozen=True)
class _Own:
    """The rows of a table that a materialization speaks of: partitions, and which of their rows."""

    scope: Scope | None
    where: Column | None


def _own_rows(table: Table, writer: tuple[str, ...], windows: Sequence[Window]) -> _Own:
    """The windows' days of what this writer writes. A quarantined row lies on the day on which it was detected."""
    days = [window.date_kst for window in windows]
    if table is bad_records.TABLE and windows:
        start, end = lit_ts(windows[0].start), lit_ts(windows[-1].end)
        inside = (F.col("window_start_ts") >= start) & (F.col("window_end_ts") <= end)
        return _Own(Scope(start=min(days)), inside)
    rows = _ROWS_OF.get((table.full_name, *writer))
    return _Own(Scope.of(days) if table.partition_by and days else None, F.expr(rows) if rows else None)


def _counted(name: str, table: Table, counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """The table's own count; nothing for a table of which it was not counted."""
    own = [each[table.full_name] for each in counts if table.full_name in each]
    return {name: sum(own)} if own else {}


def _uses_rules(run: Run) -> bool:
    return "rules" in run.__dict__  # a cached property: only what was really loaded is named


def count_and_sample(
    lakehouse: Lakehouse, table: Table, scope: Scope | None = None, where: Column | None = None
) -> tuple[int, dg.TableMetadataValue]:
    """How many rows, and a few of them without the columns that identify a user.

    Where only a query can tell the number, rows that fit into one small answer are counted there.
    """
    names = [c.name for c in table.columns if c.name not in table.identifying and not c.name.startswith("_")]
    shown = names[:_SAMPLE_COLUMNS]
    count = lakehouse.known_count(table, scope)
    rows: DataFrame = lakehouse.read(table, scope)
    if where is not None:
        rows, count = (
            rows.where(where),
            count and None,
        )  # the log knows how many of all, or that there are none
    few = [] if count == 0 else rows.select(*shown).limit(_SAMPLE_ROWS if count else _FEW_ROWS).collect()
    if count is None:
        count = len(few) if len(few) < _FEW_ROWS else rows.count()
    return count, told.table(shown, [row.asDict() for row in few[:_SAMPLE_ROWS]])

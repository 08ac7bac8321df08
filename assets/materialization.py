"""Metadata of a finished table in the asset catalog: its own counts and a few of its own rows (runbook section 4)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from pyspark.sql import functions as F

from assets.catalog import asset_key, column_schema
from assets.checks.quality import results_of
from assets.lineage import lineage_metadata
from assets.plots import plots
from assets.samples import Part, Shown, counts_and_samples
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse, WriteResult
from ledger.delta.scope import Scope
from ledger.faults import first_line
from ledger.gold import exception_ledger, pipeline_state
from ledger.parameters import ResolvedRun
from ledger.pipelines.attempt import Outcome, Run
from ledger.pipelines.registry import PIPELINES
from ledger.silver import bad_records
from ledger.window import Window, lit_ts
from resources import told

# Which rows of a table with several writers are whose.
_ROWS_OF: Mapping[tuple[str, ...], str] = {
    (exception_ledger.TABLE.full_name, "dq"): "domain = 'dq'",
    (exception_ledger.TABLE.full_name, "recon"): f"exception_type = '{exception_ledger.RECON_DRIFT_HIGH}'",
    (exception_ledger.TABLE.full_name, "supply"): f"exception_type = '{exception_ledger.SUPPLY_MISMATCH}'",
    **{(pipeline_state.TABLE.full_name, p.name): f"pipeline_name = '{p.name}'" for p in PIPELINES},
}


def table_results(
    run: Run,
    what: ResolvedRun,
    outcomes: list[Outcome],
    tables: Mapping[Table, tuple[str, ...]],
    also: Mapping[Table, Mapping[str, Any]] | None = None,
) -> Iterator[dg.MaterializeResult[Any]]:
    """One materialization per table (with its writer, where a table has several). What cannot be shown fails nothing."""
    parts = [_own_rows(table, writer, [o.window for o in outcomes]) for table, writer in tables.items()]
    shown = counts_and_samples(run.lakehouse, parts)
    for (table, writer), part, own in zip(tables.items(), parts, shown, strict=True):
        yield dg.MaterializeResult(
            asset_key=asset_key(table, *writer),
            metadata=told.metadata(
                {
                    **plots(table, outcomes),  # first: what is looked at
                    **table_metadata(run, what, outcomes, part, own),
                    "dagster/column_schema": column_schema(table, *writer),
                    **lineage_metadata(table, *writer),
                    **(also or {}).get(table, {}),
                }
            ),
            check_results=list(results_of(table, writer, [v for o in outcomes for v in o.verdicts])),
        )


def table_metadata(
    run: Run, what: ResolvedRun, outcomes: list[Outcome], part: Part, shown: Shown
) -> dict[str, Any]:
    """Metadata of one table's materialization; a sample never shows who a user is."""
    table = part.table
    written = [o.writes.get(table.full_name, WriteResult()) for o in outcomes]
    facts = {key: value for o in outcomes for key, value in o.facts.items()}
    return {
        # Of the days in hand: the row count of a partition, of the table where it has none.
        **row_count(shown, of_partition=part.scope is not None),
        "run_id": run.run_id,
        "window": ", ".join(str(o.window) for o in outcomes),
        **_counted("rows_read", table, [o.read for o in outcomes]),
        "rows_inserted": sum(w.inserted for w in written),
        "rows_updated": sum(w.updated for w in written),
        "rows_deleted": sum(w.deleted for w in written),
        "rows_written": sum(w.written for w in written),
        **_counted("rows_quarantined", table, [o.quarantined for o in outcomes]),
        "delta_version": version_of(run.lakehouse, table),
        "rule_ids": ", ".join(run.rules.rule_ids) if _uses_rules(run) else "none",
        "rule_load_mode": run.rules.load_description if _uses_rules(run) else "none",
        "readiness_skipped": what.skip_reason or "no",
        "sample": shown.sample,
        **facts,
    }


def _own_rows(table: Table, writer: tuple[str, ...], windows: Sequence[Window]) -> Part:
    """The windows' days of what this writer writes. A quarantined row lies on the day on which it was detected."""
    days = [window.date_kst for window in windows]
    if table.partition_by == bad_records.DETECTED and windows:
        start, end = lit_ts(windows[0].start), lit_ts(windows[-1].end)
        inside = (F.col("window_start_ts") >= start) & (F.col("window_end_ts") <= end)
        return Part(table, Scope(start=min(days)), inside)
    rows = _ROWS_OF.get((table.full_name, *writer))
    scope = Scope.of(days) if table.partition_by and days else None
    return Part(table, scope, F.expr(rows) if rows else None)


def _counted(name: str, table: Table, counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """The table's own count; nothing for a table of which it was not counted."""
    own = [each[table.full_name] for each in counts if table.full_name in each]
    return {name: sum(own)} if own else {}


def _uses_rules(run: Run) -> bool:
    return "rules" in run.__dict__  # a cached property: only what was really loaded is named


def row_count(shown: Shown, *, of_partition: bool) -> dict[str, int]:
    """The number of rows under the name that Dagster knows; nothing where it could not be told."""
    name = "dagster/partition_row_count" if of_partition else "dagster/row_count"
    return {} if shown.count is None else {name: shown.count}


def version_of(lakehouse: Lakehouse, table: Table) -> int | str:
    """The table's Delta version, or why it cannot be told."""
    try:
        return lakehouse.version(table)
    except Exception as error:
        return f"not evaluated: {first_line(error)}"

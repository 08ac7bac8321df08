"""Restatement: changes that a control's rerun makes in a day that was controlled before, by how much, and because of which batch.

Written ahead of the result that it describes, so that a crash in between can only say too much; the rerun after it
notes the same change once. First runs of a day write nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.gold import restatement_log
from ledger.instants import from_micros
from ledger.journal import Note
from ledger.money import RATE
from ledger.pipelines.attempt import Restatement, Run
from ledger.pipelines.registry import PipelineName
from ledger.readiness import Upstream
from ledger.silver.silver_table import SilverTable
from ledger.state import newest_success
from ledger.tables import SILVER_TABLES
from ledger.window import Window, lit_date, lit_ts

_NAMED = 20  # batches, runs or days in one cell; more are counted
_COUNTED = ("decimal", "bigint", "int")


def restatement_of(
    run: Run, pipeline: PipelineName, window: Window, upstream: Upstream
) -> Restatement | None:
    """None on a day's first run: there is no earlier result then."""
    day = window.date_kst
    if newest_success(upstream.attempts, pipeline, day) is None:
        return None
    since = upstream.journal.read_from(pipeline, day) or 0
    return _because(run.lakehouse, pipeline, day, upstream.journal.changes_since(since, pipeline, day))


def note_changes(run: Run, restated: Restatement | None, table: Table, rows: DataFrame) -> int:
    """Append every figure in which the day's stored rows of ``table`` differ from ``rows``, which replace them.

    How many were noted; none on a day's first run.
    """
    if restated is None:
        return 0
    others = [name for name in table.key if name != table.partition_by]
    figures = [c.name for c in table.columns if c.type.startswith(_COUNTED) and c.name not in table.key]
    stored = run.lakehouse.read(table, Scope.of([restated.day]))
    key = F.col(others[0]) if others else F.lit(None).cast("string")
    return _append(run, restated, table, stored, rows, key, figures)


def note_total(run: Run, restated: Restatement | None, table: Table, rows: DataFrame, amount: str) -> int:
    """As :func:`note_changes`, for a table whose rows are not to be named: its number of rows and their total."""
    if restated is None:
        return 0
    stored = run.lakehouse.read(table, Scope.of([restated.day]))
    totals = [
        F.count(F.lit(1)).alias("rows"),
        F.coalesce(F.sum(amount), F.lit(0)).alias("amount_total"),
        F.max("run_id").alias("run_id"),
    ]
    key = F.lit(None).cast("string")
    return _append(
        run, restated, table, stored.agg(*totals), rows.agg(*totals), key, ["rows", "amount_total"]
    )


def restated_facts(restated: Restatement | None, noted: Mapping[str, int]) -> dict[str, object]:
    """Facts of a materialization: figures restated per table, and because of what; nothing where none was."""
    facts: dict[str, object] = {f"restated_{name}": n for name, n in noted.items() if n}
    if facts and restated:
        facts["restated_because_of"] = restated.caused_by_batches or restated.caused_by_runs or "unknown"
    return facts


def restatements(lakehouse: Lakehouse, *, newest: int = 10) -> list[dict[str, object]]:
    """The newest restatements, one per run and day: how many figures moved, supply's difference, and the cause."""
    if not lakehouse.exists(restatement_log.TABLE):
        return []
    rows = (
        lakehouse.read(restatement_log.TABLE)
        .groupBy("date_kst", "pipeline_name", "run_id")
        .agg(
            F.count(F.lit(1)).alias("figures"),
            F.sum(F.when(F.col("metric") == "diff_amount", F.col("difference"))).alias("supply_moved"),
            F.max("caused_by_runs").alias("caused_by_runs"),
            F.max("caused_by_batches").alias("caused_by_batches"),
            F.max(F.unix_micros("restated_at")).alias("at"),
        )
    )
    found = rows.orderBy(F.col("at").desc(), "date_kst").limit(newest).collect()
    return [
        {**row.asDict(), "at": str(from_micros(row["at"])), "supply_moved": str(row["supply_moved"] or 0)}
        for row in found
    ]


def _append(
    run: Run,
    restated: Restatement,
    table: Table,
    stored: DataFrame,
    rows: DataFrame,
    key: Column,
    figures: Sequence[str],
) -> int:
    old = stored.select(key.alias("row_key"), *figures, "run_id").alias("o")
    new = rows.select(key.alias("row_key"), *figures).alias("n")
    joined = old.join(new, F.col("o.row_key").eqNullSafe(F.col("n.row_key")), "full")
    differs = [~F.col(f"o.{figure}").eqNullSafe(F.col(f"n.{figure}")) for figure in figures]
    changed = run.lakehouse.stage(
        joined.where(reduce(lambda a, b: a | b, differs)).select(
            F.coalesce("o.row_key", "n.row_key").alias("row_key"),
            F.col("o.run_id").alias("previous_run_id"),
            *[
                F.col(f"{side}.{figure}").alias(f"{side}_{figure}")
                for figure in figures
                for side in ("o", "n")
            ],
        )
    )
    changes = reduce(
        lambda a, b: a.unionAll(b), [_changes(changed, figure, restated, table, run) for figure in figures]
    )
    noted = run.lakehouse.append_new(
        restatement_log.TABLE,
        changes,
        identity=restatement_log.IDENTITY,
        stored=run.lakehouse.read(restatement_log.TABLE, Scope.of([restated.day])),
    )
    return noted.inserted


def _changes(changed: DataFrame, figure: str, restated: Restatement, table: Table, run: Run) -> DataFrame:
    """The rows of one figure that differ, in the table's contract."""
    before, after = F.col(f"o_{figure}").cast(RATE), F.col(f"n_{figure}").cast(RATE)
    zero = F.lit(0).cast(RATE)
    return restatement_log.TABLE.conform(
        changed.where(~before.eqNullSafe(after)).select(
            lit_date(restated.day).alias("date_kst"),
            F.lit(restated.pipeline).alias("pipeline_name"),
            F.lit(table.full_name).alias("table_name"),
            "row_key",
            F.lit(figure).alias("metric"),
            before.alias("old_value"),
            after.alias("new_value"),
            (F.coalesce(after, zero) - F.coalesce(before, zero)).alias("difference"),
            "previous_run_id",
            F.lit(run.run_id).alias("run_id"),
            F.lit(restated.caused_by_runs).alias("caused_by_runs"),
            F.lit(restated.caused_by_batches).alias("caused_by_batches"),
            F.lit(restated.changed_days).alias("changed_days"),
            lit_ts(run.clock()).alias("restated_at"),
        )
    )


def _because(lakehouse: Lakehouse, pipeline: PipelineName, day: date, changes: Sequence[Note]) -> Restatement:
    """Silver's changes since the day was controlled, of tables that the control reads."""
    if not changes:
        return Restatement(pipeline, day)
    batches: set[str] = set()
    for silver in SILVER_TABLES:
        of_table = [note for note in changes if note.source_table == silver.name]
        if of_table:
            runs, days = {note.run_id for note in of_table}, {note.changed_date_kst for note in of_table}
            batches |= _batches(lakehouse, silver, runs, days)
    return Restatement(
        pipeline,
        day,
        caused_by_runs=_listed(note.run_id for note in changes),
        caused_by_batches=_listed(batches) if batches else None,
        changed_days=_listed(str(note.changed_date_kst) for note in changes),
    )


def _batches(lakehouse: Lakehouse, silver: SilverTable, runs: set[str], days: set[date]) -> set[str]:
    """The Bronze batches of the rows that the runs left in those days.

    Where a row does not store its own (of a snapshot), it is looked up in Bronze by what it shares with it.
    """
    table = silver.contract
    rows = lakehouse.read(table, Scope.of(days)).where(F.col("run_id").isin(sorted(runs)))
    if not silver.order_columns:
        keys = list(table.key)
        rows = rows.select(*keys).join(
            _evaluated(lakehouse, silver, min(days)).select(*keys, "_batch_id"), keys
        )
    found = rows.select("_batch_id").where("_batch_id IS NOT NULL").distinct().collect()
    return {row["_batch_id"] for row in found}


def _evaluated(lakehouse: Lakehouse, silver: SilverTable, earliest: date) -> DataFrame:
    """Bronze rows as the table stores them, whatever their quality; of landing days from the day before on."""
    scope, none = Scope(start=earliest - timedelta(days=1)), F.lit(None).cast("string")
    frames = [
        source.evaluate(
            lakehouse.read(source.table, scope).withColumns({"_reason": none, "_record_json": none})
        )
        for source in silver.sources
    ]
    return reduce(DataFrame.unionByName, frames)


def _listed(names: Iterable[str]) -> str:
    unique = sorted(set(names))
    more = f" and {len(unique) - _NAMED} more" if len(unique) > _NAMED else ""
    return ", ".join(unique[:_NAMED]) + more

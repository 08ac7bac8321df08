"""Every attempt of the pipelines, as the run log has them (spec sections 3 and 10)."""

from __future__ import annotations

from datetime import date

from pyspark.sql import functions as F

from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.gold import pipeline_run_log
from operations.rows import Values, typed

_LOGGED = (
    *("pipeline_name", "date_kst", "run_id", "status", "started_at", "ended_at"),
    *("rows_read", "rows_written", "rows_quarantined", "message"),
)


def read_runs(lakehouse: Lakehouse, day: date | None, limit: int | None) -> tuple[list[Values], int]:
    """The newest attempts, newest last, with their seconds; and how many there are. One query, and a count."""
    scope = Scope.of([day]) if day else None
    log = lakehouse.read(pipeline_run_log.TABLE, scope).select(*_LOGGED)
    newest = log.orderBy(*[F.col(name).desc() for name in ("ended_at", "started_at", "pipeline_name")])
    rows = [_timed(row) for row in typed(newest if limit is None else newest.limit(limit))]
    whole = limit is None or len(rows) < limit
    return rows[::-1], len(rows) if whole else lakehouse.count(pipeline_run_log.TABLE, scope)


def _timed(row: Values) -> Values:
    ended = row.pop("ended_at")
    seconds = (ended - row["started_at"]).total_seconds()
    placed = {name: row[name] for name in ("pipeline_name", "date_kst", "run_id", "status", "started_at")}
    return {**placed, "seconds": round(seconds), **row}

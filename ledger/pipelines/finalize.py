"""The failure of an attempt whose process could not record it: killed, timed out, cancelled (spec section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import functions as F

from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.gold import pipeline_run_log
from ledger.pipelines.registry import PipelineName
from ledger.state import SUCCESS, Attempt, record_failure
from ledger.window import Window, lit_ts


def finalize_failure(
    lakehouse: Lakehouse,
    pipeline: PipelineName,
    windows: Sequence[Window],
    *,
    run_id: str,
    started_at: datetime,
    is_first_try: bool,
    now: datetime,
    message: str,
) -> Window | None:
    """Record the failure of the attempt that began at ``started_at``, unless it recorded itself; the window if so.

    ``windows`` are the days that the run was to do, ascending. It stops at the first that fails, so the failed one
    is the first without a success of this run. One attempt is one row, however often this is called.

    What the attempt recorded is known by its start, not by when it was recorded: the first try of a run records the very
    start of the run, a later one no earlier start than its own. So an earlier run of the same id on a host whose clock
    is ahead is not taken for this one, nor is this one overlooked when its clock was put back meanwhile.
    """
    days = [window.date_kst for window in windows]
    log = lakehouse.read(pipeline_run_log.TABLE, Scope.of(days)).where(
        (F.col("pipeline_name") == pipeline) & (F.col("run_id") == run_id)
    )
    begun = F.col("started_at")
    own = log.where(begun == lit_ts(started_at) if is_first_try else begun >= lit_ts(started_at))
    recorded = {(row["date_kst"], row["status"]) for row in own.select("date_kst", "status").collect()}
    done = {day for day, status in recorded if status == SUCCESS}
    failed = next((window for window in windows if window.date_kst not in done), None)
    if failed is None or any(status != SUCCESS for _, status in recorded):
        return None
    attempt = Attempt(pipeline, run_id, failed, started_at, now, message=message)
    record_failure(lakehouse, attempt)
    return failed

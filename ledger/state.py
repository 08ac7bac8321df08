"""Pipeline state and run log (spec section 3).

Attempts of a day stand in the log in the order in which they ended: ``ended_at`` is the clock of the run, or the next
instant after the newest attempt of the day where that clock is behind (:mod:`ledger.order`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.delta.answers import question
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.errors import CommitConflictError
from ledger.gold import pipeline_run_log, pipeline_state
from ledger.instants import after, from_micros, to_micros
from ledger.order import append_in_order
from ledger.pipelines.registry import PipelineName
from ledger.window import Window

SUCCESS, FAILURE = "success", "failure"
_MESSAGE_CHARACTERS = 2000
_MAX_TRIES = 10


@dataclass(frozen=True)
class PipelineState:
    """One row of ``gold.pipeline_state``; all empty for a pipeline that never ran."""

    pipeline_name: PipelineName
    last_success_ts: datetime | None = None
    last_processed_end: datetime | None = None
    last_run_id: str | None = None
    zero_window_counts: Mapping[str, int] = field(default_factory=dict)
    updated_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Attempt:
    """One pipeline, window and attempt, as ``gold.pipeline_run_log`` records it. Counts are rows."""

    pipeline_name: PipelineName
    run_id: str
    window: Window
    started_at: datetime
    ended_at: datetime
    rows_read: int | None = None
    rows_written: int | None = None
    rows_quarantined: int | None = None
    rule_load_mode: str | None = None
    message: str | None = None


def read_state(lakehouse: Lakehouse, pipeline: PipelineName) -> PipelineState:
    """The stored state of a pipeline."""
    found = (state for state in read_states(lakehouse) if state.pipeline_name == pipeline)
    return next(found, PipelineState(pipeline))


def read_states(lakehouse: Lakehouse) -> list[PipelineState]:
    """The stored states of all pipelines that ever ended a run, by name. At most one query."""
    states = [
        PipelineState(
            row["pipeline_name"],
            from_micros(row["last_success_ts"]),
            from_micros(row["last_processed_end"]),
            row["last_run_id"],
            json.loads(row["dq_zero_window_counts"] or "{}"),
            from_micros(row["updated_at"]),
        )
        for row in lakehouse.answer(pipeline_state.TABLE, _state_rows)
    ]
    return sorted(states, key=lambda state: state.pipeline_name)


@question()
def _state_rows(table: DataFrame) -> DataFrame:
    times = [F.unix_micros(n).alias(n) for n in ("last_success_ts", "last_processed_end", "updated_at")]
    return table.select("pipeline_name", "last_run_id", "dq_zero_window_counts", *times)


def record_success(
    lakehouse: Lakehouse,
    attempt: Attempt,
    *,
    zero_window_counts: Mapping[str, int] | None = None,
    needs_contiguous_window: bool = False,
) -> None:
    """Log the attempt, then advance the pipeline's state.

    The watermark never moves back; with ``needs_contiguous_window`` (A) it advances only from a window that
    starts at or before it. ``zero_window_counts`` None leaves the stored counts alone.
    """
    _append_log(lakehouse, attempt, SUCCESS)

    def succeeded(state: PipelineState) -> PipelineState:
        watermark, window = state.last_processed_end, attempt.window
        if watermark is None or (
            watermark < window.end and (not needs_contiguous_window or window.start <= watermark)
        ):
            watermark = window.end
        return replace(
            state,
            last_success_ts=attempt.ended_at,
            last_processed_end=watermark,
            last_run_id=attempt.run_id,
            zero_window_counts=state.zero_window_counts if zero_window_counts is None else zero_window_counts,
        )

    update_state(lakehouse, attempt.pipeline_name, succeeded, at=attempt.ended_at)


def record_failure(lakehouse: Lakehouse, attempt: Attempt) -> None:
    """Log the attempt once and set only ``last_run_id`` and ``updated_at`` of the pipeline's state."""
    told = ("pipeline_name", "run_id", "started_at")
    of_day = read_attempts(lakehouse, Scope.of([attempt.window.date_kst]))
    failures = [logged for logged in of_day if not logged.is_success]
    # B's tasks fail side by side: one attempt is one row
    if not any(all(getattr(logged, n) == getattr(attempt, n) for n in told) for logged in failures):
        _append_log(lakehouse, attempt, FAILURE)
    update_state(
        lakehouse,
        attempt.pipeline_name,
        lambda state: replace(state, last_run_id=attempt.run_id),
        at=attempt.ended_at,
    )


@dataclass(frozen=True)
class Logged:
    """One attempt as the run log has it. Counts are rows."""

    pipeline_name: PipelineName
    date_kst: date
    run_id: str
    status: str
    started_at: datetime
    ended_at: datetime
    rows_quarantined: int | None = None
    message: str | None = None

    @property
    def is_success(self) -> bool:
        return self.status == SUCCESS


def read_attempts(lakehouse: Lakehouse, days: Scope) -> list[Logged]:
    """The attempts of the KST days in the run log, oldest first. At most one query."""
    attempts = [
        Logged(**(r.asDict() | {name: from_micros(r[name]) for name in ("started_at", "ended_at")}))
        for r in lakehouse.answer(pipeline_run_log.TABLE, attempt_rows, days)
    ]
    return sorted(attempts, key=lambda a: (a.ended_at, a.started_at, a.status))


@question(
    pipeline_name=str,
    date_kst=date,
    run_id=str,
    status=str,
    rows_quarantined=int,
    message=str,
    started_at=int,
    ended_at=int,
)
def attempt_rows(table: DataFrame) -> DataFrame:
    names = ("pipeline_name", "date_kst", "run_id", "status", "rows_quarantined", "message")
    return table.select(*names, *[F.unix_micros(name).alias(name) for name in ("started_at", "ended_at")])


def newest_attempt(attempts: Sequence[Logged], pipeline: PipelineName, day: date) -> Logged | None:
    """The pipeline's newest attempt of the day."""
    return next((a for a in reversed(attempts) if (a.pipeline_name, a.date_kst) == (pipeline, day)), None)


def newest_success(attempts: Sequence[Logged], pipeline: PipelineName, day: date) -> Logged | None:
    """The pipeline's newest successful attempt of the day."""
    return newest_attempt([a for a in attempts if a.is_success], pipeline, day)


def _append_log(lakehouse: Lakehouse, attempt: Attempt, status: str) -> None:
    row = {
        **{n: getattr(attempt, n) for n in pipeline_run_log.TABLE.column_names if hasattr(attempt, n)},
        "date_kst": attempt.window.date_kst,
        "status": status,
        "window_start_ts": attempt.window.start,
        "window_end_ts": attempt.window.end,
        "message": attempt.message[:_MESSAGE_CHARACTERS] if attempt.message else None,
    }
    append_in_order(
        lakehouse,
        pipeline_run_log.TABLE,
        [row],
        order="ended_at",
        day=attempt.window.date_kst,
        now=attempt.ended_at,
    )


def update_state(
    lakehouse: Lakehouse,
    pipeline: PipelineName,
    change: Callable[[PipelineState], PipelineState],
    *,
    at: datetime,
) -> PipelineState:
    """Read, change, write back only what nobody else changed meanwhile; else once more from what now stands.

    ``updated_at`` tells one version of the row from the next, so it moves on with every write, whatever the clock says.
    """
    for _ in range(_MAX_TRIES):
        stored = read_state(lakehouse, pipeline)
        wanted = change(stored)
        if wanted == stored and stored.updated_at and stored.updated_at >= at:
            return stored
        wanted = replace(wanted, updated_at=after(at, stored.updated_at))
        is_as_read = (
            f"unix_micros(t.updated_at) = {to_micros(stored.updated_at)}" if stored.updated_at else "false"
        )
        try:
            _merge_state(lakehouse, wanted, is_as_read)
            if _stands(lakehouse, wanted):
                return wanted
        except CommitConflictError:
            continue
    raise CommitConflictError(
        "the pipeline's state kept changing", table=pipeline_state.TABLE.full_name, key=pipeline
    )


def _stands(lakehouse: Lakehouse, wanted: PipelineState) -> bool:
    """Whether what was to be written is what is stored, whoever else wrote at the same moment."""
    stored = read_state(lakehouse, wanted.pipeline_name)
    return stored == wanted and stored.updated_at == wanted.updated_at


def _merge_state(lakehouse: Lakehouse, state: PipelineState, update_when: str) -> None:
    counts = json.dumps(dict(state.zero_window_counts), sort_keys=True) if state.zero_window_counts else None
    row = {
        "pipeline_name": state.pipeline_name,
        "last_success_ts": state.last_success_ts,
        "last_processed_end": state.last_processed_end,
        "last_run_id": state.last_run_id,
        "dq_zero_window_counts": counts,
        "updated_at": state.updated_at,
    }
    rows = lakehouse.rows(pipeline_state.TABLE, [row])
    lakehouse.merge_row(pipeline_state.TABLE, rows, update_when=update_when)

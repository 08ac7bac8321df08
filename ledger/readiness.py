"""May B and C start on a window? What is required of Silver, and what is found (spec section 7, fail-closed)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.errors import ReadinessError
from ledger.journal import Journal, Note, read_journal
from ledger.pipelines.registry import PIPELINE_SILVER, PipelineName
from ledger.state import Logged, newest_attempt, read_attempts, read_state
from ledger.window import Window

WATERMARK, NEWEST_RUN, WHOLE, ROWS = "watermark", "newest_run", "whole", "rows"
_SILVER = PIPELINE_SILVER.name


@dataclass(frozen=True)
class Condition:
    """One thing that has to hold before B or C starts: required and found as text, and what to do otherwise."""

    name: str
    required: str
    found: str
    holds: bool
    day: date
    table: str | None = None

    @property
    def action(self) -> str:
        return f"run {PIPELINE_SILVER.job} for {self.day}"

    def __str__(self) -> str:
        return f"required: {self.required}; found: {self.found}"

    def error(self) -> ReadinessError:
        """The refusal, naming day and remedy."""
        return ReadinessError(str(self), table=self.table, partition=str(self.day), action=self.action)


@dataclass(frozen=True)
class Upstream:
    """Silver as a control finds it when it begins to read: the run log of its days, and the journal."""

    attempts: tuple[Logged, ...]
    journal: Journal

    @property
    def read_from(self) -> int:
        """The position in the journal from which the control reads: whatever Silver notes later makes it due."""
        return self.journal.newest_seq


def read_upstream(lakehouse: Lakehouse, window: Window) -> Upstream:
    """Asked before anything of Silver is read. Two queries."""
    days = Scope.of(part.date_kst for part in window.split_by_day())
    journal = read_journal(lakehouse)
    return Upstream(tuple(read_attempts(lakehouse, days)), journal)


def silver_conditions(
    lakehouse: Lakehouse, pipeline: PipelineName, window: Window, upstream: Upstream | None = None
) -> list[Condition]:
    """Silver has reached the window's end, its newest run of every day succeeded, and none is half way.

    The watermark alone cannot see a hole, nor a later failure of a day below it; neither sees a run at work, or one that
    was killed between two of its merges, on the day or (for B) an earlier one.
    """
    upstream = upstream or read_upstream(lakehouse, window)
    days = [part.date_kst for part in window.split_by_day()]
    return [
        _watermark(lakehouse, window),
        *[_newest_run(day, newest_attempt(upstream.attempts, _SILVER, day)) for day in days],
        *[_whole(day, upstream.journal.unfinished_for(pipeline, day)) for day in days],
    ]


def check_ready(
    lakehouse: Lakehouse, pipeline: PipelineName, window: Window, upstream: Upstream | None = None
) -> None:
    """The refusal of B's and C's own compute: it holds where no gate ran before it.

    Raises :class:`ReadinessError` saying what was required and what was found.
    """
    for condition in silver_conditions(lakehouse, pipeline, window, upstream):
        if not condition.holds:
            raise condition.error()


def _watermark(lakehouse: Lakehouse, window: Window) -> Condition:
    state, day = read_state(lakehouse, _SILVER), window.date_kst
    if state.last_success_ts is None:
        return Condition(WATERMARK, f"a success of {_SILVER}", "it never succeeded", False, day)
    end = state.last_processed_end
    return Condition(
        WATERMARK,
        f"{_SILVER}.last_processed_end >= {window.end.isoformat()}",
        end.isoformat() if end else "none",
        end is not None and end >= window.end,
        day,
    )


def _newest_run(day: date, newest: Logged | None) -> Condition:
    return Condition(
        NEWEST_RUN,
        f"the newest {_SILVER} run of {day} is a success",
        newest.status if newest else "no run",
        newest is not None and newest.is_success,
        day,
    )


def _whole(day: date, unfinished: list[Note]) -> Condition:
    required = f"no {_SILVER} run is under way or half merged on {day} or a day that it depends on"
    if not unfinished:
        return Condition(WHOLE, required, "as required", True, day)
    oldest = min(unfinished, key=lambda note: note.window.date_kst)
    found = f"run {oldest.run_id} of {oldest.window.date_kst} began at {oldest.changed_at:%Y-%m-%dT%H:%M:%SZ}"
    return Condition(WHOLE, required, f"{found} and is not done", False, oldest.window.date_kst)

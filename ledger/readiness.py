"""May B and C start on a window? What is required of Silver, and what is found (spec section 7, fail-closed)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.errors import ReadinessError
from ledger.lakehouse import Lakehouse
from ledger.state import SUCCESS, newest_attempts, read_state
from ledger.window import Window

WATERMARK, NEWEST_RUN, ROWS = "watermark", "newest_run", "rows"
_SILVER_JOB = "pipeline_silver_materialization"


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
        return f"run {_SILVER_JOB} for {self.day}"

    def __str__(self) -> str:
        return f"required: {self.required}; found: {self.found}"

    def error(self) -> ReadinessError:
        """The refusal, naming day and remedy."""
        return ReadinessError(str(self), table=self.table, partition=str(self.day), action=self.action)


def silver_conditions(lakehouse: Lakehouse, window: Window) -> list[Condition]:
    """Silver has reached the window's end, and its newest run of every day succeeded.

    The watermark alone cannot see a hole, nor a later failure of a day below it.
    """
    days = [part.date_kst for part in window.split_by_day()]
    newest = newest_attempts(lakehouse, "pipeline_silver", days)
    return [_watermark(lakehouse, window), *[_newest_run(day, newest.get(day, "no run")) for day in days]]


def check_ready(lakehouse: Lakehouse, window: Window) -> None:
    """The refusal of B's and C's own compute: it holds where no gate ran before it.

    Raises :class:`ReadinessError` saying what was required and what was found.
    """
    for condition in silver_conditions(lakehouse, window):
        if not condition.holds:
            raise condition.error()


def _watermark(lakehouse: Lakehouse, window: Window) -> Condition:
    state, day = read_state(lakehouse, "pipeline_silver"), window.date_kst
    if state.last_success_ts is None:
        return Condition(WATERMARK, "a success of pipeline_silver", "it never succeeded", False, day)
    end = state.last_processed_end
    return Condition(
        WATERMARK,
        f"pipeline_silver.last_processed_end >= {window.end.isoformat()}",
        end.isoformat() if end else "none",
        end is not None and end >= window.end,
        day,
    )


def _newest_run(day: date, status: str) -> Condition:
    return Condition(
        NEWEST_RUN, f"the newest pipeline_silver run of {day} is a success", status, status == SUCCESS, day
    )

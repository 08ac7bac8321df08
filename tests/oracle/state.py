"""Section 3's bookkeeping: `pipeline_state`, `pipeline_run_log`, and section 7's readiness."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from tests.oracle.contract import Row
from tests.oracle.controls import ANY
from tests.oracle.values import Window

Tables = dict[str, list[Row]]


class NotReady(Exception):
    """B and C refuse to start: Silver has not (successfully) processed the day (section 7)."""


@dataclass(frozen=True)
class Result:
    """How one step of a day ended: on failure the error class' name (`kind`) and its text."""

    step: str
    ok: bool
    kind: str = ""
    reason: str = ""


@dataclass
class DayOutcome:
    """The steps of one `day` call, in order; the first failing one is the last."""

    day: date
    run_id: str
    results: list[Result] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every step succeeded."""
        return all(result.ok for result in self.results)

    @property
    def failure(self) -> Result | None:
        """The step that stopped the day."""
        return next((result for result in self.results if not result.ok), None)


@dataclass(frozen=True)
class Control:
    """A finished B: at which step of the oracle, by which run, and the findings it left (domain `ledger`)."""

    step: int
    run_id: str
    findings: list[Row]


@dataclass
class Changes:
    """Which days' rows Silver changed, at which step of the oracle."""

    noted: list[tuple[int, date]] = field(default_factory=list)

    def note(self, step: int, written: list[tuple[Row | None, Row]]) -> None:
        """(before, after) of rows: the days of both changed."""
        for row in (row for pair in written for row in pair if row is not None):
            changed = row.get("event_date_kst") or row.get("snapshot_date_kst")
            if changed is not None:
                self.noted.append((step, changed))

    def after(self, done: dict[date, int], *, or_earlier: bool = False) -> list[date]:
        """The days (done at these steps) that changed since; or of which an earlier one did."""
        return sorted(
            day
            for day, step in done.items()
            if any(at > step and (to == day or (or_earlier and to < day)) for at, to in self.noted)
        )


def require_ready(tables: Tables, window: Window) -> None:
    """Fail-closed: the watermark reaches the window's end and the day's newest Silver run succeeded."""
    states = tables["gold.pipeline_state"]
    state: Row = next((row for row in states if row["pipeline_name"] == "pipeline_silver"), {})
    reached = state.get("last_processed_end")
    if state.get("last_success_ts") is None or reached is None or reached < window.end:
        raise NotReady(f"required pipeline_silver.last_processed_end >= {window.end}, found {reached}")
    attempts = [
        row["status"]
        for row in tables["gold.pipeline_run_log"]
        if row["pipeline_name"] == "pipeline_silver" and row["date_kst"] == window.date_kst
    ]
    if not attempts or attempts[-1] != "success":
        found = attempts[-1] if attempts else "no run"
        raise NotReady(f"required a successful pipeline_silver run of {window.date_kst}, found {found}")


def record_attempt(
    tables: Tables,
    result: Result,
    window: Window,
    run_id: str,
    started_and_ended: tuple[datetime, datetime],
    rule_load_mode: str,
) -> None:
    """One `pipeline_run_log` row per pipeline, day and attempt. C reads no rules, so it has no load mode."""
    tables["gold.pipeline_run_log"].append(
        {
            "pipeline_name": result.step,
            "date_kst": window.date_kst,
            "run_id": run_id,
            "status": "success" if result.ok else "failure",
            "window_start_ts": window.start,
            "window_end_ts": window.end,
            "started_at": started_and_ended[0],
            "ended_at": started_and_ended[1],
            "rows_read": ANY,
            "rows_written": ANY,
            "rows_quarantined": ANY,
            "rule_load_mode": None if result.step == "pipeline_c" else rule_load_mode,
            "message": ANY,
        }
    )


def record_state(tables: Tables, result: Result, window: Window, run_id: str, clock: datetime) -> None:
    """Section 3: success sets everything, failure only `last_run_id` and `updated_at`."""
    pipeline = result.step
    states = tables["gold.pipeline_state"]
    state = next((row for row in states if row["pipeline_name"] == pipeline), None)
    if state is None:
        state = {"pipeline_name": pipeline, "last_success_ts": None, "last_processed_end": None}
        state["dq_zero_window_counts"] = None
        states.append(state)
    state |= {"last_run_id": run_id, "updated_at": clock}
    if not result.ok:
        return
    state["last_success_ts"] = clock
    reached = state["last_processed_end"]
    # A's watermark must not jump over a hole; the others' never moves back, and readiness sees the holes.
    leaps = pipeline == "pipeline_a" and reached is not None and window.start > reached
    if reached is None or (window.end > reached and not leaps):
        state["last_processed_end"] = window.end


def replace_day(tables: Tables, table: str, day: date, rows: list[Row], column: str = "date_kst") -> None:
    """The day's rows are these and no others."""
    tables[table] = [row for row in tables[table] if row[column] != day] + rows


def replace_exceptions(tables: Tables, day: date, kind: str, run_id: str, rows: list[Row]) -> None:
    """The same date, domain, exception_type and run_id; another run's exceptions stay."""
    scope = (day, "ledger", kind, run_id)
    names = ("date_kst", "domain", "exception_type", "run_id")
    table = tables["gold.exception_ledger"]
    tables["gold.exception_ledger"] = [row for row in table if tuple(row[n] for n in names) != scope] + rows

"""Facts of KST days as they stand in the tables: attempts, figures, findings, quarantine (spec section 9).

Of domain ledger the findings of the newest successful control stand, of dq those of the newest evaluation of each
window; of the quarantine the rows that the newest Silver run of the day rejected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze import landing_file
from ledger.bronze.landing_file import newest_change_rows, newest_changes
from ledger.delta.answers import question
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.due import silver_due
from ledger.gold import exception_ledger, ledger_supply_balance_daily, pipeline_run_log, restatement_log
from ledger.instants import to_micros
from ledger.journal import Journal, note_rows, read_journal
from ledger.pipelines.registry import PIPELINE_B, PIPELINE_SILVER, PipelineName
from ledger.side_by_side import side_by_side
from ledger.silver import bad_records, day_changes, dq_status, ledger_entries, wallet_snapshot
from ledger.state import Logged, attempt_rows, newest_attempt, newest_success, read_attempts
from ledger.window import Window


@dataclass(frozen=True)
class DayFacts:
    """Everything that the verdict of one KST day rests on."""

    day: date
    newest_silver: Logged | None
    newest_control: Logged | None
    controlled: Logged | None
    due: tuple[PipelineName, ...]
    due_because: str
    diff_amount: Decimal | None
    supply_is_ok: bool
    drifting_users: int
    missing_inputs: tuple[str, ...]
    findings: Counter[str] = field(default_factory=Counter)
    input_critical: int = 0
    earlier_exceptions: int = 0
    quarantined: int = 0
    earlier_quarantined: int = 0
    restated: int = 0


@dataclass(frozen=True, order=True)
class _Evaluation:
    """A's newest evaluation of one window: its clock (microseconds), its run, and whether it found anything."""

    generated_at: int
    run_id: str
    found: bool


@dataclass(frozen=True)
class _Read:
    """The rows of all asked days, as they were collected."""

    attempts: list[Logged]
    journal: Journal
    changes: Mapping[date, datetime]
    supply: Mapping[date, Any]
    exceptions: Sequence[Any]
    evaluations: Mapping[tuple[Any, ...], _Evaluation]
    present: Mapping[str, frozenset[date]]
    quarantine: Sequence[Any]
    restated: Mapping[date, int]


def read_facts(lakehouse: Lakehouse, days: Sequence[date]) -> list[DayFacts]:
    """The facts of the days, in their order. At most one query where the log is at hand, else ten, for all days."""
    if not days:
        return []
    scope = Scope(min(days), max(days))
    read = _read(lakehouse, scope)
    return [_facts(read, day) for day in days]


def _read(lakehouse: Lakehouse, scope: Scope) -> _Read:
    lakehouse.ask_together(
        [
            (pipeline_run_log.TABLE, attempt_rows, scope),
            (day_changes.TABLE, note_rows, None),
            (landing_file.TABLE, newest_change_rows, scope),
            (ledger_supply_balance_daily.TABLE, _supply_rows, scope),
            (exception_ledger.TABLE, _finding_rows, scope),
            (dq_status.TABLE, _evaluation_rows, scope),
            *[(table, days_of, scope) for table, days_of in _PRESENT.items()],
            (bad_records.TABLE, _quarantined_rows, Scope(start=scope.start)),
            (restatement_log.TABLE, _restated_rows, scope),
        ]
    )
    tasks: list[Callable[[], Any]] = [
        partial(read_attempts, lakehouse, scope),
        partial(read_journal, lakehouse),
        partial(newest_changes, lakehouse, scope),
        partial(_supply, lakehouse, scope),
        partial(_exceptions, lakehouse, scope),
        partial(_evaluations, lakehouse, scope),
        partial(_present, lakehouse, scope),
        partial(_quarantine, lakehouse, scope),
        partial(_restated, lakehouse, scope),
    ]
    return _Read(*side_by_side(tasks))


def _facts(read: _Read, day: date) -> DayFacts:
    attempts = [attempt for attempt in read.attempts if attempt.date_kst == day]
    controlled = newest_success(attempts, PIPELINE_B.name, day)
    silver = newest_attempt(attempts, PIPELINE_SILVER.name, day)
    due, because = _due(read, day)
    supply = read.supply.get(day)
    ledger, dq, earlier = _findings(read, day, controlled)
    rejected, before = _rejected(read, day, silver)
    return DayFacts(
        day=day,
        newest_silver=silver,
        newest_control=newest_attempt(attempts, PIPELINE_B.name, day),
        controlled=controlled,
        due=due,
        due_because=because,
        diff_amount=supply["diff_amount"] if supply else None,
        supply_is_ok=bool(supply and supply["is_ok"]),
        drifting_users=sum(n for (kind, _), n in ledger.items() if kind == exception_ledger.RECON_DRIFT_HIGH),
        missing_inputs=tuple(t.full_name for t in _PRESENT if day not in read.present[t.full_name]),
        findings=Counter({s: _of(ledger, s) + _of(dq, s) for s in ("CRITICAL", "WARN")}),
        input_critical=_of(dq, "CRITICAL"),
        earlier_exceptions=earlier,
        quarantined=rejected,
        earlier_quarantined=before,
        restated=read.restated.get(day, 0),
    )


def _due(read: _Read, day: date) -> tuple[tuple[PipelineName, ...], str]:
    due: list[PipelineName] = []
    because = []
    if day in silver_due(read.journal, read.changes):
        due.append(PIPELINE_SILVER.name)
        what = (
            "orders that its entries name" if day in read.journal.outdated() else "landing files of the day"
        )
        because.append(f"{what} changed after Silver ran")
    since = read.journal.read_from(PIPELINE_B.name, day)
    changes = read.journal.changes_since(since or 0, PIPELINE_B.name, day)
    if changes:
        due.append(PIPELINE_B.name)
        runs = ", ".join(sorted({change.run_id for change in changes})[:3])
        because.append(f"Silver changed the day or an earlier one after it was controlled (by {runs})")
    return tuple(due), "; ".join(because)


def _findings(
    read: _Read, day: date, controlled: Logged | None
) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]], int]:
    """Standing findings of domain ledger and of dq by (type, severity), and how many rows do not stand any more."""
    ledger: Counter[tuple[str, str]] = Counter()
    dq: Counter[tuple[str, str]] = Counter()
    earlier = 0
    for row in read.exceptions:
        if row["date_kst"] != day:
            continue
        if row["domain"] == "dq":
            window = (row["source_table"], row["window_start_ts"], row["window_end_ts"])
            evaluated = read.evaluations.get(window)
            stands = evaluated is not None and evaluated.found and evaluated.run_id == row["run_id"]
        else:
            stands = controlled is not None and row["run_id"] == controlled.run_id
        if stands:
            (dq if row["domain"] == "dq" else ledger)[row["exception_type"], row["severity"]] += row["n"]
        else:
            earlier += row["n"]
    return ledger, dq, earlier


def _rejected(read: _Read, day: date, silver: Logged | None) -> tuple[int, int]:
    """Rows of the day that the newest Silver run rejected, and rows that only earlier ones did."""
    start, end = (to_micros(instant) for instant in (Window.of_day(day).start, Window.of_day(day).end))
    of_day = [r for r in read.quarantine if start <= r["window_start_ts"] and r["window_end_ts"] <= end]
    stored = sum(row["n"] for row in of_day)
    if silver is None:
        return stored, 0
    mine = sum(row["n"] for row in of_day if row["run_id"] == silver.run_id)
    standing = mine if silver.rows_quarantined is None else silver.rows_quarantined
    return standing, stored - standing


def _of(findings: Counter[tuple[str, str]], severity: str) -> int:
    return sum(n for (_, found), n in findings.items() if found == severity)


def _supply(lakehouse: Lakehouse, scope: Scope) -> dict[date, Any]:
    rows = lakehouse.answer(ledger_supply_balance_daily.TABLE, _supply_rows, scope)
    return {row["date_kst"]: row for row in rows}


@question(date_kst=date, diff_amount=Decimal, is_ok=bool)
def _supply_rows(table: DataFrame) -> DataFrame:
    return table.select("date_kst", "diff_amount", "is_ok")


def _exceptions(lakehouse: Lakehouse, scope: Scope) -> Sequence[Any]:
    return lakehouse.answer(exception_ledger.TABLE, _finding_rows, scope)


@question(
    date_kst=date,
    domain=str,
    exception_type=str,
    severity=str,
    source_table=str,
    run_id=str,
    window_start_ts=int,
    window_end_ts=int,
    n=int,
)
def _finding_rows(table: DataFrame) -> DataFrame:
    """Findings, counted per type, severity, run and window."""
    names = ("date_kst", "domain", "exception_type", "severity", "source_table", "run_id")
    rows = table.select(*names, *_micros("window_start_ts", "window_end_ts"))
    grouped = rows.groupBy(*names, "window_start_ts", "window_end_ts")
    return grouped.agg(F.count(F.lit(1)).alias("n"))


def _evaluations(lakehouse: Lakehouse, scope: Scope) -> dict[tuple[Any, ...], _Evaluation]:
    """Per source table and window the newest evaluation."""
    newest: dict[tuple[Any, ...], _Evaluation] = {}
    for row in lakehouse.answer(dq_status.TABLE, _evaluation_rows, scope):
        window = (row["source_table"], row["window_start_ts"], row["window_end_ts"])
        found = _Evaluation(row["generated_at"], row["run_id"], row["dq_tag"] is not None)
        newest[window] = max(newest.get(window, found), found)
    return newest


@question(source_table=str, run_id=str, dq_tag=str, window_start_ts=int, window_end_ts=int, generated_at=int)
def _evaluation_rows(table: DataFrame) -> DataFrame:
    times = _micros("window_start_ts", "window_end_ts", "generated_at")
    return table.select("source_table", "run_id", "dq_tag", *times)


def _present(lakehouse: Lakehouse, scope: Scope) -> dict[str, frozenset[date]]:
    """The days with a row, per compared Silver table."""
    return {
        table.full_name: frozenset(row["day"] for row in lakehouse.answer(table, question, scope))
        for table, question in _PRESENT.items()
    }


@question(day=date)
def _snapshot_days(table: DataFrame) -> DataFrame:
    return table.select(F.col("snapshot_date_kst").alias("day")).distinct()


@question(day=date)
def _entry_days(table: DataFrame) -> DataFrame:
    return table.select(F.col("event_date_kst").alias("day")).distinct()


_PRESENT = {wallet_snapshot.TABLE: _snapshot_days, ledger_entries.TABLE: _entry_days}


def _quarantine(lakehouse: Lakehouse, scope: Scope) -> Sequence[Any]:
    """A window's rows are detected on its day or later."""
    return lakehouse.answer(bad_records.TABLE, _quarantined_rows, Scope(start=scope.start))


@question(run_id=str, window_start_ts=int, window_end_ts=int, n=int)
def _quarantined_rows(table: DataFrame) -> DataFrame:
    """Quarantined rows, counted per run and window."""
    rows = table.select("run_id", *_micros("window_start_ts", "window_end_ts"))
    return rows.groupBy("run_id", "window_start_ts", "window_end_ts").agg(F.count(F.lit(1)).alias("n"))


def _restated(lakehouse: Lakehouse, scope: Scope) -> dict[date, int]:
    """How often the results of a day were replaced by others."""
    return {
        row["date_kst"]: row["n"] for row in lakehouse.answer(restatement_log.TABLE, _restated_rows, scope)
    }


@question(date_kst=date, n=int)
def _restated_rows(table: DataFrame) -> DataFrame:
    runs = table.where(F.col("pipeline_name") == PIPELINE_B.name).select("date_kst", "run_id").distinct()
    return runs.groupBy("date_kst").agg(F.count(F.lit(1)).alias("n"))


def _micros(*names: str) -> list[Column]:
    return [F.unix_micros(name).alias(name) for name in names]

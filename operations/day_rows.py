"""Small questions to the tables about KST days, in one query where the log is at hand (spec section 9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from ledger.gold import exception_ledger, ledger_supply_balance_daily, pipeline_run_log, restatement_log
from ledger.journal import Journal, note_rows, read_journal
from ledger.pipelines.registry import PIPELINE_B
from ledger.side_by_side import side_by_side
from ledger.silver import bad_records, day_changes, dq_status, ledger_entries, wallet_snapshot
from ledger.state import Logged, attempt_rows, read_attempts


@dataclass(frozen=True, order=True)
class Evaluation:
    """A's newest evaluation of one window: its clock (microseconds), its run, and whether it found anything."""

    generated_at: int
    run_id: str
    found: bool


@dataclass(frozen=True)
class DayRows:
    """The rows of all asked days, as they were collected."""

    attempts: list[Logged]
    journal: Journal
    changes: Mapping[date, datetime]
    supply: Mapping[date, Any]
    exceptions: Sequence[Any]
    evaluations: Mapping[tuple[Any, ...], Evaluation]
    present: Mapping[str, frozenset[date]]
    quarantine: Sequence[Any]
    restated: Mapping[date, int]


def read_rows(lakehouse: Lakehouse, scope: Scope) -> DayRows:
    """The rows of the scope's days. At most one query where the log is at hand, else ten."""
    lakehouse.ask_together(
        [
            (pipeline_run_log.TABLE, attempt_rows, scope),
            (day_changes.TABLE, note_rows, None),
            (landing_file.TABLE, newest_change_rows, scope),
            (ledger_supply_balance_daily.TABLE, _supply_rows, scope),
            (exception_ledger.TABLE, _finding_rows, scope),
            (dq_status.TABLE, _evaluation_rows, scope),
            *[(table, days_of, scope) for table, days_of in COMPARED.items()],
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
    return DayRows(*side_by_side(tasks))


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


def _evaluations(lakehouse: Lakehouse, scope: Scope) -> dict[tuple[Any, ...], Evaluation]:
    """Per source table and window the newest evaluation."""
    newest: dict[tuple[Any, ...], Evaluation] = {}
    for row in lakehouse.answer(dq_status.TABLE, _evaluation_rows, scope):
        window = (row["source_table"], row["window_start_ts"], row["window_end_ts"])
        found = Evaluation(row["generated_at"], row["run_id"], row["dq_tag"] is not None)
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
        for table, question in COMPARED.items()
    }


@question(day=date)
def _snapshot_days(table: DataFrame) -> DataFrame:
    return table.select(F.col("snapshot_date_kst").alias("day")).distinct()


@question(day=date)
def _entry_days(table: DataFrame) -> DataFrame:
    return table.select(F.col("event_date_kst").alias("day")).distinct()


COMPARED = {wallet_snapshot.TABLE: _snapshot_days, ledger_entries.TABLE: _entry_days}


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

"""Section 9: the verdict of a KST day, and the findings that stand, from the tables and the run log as they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from tests.oracle.contract import Row
from tests.oracle.values import Window
from tests.oracle.warehouse import Oracle

VERDICTS = ("failed", "not_controlled", "due", "does_not_add_up", "no_data", "adds_up")


@dataclass(frozen=True)
class Verdict:
    """One day's answer, with the findings that stand."""

    date_kst: date
    verdict: str
    critical: int
    warn: int
    quarantined: int


def verdict(oracle: Oracle, day: date) -> Verdict:
    """The first of `VERDICTS` that holds; findings of the newest control and of the newest evaluations."""
    severities = Counter(row["severity"] for row in standing(oracle, day))
    return Verdict(
        day, _word(oracle, day), severities["CRITICAL"], severities["WARN"], len(quarantined(oracle, day))
    )


def _word(oracle: Oracle, day: date) -> str:
    newest = {
        row["pipeline_name"]: row["status"]
        for row in oracle.tables["gold.pipeline_run_log"]
        if row["date_kst"] == day
    }
    if "failure" in (newest.get("pipeline_silver"), newest.get("pipeline_b")):
        return "failed"
    if day not in oracle.controls:
        return "not_controlled"
    if day in oracle.silver_due() or day in oracle.restatement_due():
        return "due"
    if oracle.controls[day].findings:
        return "does_not_add_up"
    compared = (("silver.wallet_snapshot", "snapshot_date_kst"), ("silver.ledger_entries", "event_date_kst"))
    if not all(any(row[column] == day for row in oracle.tables[table]) for table, column in compared):
        return "no_data"
    return "adds_up"


def standing(oracle: Oracle, day: date) -> list[Row]:
    """Domain `ledger`: the newest successful control's. Domain `dq`: of each table the newest evaluation's."""
    found = list(oracle.controls[day].findings) if day in oracle.controls else []
    for (_, evaluated_day), exceptions in oracle.evaluated.items():
        found += exceptions if evaluated_day == day else []
    return found


def quarantined(oracle: Oracle, day: date) -> list[Row]:
    """Rows that the newest Silver run of the day rejected."""
    window = Window.of_day(day)
    rows = [row for row in oracle.tables["silver.bad_records"] if row["window_start_ts"] == window.start]
    runs = [
        row["run_id"]
        for row in oracle.tables["gold.pipeline_run_log"]
        if (row["pipeline_name"], row["date_kst"]) == ("pipeline_silver", day)
    ]
    return [row for row in rows if runs and row["run_id"] == runs[-1]]

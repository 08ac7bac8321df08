"""The writes of B's operations for one KST day (spec section 2, Convergence)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.delta.lakehouse import Lakehouse, WriteResult
from ledger.gold import exception_ledger, ops_payment_refund_daily
from ledger.gold.restatement_log import TABLE as RESTATEMENT_LOG
from ledger.pipelines.attempt import Restatement, Run
from ledger.pipelines.day_results import DayRows, commit_day, entries_since, lookback
from ledger.silver import ledger_entries
from ledger.window import Window
from tests.ledger.frames import Values, frame, plain
from tests.ledger.pipelines.landed_by_hand import HandLanding, lenient_rules
from tests.ledger.probe_tables import appended
from tests.support import DAY_1, DAY_2

REFUNDS, EXCEPTIONS, ENTRIES = ops_payment_refund_daily.TABLE, exception_ledger.TABLE, ledger_entries.TABLE


@pytest.fixture
def run(lakehouse: Lakehouse, tmp_path: Path) -> Run:
    for table in (RESTATEMENT_LOG, REFUNDS, EXCEPTIONS, ENTRIES):
        lakehouse.create(table)
    return HandLanding(lakehouse, lenient_rules(tmp_path)).run("again")


def refunds(merchant: str, refunded: int, run_id: str = "again") -> Values:
    counts = {"total_cnt": 2, "refunded_cnt": refunded, "refund_rate": "0"}
    return {"date_kst": DAY_1, "merchant_name": merchant, "run_id": run_id, **counts}


def finding(kind: str, run_id: str, message: str) -> Values:
    window = Window.of_day(DAY_1)
    return {
        "date_kst": DAY_1, "domain": "ledger", "exception_type": kind, "severity": "WARN", "metric": "m",
        "message": message, "run_id": run_id, "window_start_ts": window.start, "window_end_ts": window.end,
        "generated_at": window.end,
    }  # fmt: skip


def test_commit_day_replaces_the_day_s_rows_and_counts_what_it_restates(run: Run) -> None:
    """A merchant that the day no longer has goes; of the exceptions only this run's own of the type do."""
    spark = run.lakehouse.spark
    run.lakehouse.append(
        appended(REFUNDS),
        frame(spark, REFUNDS, [refunds("gone", 1, "r"), refunds("moved", 1, "r")]),
        expected=2,
    )
    before = [
        finding("A", "again", "stale"),
        finding("A", "other run", "stays"),
        finding("B", "again", "other type"),
    ]
    run.lakehouse.append(appended(EXCEPTIONS), frame(spark, EXCEPTIONS, before), expected=3)
    results = [
        DayRows(REFUNDS, run.lakehouse.stage(frame(spark, REFUNDS, [refunds("moved", 2)]))),
        DayRows.of_exceptions(frame(spark, EXCEPTIONS, [finding("A", "again", "new")]), "A", "again"),
    ]
    restated = Restatement("pipeline_b", DAY_1, "silver-2")
    committed = commit_day(run, DAY_1, restated, results)
    assert committed.writes[REFUNDS.full_name] == WriteResult(0, 1, 1)
    assert committed.writes[EXCEPTIONS.full_name] == WriteResult(1, 0, 1)
    assert committed.restated_figures == {REFUNDS.name: 4}  # three of "gone", one of "moved"
    assert plain(run.lakehouse.read(REFUNDS), "merchant_name", "refunded_cnt") == [("moved", 2)]
    left = plain(run.lakehouse.read(EXCEPTIONS), "message", "exception_type", "run_id")
    assert left == [("new", "A", "again"), ("other type", "B", "again"), ("stays", "A", "other run")]
    outcome = committed.outcome(Window.of_day(DAY_1), restated)
    assert outcome.writes == committed.writes
    assert outcome.facts == {f"restated_{REFUNDS.name}": 4, "restated_because_of": "silver-2"}


def test_entries_since_reads_from_the_day_of_the_earliest_instant(run: Run) -> None:
    """KST days; a frame without rows asks for the day alone."""
    spark = run.lakehouse.spark
    days: list[Values] = [
        {"tx_id": str(day), "event_date_kst": day, "wallet_id": "w", "event_time": "2026-02-10T00:00:00Z",
         "entry_type": "MINT", "amount": 1, "amount_signed": 1, "run_id": "r"}
        for day in (f"2026-02-{n:02}" for n in (8, 9, 10, 11, 12))
    ]  # fmt: skip
    run.lakehouse.append(appended(ENTRIES), frame(spark, ENTRIES, days), expected=5)
    at = spark.createDataFrame([("2026-02-08T15:00:00Z",), ("2026-02-10T00:00:00Z",)], "ts string")
    instants = at.selectExpr("cast(ts as timestamp) as ts")
    assert plain(entries_since(run, instants, "ts", DAY_2), "tx_id") == [
        ("2026-02-09",), ("2026-02-10",), ("2026-02-11",)
    ]  # fmt: skip
    assert plain(entries_since(run, instants.where("false"), "ts", DAY_2), "tx_id") == [("2026-02-11",)]
    assert lookback(run, DAY_2).end == DAY_2

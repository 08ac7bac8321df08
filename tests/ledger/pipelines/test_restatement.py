"""Figures in which a rerun differs from the stored day, noted once and with their cause (spec section 2, Convergence)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import DataFrame

from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.gold import fact_payment_anonymized, ledger_supply_balance_daily, ops_payment_refund_daily
from ledger.gold.restatement_log import TABLE as RESTATEMENT_LOG
from ledger.pipelines.attempt import Restatement, Run
from ledger.pipelines.restatement import note_changes, note_total, restated_facts, restatements
from tests.ledger.frames import Values, frame, plain
from tests.ledger.pipelines.landed_by_hand import HandLanding, lenient_rules
from tests.ledger.probe_tables import appended
from tests.support import DAY_1, DAY_2

REFUNDS, SUPPLY, MART = (
    module.TABLE
    for module in (ops_payment_refund_daily, ledger_supply_balance_daily, fact_payment_anonymized)
)
FIGURES = ("row_key", "metric", "old_value", "new_value", "difference")


@pytest.fixture
def run(lakehouse: Lakehouse, tmp_path: Path) -> Run:
    lakehouse.create(RESTATEMENT_LOG)
    return HandLanding(lakehouse, lenient_rules(tmp_path)).run("again")


def restated(*, caused_by: str | None = "silver-2") -> Restatement | None:
    """Of a day that was controlled before, and changed by this run since."""
    return Restatement("pipeline_b", DAY_1, caused_by, "batch-9", str(DAY_1)) if caused_by else None


def stored(run: Run, table: Table, rows: list[Values]) -> None:
    run.lakehouse.create(table)
    run.lakehouse.append(appended(table), frame(run.lakehouse.spark, table, rows), expected=len(rows))


def refunds(merchant: str | None, total: int, refunded: int, rate: str, **more: object) -> Values:
    counts = {"total_cnt": total, "refunded_cnt": refunded, "refund_rate": rate}
    return {"date_kst": DAY_1, "merchant_name": merchant, "run_id": "first", **counts, **more}


def noted(run: Run, *columns: str) -> list[tuple[object, ...]]:
    return plain(run.lakehouse.read(RESTATEMENT_LOG), *columns)


def test_note_changes_names_each_figure_that_differs_by_row(run: Run) -> None:
    """INV-35: also of a row that is new, that is gone, or that has no name; another day's rows are not looked at."""
    before = [
        refunds("same", 1, 0, "0"),
        refunds("moved", 3, 1, "0.333333"),
        refunds("gone", 1, 1, "1"),
        refunds(None, 2, 0, "0"),
        refunds("other day", 5, 5, "1", date_kst=DAY_2),
    ]
    after: list[Values] = [
        refunds("same", 1, 0, "0", run_id="again"),
        refunds("moved", 3, 2, "0.666667", run_id="again"),
        refunds("new", 1, 0, "0", run_id="again"),
        refunds(None, 2, 2, "1", run_id="again"),
    ]
    stored(run, REFUNDS, before)
    note_changes(run, restated(), REFUNDS, frame(run.lakehouse.spark, REFUNDS, after))
    assert noted(run, *FIGURES) == [
        ("gone", "refund_rate", "1.000000", None, "-1.000000"),
        ("gone", "refunded_cnt", "1.000000", None, "-1.000000"),
        ("gone", "total_cnt", "1.000000", None, "-1.000000"),
        ("moved", "refund_rate", "0.333333", "0.666667", "0.333334"),
        ("moved", "refunded_cnt", "1.000000", "2.000000", "1.000000"),
        ("new", "refund_rate", None, "0.000000", "0.000000"),
        ("new", "refunded_cnt", None, "0.000000", "0.000000"),
        ("new", "total_cnt", None, "1.000000", "1.000000"),
        (None, "refund_rate", "0.000000", "1.000000", "1.000000"),
        (None, "refunded_cnt", "0.000000", "2.000000", "2.000000"),
    ]
    assert set(
        noted(run, "date_kst", "pipeline_name", "table_name", "run_id", "caused_by_runs", "changed_days")
    ) == {(str(DAY_1), "pipeline_b", REFUNDS.full_name, "again", "silver-2", str(DAY_1))}
    assert set(noted(run, "row_key", "previous_run_id")) == {
        ("gone", "first"), ("moved", "first"), ("new", None), (None, "first")
    }  # fmt: skip


def supply(run: Run, issued: str, difference: str) -> DataFrame:
    row = {"date_kst": DAY_1, "issued_supply": issued, "wallet_total_balance": 0, "diff_amount": difference}
    return frame(run.lakehouse.spark, SUPPLY, [{**row, "is_ok": "false", "run_id": run.run_id}])


def test_note_changes_notes_the_same_change_once_whichever_run_finds_it(run: Run) -> None:
    """INV-35: a rerun after a crash between note and result, under another run id; a new cause is another change."""
    stored(run, SUPPLY, [{"date_kst": DAY_1, "issued_supply": 1, "wallet_total_balance": 0, "diff_amount": 1,
                          "is_ok": "false", "run_id": "first"}])  # fmt: skip
    cause = restated()
    figures = note_changes(run, cause, SUPPLY, supply(run, "3.00", "3.00"))
    expected = [(None, "diff_amount", "1.000000", "3.000000", "2.000000"),
                (None, "issued_supply", "1.000000", "3.000000", "2.000000")]  # fmt: skip
    assert noted(run, *FIGURES) == expected
    assert figures == 2
    other = replace(run, run_id="after crash")
    assert note_changes(other, cause, SUPPLY, supply(other, "3.00", "3.00")) == 0
    assert noted(run, *FIGURES) == expected
    note_changes(run, restated(caused_by="silver-3"), SUPPLY, supply(run, "3.00", "3.00"))
    assert len(noted(run, *FIGURES)) == 4
    (shown,) = [r for r in restatements(run.lakehouse) if r["caused_by_runs"] == "silver-3"]
    assert (shown["figures"], shown["supply_moved"]) == (4, "4.000000")


def test_note_changes_is_silent_on_a_first_run_and_where_nothing_differs(run: Run) -> None:
    """INV-35"""
    same = refunds("m", 1, 0, "0")
    stored(run, REFUNDS, [same])
    note_changes(run, restated(caused_by=None), REFUNDS, frame(run.lakehouse.spark, REFUNDS, []))
    note_changes(run, restated(), REFUNDS, frame(run.lakehouse.spark, REFUNDS, [{**same, "run_id": "again"}]))
    assert noted(run, *FIGURES) == []


def test_note_total_names_no_row_of_the_mart(run: Run) -> None:
    """INV-35, INV-26: rows and their total alone; null amounts add nothing."""
    payment = {"date_kst": DAY_1, "user_key": "k", "run_id": "first"}
    stored(run, MART, [{**payment, "amount": "1.50"}, {**payment, "amount": None}])
    rows = [{**payment, "amount": "1.50"}, {**payment, "amount": "70"}, {**payment, "amount": None}]
    note_total(run, restated(), MART, frame(run.lakehouse.spark, MART, rows), "amount")
    assert noted(run, *FIGURES, "previous_run_id") == [
        (None, "amount_total", "1.500000", "71.500000", "70.000000", "first"),
        (None, "rows", "2.000000", "3.000000", "1.000000", "first"),
    ]
    note_total(run, restated(), MART, frame(run.lakehouse.spark, MART, rows), "amount")
    assert len(noted(run, *FIGURES)) == 2
    note_total(run, restated(caused_by=None), MART, frame(run.lakehouse.spark, MART, []), "amount")
    assert len(noted(run, *FIGURES)) == 2


def test_restated_facts_name_the_tables_with_changed_figures_and_the_cause() -> None:
    noted_figures = {"ops_payment_refund_daily": 2, "ledger_supply_balance_daily": 0}
    assert restated_facts(restated(), noted_figures) == {
        "restated_ops_payment_refund_daily": 2,
        "restated_because_of": "batch-9",
    }
    assert restated_facts(restated(), {"ledger_supply_balance_daily": 0}) == {}
    assert restated_facts(None, {}) == {}
    unknown = Restatement("pipeline_b", DAY_1)
    assert restated_facts(unknown, {"t": 1})["restated_because_of"] == "unknown"

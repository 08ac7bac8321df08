"""Late data on controlled days: what is due, what is run again, and what the restatement log says (spec section 2)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from orchestration.launch import dagster_instance
from orchestration.runs import state_key
from orchestration.sensors.late_data import due_days, evaluate
from tests.orchestration.records import requested
from tests.support import DAY_1, DAY_2, DAY_3, Home, Row, Template, ledgerctl

LOG = "gold.restatement_log"
B, C, SILVER = "pipeline_b_controls", "pipeline_c_analytics", "pipeline_silver_materialization"
SUPPLY, PAIRING = "gold.ledger_supply_balance_daily", "gold.ops_ledger_pairing_quality_daily"


@pytest.fixture
def late(home: Home, days_1_2: Template) -> Home:
    """Both days are controlled; an entry and a payment of day 1 arrive on day 3, and Silver has run on it."""
    home.copy_from(days_1_2.home)
    at = f"{DAY_1}T02:00:00Z"
    came = {
        "ingested_at": f"{DAY_3}T01:00:00Z",
        "source_extracted_at": f"{DAY_3}T01:00:00Z",
        "batch_id": "late-1",
    }
    entry = {"tx_id": "late", "wallet_id": "u-late", "type": "CHARGE", "amount": "500.00", "created_at": at}
    payment = {"order_id": "po-late", "user_id": "u-late", "merchant_name": "늦은가게", "amount": "70.00"}
    home.land("transaction_ledger", DAY_3, entry | came, file="late")
    home.land("payment_orders", DAY_3, payment | came | {"status": "PAID", "created_at": at}, file="late")
    done = ledgerctl("run", SILVER, "--partition", DAY_3, "--params", "run_id=s3")
    assert done.code == 0, done.err
    return home


def run(job: str, day: object, run_id: str) -> None:
    done = ledgerctl("run", job, "--partition", day, "--params", f"run_id={run_id}")
    assert done.code == 0, done.err


def changes(home: Home, table: str, day: object) -> dict[tuple[str | None, str], Decimal]:
    """(row, metric) to the difference, of one Gold table and day."""
    rows = [r for r in home.rows(LOG) if r["table_name"] == table and r["date_kst"] == day]
    return {(row["row_key"], row["metric"]): row["difference"] for row in rows}


def the_day(home: Home, table: str, day: object) -> Row:
    (row,) = [row for row in home.rows(table) if row["date_kst"] == day]
    return row


def test_restatement_names_figure_difference_and_cause(late: Home) -> None:
    """INV-35: for the changed day and the later one that builds on it; nothing on a first run."""
    assert late.rows(LOG) == []
    before = {day: the_day(late, SUPPLY, day) for day in (DAY_1, DAY_2)}
    for day in (DAY_1, DAY_2):
        run(B, day, "b-late")
    for day in (DAY_1, DAY_2):
        after = the_day(late, SUPPLY, day)
        assert after["issued_supply"] - before[day]["issued_supply"] == 500
        # The wallet has no snapshot: what it was charged is issued, and in no balance.
        moved = {"issued_supply": 500, "diff_amount": 500}
        assert changes(late, SUPPLY, day) == {(None, metric): by for metric, by in moved.items()}
    assert changes(late, PAIRING, DAY_1)[None, "entry_cnt"] == 1
    assert changes(late, PAIRING, DAY_2) == {}
    assert changes(late, "gold.ops_payment_failure_daily", DAY_1) == {
        ("늦은가게", "total_cnt"): 1,
        ("늦은가게", "failed_cnt"): 0,
        ("늦은가게", "failure_rate"): 0,
    }
    rows = [row for row in late.rows(LOG) if row["table_name"] == SUPPLY]
    for row in rows:
        assert (row["caused_by_runs"], row["caused_by_batches"]) == ("s3", "late-1")
        assert (row["changed_days"], row["run_id"]) == (str(DAY_1), "b-late")
        assert row["new_value"] - row["old_value"] == row["difference"]
    assert {row["previous_run_id"] for row in rows} == {"r1", "r2"}
    said = ledgerctl("state").out
    assert f"restated {DAY_1}" in said
    assert "because of late-1" in said
    assert "due for restatement: none" in said


def test_of_the_mart_only_totals_are_noted(late: Home) -> None:
    """INV-35, INV-26: no row of it is named."""
    run(C, DAY_1, "c-late")
    assert changes(late, "gold.fact_payment_anonymized", DAY_1) == {
        (None, "rows"): 1,
        (None, "amount_total"): 70,
    }


def test_silver_publishes_what_is_due_and_the_sensor_asks_for_it(late: Home) -> None:
    """INV-22, INV-35: B of both days, C of the changed one; once they have run, nothing."""
    with dagster_instance() as instance:
        record = instance.fetch_materializations(state_key("pipeline_silver"), limit=1).records[0]
        assert isinstance(record.asset_materialization, dg.AssetMaterialization)
        assert due_days(record.asset_materialization.metadata) == {
            "pipeline_b": [DAY_1, DAY_2],
            "pipeline_c": [DAY_1],
        }
        asked = evaluate(instance, None)
        assert requested(asked) == [(B, str(DAY_1)), (B, str(DAY_2)), (C, str(DAY_1))]
        for job, day in requested(asked):
            run(str(job), day, "late")
        assert requested(evaluate(instance, None)) == []
        run(SILVER, DAY_3, "s3-again")
        assert requested(evaluate(instance, asked.cursor)) == []


def test_a_crash_between_the_note_and_the_result(late: Home, tmp_path: Path) -> None:
    """INV-35, INV-15: the note is written ahead, so the rerun after a crash finds it, and notes it once."""
    untouched = Home(tmp_path / "untouched").copy_from(late, "warehouse")
    run(B, DAY_1, "b-late")
    expected = late.content(LOG)
    # As a crash leaves it: the note is there, the result is the old one.
    for table in [t for t in late.tables() if t != LOG]:
        target, source = (h.warehouse.joinpath(*table.split(".")) for h in (late, untouched))
        target.rename(tmp_path / table)
        source.rename(target)
    run(B, DAY_1, "b-after-crash")
    assert late.content(LOG) == expected

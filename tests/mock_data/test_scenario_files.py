"""The shipped scenarios: all are there, load strictly, and say something about every table of section 2."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from mock_data.scenario import SCENARIOS_DIR, TABLES, load_scenario, scenario_names

REQUIRED = (
    "one_day_normal",
    "duplicate_tx",
    "conflicting_duplicate_tx",
    "missing_required",
    "invalid_amount",
    "excess_scale_amount",
    "unknown_entry_type",
    "status_not_allowed",
    "stale_source",
    "zero_window",
    "drift_mismatch",
    "supply_mismatch",
    "hold_release_zero_flow",
    "pairing_quality",
    "multi_item_category_tie",
    "missing_product",
    "null_merchant",
    "kst_midnight_boundary",
    "snapshot_off_midnight",
    "late_event",
    "two_day_backfill",
    "out_of_order_days",
    "bad_rate_exceeded",
    "unparsable_lines",
    "numbers_as_written",
    "empty_day",
    "large_amounts",
    "unicode_and_quotes",
    "refund_of_yesterdays_payment",
    "corrected_source",
)
# Every scenario lists these row by row: quarantine reasons, tags, exceptions, verdicts, state and log.
LISTED = (
    "silver.dq_status",
    "silver.bad_records",
    "gold.recon_daily_snapshot_flow",
    "gold.ledger_supply_balance_daily",
    "gold.exception_ledger",
    "gold.pipeline_state",
    "gold.pipeline_run_log",
)


def test_every_required_scenario_is_shipped_and_no_folder_is_left_without_one() -> None:
    assert scenario_names() == tuple(sorted(REQUIRED))
    assert {path.name for path in SCENARIOS_DIR.iterdir()} == {*REQUIRED, "rules"}


@pytest.mark.parametrize("name", scenario_names())
def test_a_scenario_loads_and_lists_what_it_must_give(name: str) -> None:
    scenario = load_scenario(SCENARIOS_DIR / name)
    tables = scenario.expect.tables
    assert set(tables) == set(TABLES)
    for table in LISTED:
        assert tables[table].count == 0 or tables[table].rows is not None, table
    assert {step.landing for step in scenario.steps if step.landing} == {
        path.name for path in scenario.folder.iterdir() if path.is_dir()
    }
    days = {row["date_kst"] for row in tables["gold.ledger_supply_balance_daily"].rows or ()}
    assert set(scenario.expect.verdicts.supply_is_ok) == days
    assert set(scenario.expect.verdicts.drifting_users) == days


def test_zero_window_has_three_empty_windows_in_a_row() -> None:
    rows = load_scenario(SCENARIOS_DIR / "zero_window").expect.tables["silver.dq_status"].rows or []
    ledger = [r for r in rows if r["source_table"] == "bronze.transaction_ledger_raw" and r["run_id"] != "a5"]
    assert [row["event_count"] for row in ledger] == [1, 0, 0, 0]
    assert all(a["window_end_ts"] == b["window_start_ts"] for a, b in pairwise(ledger))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("    bronze.orders_raw: 0\n", "", "missing tables"),
        ("count: 3\n", "count: 4\n", "count is 4, but 3 rows are listed"),
        ("name: stale_source", "name: other", "lies in folder"),
        ("landing: landing", "landing: elsewhere", "needs folder 'elsewhere'"),
        ("steps:", "stepz:", "stepz"),
    ],
)
def test_a_broken_scenario_is_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    folder = tmp_path / "stale_source"
    (folder / "landing").mkdir(parents=True)
    text = (SCENARIOS_DIR / "stale_source/scenario.yaml").read_text("utf-8")
    assert old in text
    (folder / "scenario.yaml").write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ValidationError, match=complaint):
        load_scenario(folder)

"""The verdict of a KST day: the first that holds, from what stands (spec section 9)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger.pipelines.registry import PipelineName
from ledger.state import Logged
from operations.day_facts import DayFacts
from operations.verdicts import day_verdicts, decide
from resources.environments import ledger_of
from tests.support import DAY_1, DAY_2, Home, ledgerctl

DAY = date(2026, 2, 10)
NOON = datetime(2026, 2, 11, 3, tzinfo=UTC)


def attempt(pipeline: PipelineName, status: str = "success", run_id: str = "r1") -> Logged:
    return Logged(pipeline, DAY, run_id, status, NOON, NOON + timedelta(minutes=1), message="why")


SILVER, CONTROL = attempt("pipeline_silver"), attempt("pipeline_b")
SOUND = DayFacts(DAY, SILVER, CONTROL, CONTROL, (), "", Decimal("0.00"), True, 0, (), Counter())


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "adds_up"),
        ({"missing_inputs": ("silver.ledger_entries",)}, "no_data"),
        ({"drifting_users": 1, "missing_inputs": ("silver.ledger_entries",)}, "does_not_add_up"),
        ({"supply_is_ok": False}, "does_not_add_up"),
        ({"supply_is_ok": False, "diff_amount": None}, "does_not_add_up"),
        ({"due": ("pipeline_b",), "supply_is_ok": False}, "due"),
        ({"controlled": None, "newest_control": None, "due": ("pipeline_silver",)}, "not_controlled"),
        ({"newest_control": attempt("pipeline_b", "failure", "r2"), "due": ("pipeline_b",)}, "failed"),
        ({"newest_silver": attempt("pipeline_silver", "failure", "r2")}, "failed"),
        ({"newest_silver": attempt("pipeline_silver", "failure", "r2"), "controlled": None}, "failed"),
    ],
)
def test_the_first_that_holds_is_the_verdict(changes: dict[str, Any], verdict: str) -> None:
    """INV-56"""
    found = decide(replace(SOUND, **changes))
    assert (found.verdict, found.adds_up) == (verdict, verdict == "adds_up")
    assert found.reason


def test_a_failed_day_names_the_run_that_its_figures_are_of() -> None:
    """INV-56: the figures are of the run before."""
    found = decide(replace(SOUND, newest_control=attempt("pipeline_b", "failure", "r2")))
    assert (found.failed_pipeline, found.run_id, found.ended_at) == ("pipeline_b", "r1", CONTROL.ended_at)
    assert "r2" in found.reason


def test_no_days_are_no_verdicts_and_no_query() -> None:
    assert day_verdicts(None, []) == []  # type: ignore[arg-type]  # nothing is asked


def verdict(day: date) -> Any:
    from configs.settings import load_settings

    settings = load_settings()
    with ledger_of(settings).lakehouse(settings) as lakehouse:
        (found,) = day_verdicts(lakehouse, [day])
    return found


def run(job: str, day: date, run_id: str) -> int:
    return ledgerctl("run", job, "--partition", day, "--params", f"run_id={run_id}").code


def test_standing_findings_are_those_of_the_newest_control_alone(after_day_1: Home) -> None:
    """INV-56: repaired, the day has fewer findings, and the earlier ones are a number beside them."""
    before = verdict(DAY_1)
    assert before.verdict == "does_not_add_up"
    assert (before.drifting_users, before.quarantined, before.run_id) == (1, 2, "r1")
    assert before.critical >= 2
    assert before.earlier_exceptions == 0
    at = f"{DAY_1}T02:00:00Z"
    entry = {"tx_id": "repair", "wallet_id": "u-drift", "type": "CHARGE", "amount": "10", "created_at": at}
    after_day_1.land("transaction_ledger", DAY_1, entry, file="repair")
    assert run("pipeline_silver_materialization", DAY_1, "r2") == 0
    assert verdict(DAY_1).verdict == "due"
    assert verdict(DAY_1).due == ("pipeline_b",)
    assert run("pipeline_b_controls", DAY_1, "r2") == 0
    after = verdict(DAY_1)
    assert (after.drifting_users, after.run_id, after.restated) == (0, "r2", 1)
    assert after.earlier_exceptions >= 1
    assert after.verdict == "does_not_add_up", "u-drift's opening balance was never issued"


def test_a_failed_rerun_is_not_the_old_verdict(after_day_1: Home) -> None:
    """INV-56: above the bad rate Silver fails; the day is failed whatever B said before."""
    broken = [{"tx_id": f"b{n}", "wallet_id": "u", "type": "GIFT", "amount": 1} for n in range(9)]
    after_day_1.land("transaction_ledger", DAY_1, *broken, file="broken")
    assert run("pipeline_silver_materialization", DAY_1, "r2") == 1
    found = verdict(DAY_1)
    assert (found.verdict, found.failed_pipeline, found.run_id) == ("failed", "pipeline_silver", "r1")
    assert found.quarantined == 11, "what the newest Silver run rejected"


def test_a_day_that_nobody_ran_is_not_controlled(after_day_1: Home) -> None:
    """INV-56"""
    assert verdict(DAY_2).verdict == "not_controlled"


def test_a_day_without_a_file_has_no_data(home: Home) -> None:
    """INV-56: nothing was compared, so nothing adds up."""
    home.landing.mkdir(parents=True)
    assert ledgerctl("day", DAY_1, "--run-id", "r1").code == 0
    found = verdict(DAY_1)
    assert found.verdict == "no_data"
    assert "silver.wallet_snapshot and silver.ledger_entries" in found.reason

"""A refused or failed run says of every check that it did not evaluate why, and of which day."""

from __future__ import annotations

import dagster as dg
import pytest

from assets.checks.unevaluated import mark_unevaluated
from orchestration.definitions import defs
from orchestration.launch import dagster_instance
from tests.assets.events import verdicts
from tests.support import DAY_2, Home, ledgerctl


def waiting() -> set[str]:
    """Checks whose latest evaluation was planned and never made: the UI's "Execution failed"."""
    keys = sorted(defs.resolve_asset_graph().asset_check_keys, key=lambda key: key.to_user_string())
    with dagster_instance() as instance:
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    planned = dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
    return {
        key.to_user_string()
        for key, record in latest.items()
        if record.event and record.event.get_dagster_event().event_type == planned
    }


@pytest.mark.parametrize(
    ("job", "check", "reason"),
    [
        (
            "pipeline_b_controls",
            "gold/ledger_supply_balance_daily:supply",
            "required: pipeline_silver.last_proc",
        ),
        ("pipeline_c_analytics", "gold/fact_payment_anonymized:no_raw_user_ids", "required: pipeline_silver"),
        ("pipeline_silver_materialization", "silver/products:unique_keys", "rows are bad"),
    ],
)
def test_a_refused_or_failed_run_leaves_no_check_without_a_word(
    after_day_1: Home, job: str, check: str, reason: str
) -> None:
    """INV-51: "not evaluated", the day and the reason, also for operations that were skipped."""
    broken = [{"tx_id": f"b{n}", "wallet_id": "u", "type": "GIFT", "amount": 1} for n in range(9)]
    after_day_1.land("transaction_ledger", DAY_2, *broken, file="broken")
    assert ledgerctl("run", job, "--partition", DAY_2).code == 1
    assert waiting() == set()
    shown = verdicts()[check]
    assert (shown.passed, shown.severity, shown.partition) == (False, "WARN", str(DAY_2))
    assert shown.description.startswith(f"not evaluated of {DAY_2}: ")
    assert reason in shown.description


def test_a_check_that_was_evaluated_keeps_its_answer(after_day_1: Home) -> None:
    """INV-51: whoever clears up behind a killed run touches only what was never said."""
    before = verdicts()
    with dagster_instance() as instance:
        for run in instance.get_runs():
            assert mark_unevaluated(instance, run, "killed") == 0
    assert verdicts() == before

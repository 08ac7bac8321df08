"""The gates before B and C: what they require, that they block, and what they leave behind (spec section 7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assets.checks.gates import gate_keys
from ledger.pipelines.registry import PIPELINE_C
from orchestration.definitions import defs
from orchestration.launch import dagster_instance
from tests.assets.events import steps, verdicts
from tests.support import DAY_1, DAY_2, Done, Home, ledgerctl

GATED = {"b": "pipeline_b_controls", "c": "pipeline_c_analytics"}
LOG = "gold.pipeline_run_log"
CONDITIONS = {
    "b": {
        *("silver/ledger_entries:ready_for_b_watermark", "silver/ledger_entries:ready_for_b_newest_run"),
        "silver/ledger_entries:ready_for_b_whole",
        *(f"silver/{t}:ready_for_b_rows" for t in ("ledger_entries", "wallet_snapshot", "order_events")),
    },
    "c": {
        *("silver/order_events:ready_for_c_watermark", "silver/order_events:ready_for_c_newest_run"),
        "silver/order_events:ready_for_c_whole",
        *(f"silver/{t}:ready_for_c_rows" for t in ("order_events", "order_items", "products")),
    },
}


def run(job: str, day: object, *params: str) -> tuple[Done, dict[str, str]]:
    """The command's end, and how its steps ended."""
    done = ledgerctl("run", job, "--partition", day, "--json", "--params", ",".join(params))
    return done, steps(json.loads(done.out)["runs"][0]["dagster_run_id"])


def log_rows(home: Home, letter: str) -> list[dict[str, Any]]:
    return [row for row in home.rows(LOG) if row["pipeline_name"] == f"pipeline_{letter}"]


def failed(letter: str) -> set[str]:
    return {name for name, v in verdicts().items() if name in CONDITIONS[letter] and not v.passed}


@pytest.mark.parametrize("letter", "bc")
def test_an_unready_day_is_blocked_in_the_same_run(after_day_1: Home, letter: str) -> None:
    """INV-50: nothing after the gate starts, and the failure is recorded once, with required and found."""
    done, ran = run(GATED[letter], DAY_2, "run_id=unready")
    assert done.code == 1
    assert ran == {f"pipeline_{letter}_gate": "FAILURE"}
    assert "required: pipeline_silver.last_processed_end >=" in done.err
    assert failed(letter) >= {n for n in CONDITIONS[letter] if n.endswith(("_watermark", "_newest_run"))}
    watermark = verdicts()[next(n for n in CONDITIONS[letter] if n.endswith("watermark"))]
    assert (watermark.severity, watermark.partition) == ("ERROR", str(DAY_2))
    assert watermark.metadata["required"] == "pipeline_silver.last_processed_end >= 2026-02-11T15:00:00+00:00"
    assert watermark.metadata["found"] == "2026-02-10T15:00:00+00:00"
    assert "docs/runbook.md" in watermark.metadata["runbook"]
    added = [row for row in log_rows(after_day_1, letter) if row["run_id"] == "unready"]
    assert [(row["status"], row["date_kst"]) for row in added] == [("failure", DAY_2)]


@pytest.mark.parametrize("letter", "bc")
def test_a_ready_day_passes_every_condition(after_day_1: Home, letter: str) -> None:
    """INV-50: the day was controlled by the fixture; its gate said so, for that day."""
    found = verdicts()
    assert set(found) >= CONDITIONS[letter]
    for name in CONDITIONS[letter]:
        assert found[name].passed, name
        assert found[name].partition == str(DAY_1)
        assert found[name].metadata["overridden"] == "no"


def test_silver_without_its_rows_is_blocked_although_its_state_is_fine(after_day_1: Home) -> None:
    """INV-50: a state that says success over an empty table does not open the way."""
    home = after_day_1
    home.delta("silver.wallet_snapshot").delete(f"snapshot_date_kst = '{DAY_1}'")
    done, ran = run("pipeline_b_controls", DAY_1, "run_id=hole")
    assert done.code == 1
    assert ran == {"pipeline_b_gate": "FAILURE"}
    assert failed("b") == {"silver/wallet_snapshot:ready_for_b_rows"}
    found = verdicts()["silver/wallet_snapshot:ready_for_b_rows"].metadata["found"]
    assert found.endswith("Bronze rows of the day are neither stored nor quarantined")
    repaired = ledgerctl("run", "pipeline_silver_materialization", "--partition", DAY_1)
    assert repaired.code == 0, repaired.err
    done, _ = run("pipeline_b_controls", DAY_1, "run_id=hole2")
    assert done.code == 0, done.err
    assert failed("b") == set()


def test_a_day_without_bronze_rows_is_ready(after_day_1: Home) -> None:
    """INV-50: nothing arrived, so nothing is missing."""
    silver = ledgerctl("run", "pipeline_silver_materialization", "--partition", "2026-02-15")
    assert silver.code == 0, silver.err
    for job in GATED.values():
        done, _ = run(job, "2026-02-15")
        assert done.code == 0, done.err


def test_a_day_whose_rows_are_all_quarantined_is_ready_for_c(after_day_1: Home) -> None:
    """INV-50: a quarantined row is accounted for."""
    day = "2026-02-16"
    lost = {"order_id": "p", "user_id": "u", "amount": 5, "status": "LOST", "created_at": f"{day}T01:00:00Z"}
    after_day_1.land("payment_orders", day, lost)
    silver = ledgerctl("run", "pipeline_silver_materialization", "--partition", day)
    assert silver.code == 0, silver.err
    done, _ = run("pipeline_c_analytics", day)
    assert done.code == 0, done.err


def test_an_override_does_not_block_and_says_so(after_day_1: Home) -> None:
    """INV-50: in an emergency, with a reason; what does not hold stays visible, as a warning."""
    done, ran = run(
        "pipeline_c_analytics", DAY_2, "skip_upstream_readiness_check=true", "skip_reason=incident 7"
    )
    assert done.code == 0, done.err
    assert ran == {"pipeline_c_gate": "SUCCESS", "analytics": "SUCCESS"}
    watermark = verdicts()["silver/order_events:ready_for_c_watermark"]
    assert (watermark.passed, watermark.severity) == (False, "WARN")
    assert watermark.description.startswith("OVERRIDDEN (incident 7): required:")
    assert watermark.metadata["overridden"] == "incident 7"


def test_a_gate_in_a_run_of_something_else_blocks_nothing_and_records_nothing(after_day_1: Home) -> None:
    """INV-50: the checks of an asset that someone materializes by hand are not an attempt of C."""
    before, recon = log_rows(after_day_1, "c"), defs.resolve_assets_def(["gold", "recon_daily_snapshot_flow"])
    job = defs.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(recon.keys),
        asset_check_selection={*recon.check_keys, *gate_keys(PIPELINE_C)},
    )
    with dagster_instance() as instance:
        result = job.execute_in_process(instance=instance, partition_key=str(DAY_2), raise_on_error=False)
    assert steps(result.run_id)["pipeline_c_gate"] == "SUCCESS"
    watermark = verdicts()["silver/order_events:ready_for_c_watermark"]
    assert (watermark.passed, watermark.severity) == (False, "WARN")
    assert log_rows(after_day_1, "c") == before


def test_a_gate_without_a_day_says_what_to_do(after_day_1: Home) -> None:
    """INV-50: executing the check alone gives it no partition."""
    before = after_day_1.rows(LOG)
    job = defs.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection=set(gate_keys(PIPELINE_C))
    )
    with dagster_instance() as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False)
    failure = next(event for event in result.all_events if event.is_step_failure).step_failure_data
    assert failure.user_failure_data
    assert "pipeline_c_analytics" in str(failure.user_failure_data.description)
    assert after_day_1.rows(LOG) == before


@pytest.mark.parametrize("letter", "bc")
def test_a_run_without_its_gate_asks_the_same_and_shows_it_on_the_same_checks(
    after_day_1: Home, letter: str
) -> None:
    """INV-50: the UI's "Materialize" leaves the gate out; the compute refuses, and Silver's checks say why."""
    job = defs.resolve_job_def(GATED[letter])
    by_hand = job.get_subset(asset_selection=set(job.asset_layer.selected_asset_keys))
    assert f"pipeline_{letter}_gate" not in {node.name for node in by_hand.nodes}
    with dagster_instance() as instance:
        result = by_hand.execute_in_process(instance=instance, partition_key=str(DAY_2), raise_on_error=False)
    assert set(steps(result.run_id).values()) == {"FAILURE"}
    assert failed(letter) >= {n for n in CONDITIONS[letter] if n.endswith(("_watermark", "_newest_run"))}
    watermark = verdicts()[next(n for n in CONDITIONS[letter] if n.endswith("watermark"))]
    assert (watermark.severity, watermark.metadata["day"]) == ("ERROR", str(DAY_2))
    assert not [row for row in after_day_1.rows("gold.recon_daily_snapshot_flow") if row["date_kst"] == DAY_2]
    added = [row for row in log_rows(after_day_1, letter) if row["date_kst"] == DAY_2]
    assert {row["status"] for row in added} == {"failure"}

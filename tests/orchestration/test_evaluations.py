"""News of a run in the event log, read back for the terminal; and the next step that fits what failed it. No Spark."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import pytest

from orchestration.cli.hints import next_step
from orchestration.evaluations import error_kind, evaluations, materialized_facts
from orchestration.launch import Launch

NAMES = ("fine", "odd", "broken")


@dg.multi_asset(
    specs=[dg.AssetSpec("rules")], check_specs=[dg.AssetCheckSpec(name, asset="rules") for name in NAMES]
)
def checked() -> Iterator[dg.MaterializeResult[Any]]:
    warn = dg.AssetCheckSeverity.WARN
    yield dg.MaterializeResult(
        asset_key="rules",
        metadata={"rules_opened": "2: a, b", "rows": 1},
        check_results=[
            dg.AssetCheckResult(check_name="fine", passed=True, description="all is well"),
            dg.AssetCheckResult(check_name="odd", passed=False, severity=warn, description="a\nb"),
            dg.AssetCheckResult(check_name="broken", passed=False),
        ],
    )


@dg.op
def refused() -> None:
    raise dg.Failure("not ready", metadata={"error": "ReadinessError"}, allow_retries=False)


@dg.job
def refusing() -> None:
    refused()


def test_every_check_is_a_line_with_its_colour_and_sentence() -> None:
    with dg.instance_for_test() as instance:
        run_id = dg.materialize([checked], instance=instance, raise_on_error=False).run_id
        found = evaluations(instance, run_id)
        facts = materialized_facts(instance, run_id, ("rules_opened", "rules_closed"))
    assert [str(each) for each in found] == [
        "ok    rules fine: all is well",
        r"WARN  rules odd: a\nb",
        "RED   rules broken: no reason given",
    ]
    assert facts == {"rules_opened": "2: a, b"}


def test_the_kind_of_error_is_known() -> None:
    with dg.instance_for_test() as instance:
        result = refusing.execute_in_process(instance=instance, raise_on_error=False)
        assert error_kind(instance, result.run_id) == "ReadinessError"
        assert error_kind(instance, "") is None


@pytest.mark.parametrize(
    ("job", "kind", "said"),
    [
        ("bronze_ingest", "IngestError", "ledgerctl landing withdraw"),
        ("bronze_ingest", "ContractError", None),
        ("bronze_ingest", "OSError", None),
        ("pipeline_silver_materialization", "IngestError", "replace the file"),
        ("pipeline_silver_materialization", "QualityGateError", "quarantine --date 2026-02-10 --run-id r7"),
        ("pipeline_b_controls", "ReadinessError", "pipeline_silver_materialization --partition 2026-02-10"),
        ("pipeline_b_controls", "ParameterError", None),
        ("pipeline_b_controls", "CommitConflictError", "the same command again"),
        ("pipeline_c_analytics", "SecretError", None),
        ("pipeline_c_analytics", "ZeroDivisionError", "section 6.4"),
        ("pipeline_a_guardrail", "RulesError", "sync_dim_rule_scd2"),
    ],
)
def test_a_next_step_fits_what_happened_or_is_not_said(job: str, kind: str, said: str | None) -> None:
    found = next_step(Launch(job, date(2026, 2, 10), {"run_id": "r7"}), kind, "dagster-run")
    assert said in found if said and found else found is said


def test_a_run_that_was_never_made_has_no_next_step() -> None:
    """Another run of the pipeline is at work: the refusal says what to do."""
    assert next_step(Launch("pipeline_b_controls", None, {}), None, "") is None

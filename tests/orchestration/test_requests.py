"""A run's config, tags and partition, as one function builds them for whoever asks. Starts no Spark."""

from __future__ import annotations

from datetime import date
from typing import Any

import dagster as dg
import pytest

from assets.finalize import FailedRun
from assets.retention import RETENTION_JOB
from ledger.pipelines.registry import PIPELINE_B, PIPELINES
from orchestration.definitions import defs
from orchestration.requests import REASON_TAG, Launch, day_request, run_request
from resources.parameters import RUN_ID_TAG, given_to

D = date(2026, 2, 10)
FAILED = FailedRun.model_validate(
    {"dagster_run_id": "d1", "run_id": "r1", "started_at": "2026-02-10T00:00:00+00:00", "message": "gone"}
)


def test_a_pipeline_s_operations_share_the_parameters_and_the_run_is_found_by_its_run_id() -> None:
    """INV-17, INV-31"""
    made = run_request(Launch(PIPELINE_B.job, D, {"run_id": " r7 ", "run_mode": "backfill"}), "k")
    assert given_to(made.run_config) == {"run_id": " r7 ", "run_mode": "backfill"}
    assert (made.job_name, made.partition_key, made.run_key) == (PIPELINE_B.job, "2026-02-10", "k")
    assert made.tags == {RUN_ID_TAG: "r7"}


def test_a_request_of_a_day_names_its_reason_and_has_the_parameters_defaults() -> None:
    """INV-31: the same request made twice has the same key."""
    made = day_request("pipeline_b", D, "tick:1", "schedule")
    assert (made.run_config, made.tags, made.run_key) == ({}, {REASON_TAG: "schedule"}, "pipeline_b:tick:1")
    assert made.partition_key == "2026-02-10"


@pytest.mark.parametrize(
    ("job", "parameters"),
    [
        (RETENTION_JOB, {"dry_run": "true"}),
        ("sync_dim_rule_scd2", {"seed_path": "x.json"}),
        *[(pipeline.job, {"run_id": "r1"}) for pipeline in PIPELINES],
        *[(pipeline.finalizer, FAILED.model_dump()) for pipeline in PIPELINES],
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_job_takes_the_config_that_is_built_for_it(job: str, parameters: dict[str, Any]) -> None:
    """INV-17"""
    assert dg.validate_run_config(
        defs.resolve_job_def(job), run_request(Launch(job, None, parameters)).run_config
    )

"""Jobs that can be run, the parameters that each takes, and what these mean: known without Dagster and Spark.

The job definitions, the run parameters' form and ``ledgerctl run --help`` all say what stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ledger.errors import ParameterError
from ledger.pipelines.registry import PIPELINES

# Every parameter is text (spec section 3); blank means not given.
PARAMETERS: Mapping[str, str] = {
    "run_mode": "incremental or backfill",
    "start_ts": "UTC window start, ISO-8601",
    "end_ts": "UTC window end, exclusive, ISO-8601",
    "date_kst_start": "first KST day, YYYY-MM-DD",
    "date_kst_end": "last KST day, inclusive, YYYY-MM-DD",
    "run_id": "identity of the run; blank: the orchestrator's root run id",
    "rule_load_mode": "strict or fallback (not C)",
    "skip_upstream_readiness_check": "true overrides B's and C's readiness in an emergency",
    "skip_reason": "why the readiness check is skipped",
    "seed_path": "rule seed (JSON), relative to the repository",
    "retention_days": "days to keep; blank: retention.days",
    "dry_run": "true only reports what would go; blank: false",
}
_DAYS = ("date_kst_start", "date_kst_end")


@dataclass(frozen=True)
class JobText:
    """A job in a sentence or two, and the parameters that it takes in their order."""

    description: str
    parameters: tuple[str, ...] = ()


JOBS: Mapping[str, JobText] = {
    "bronze_ingest": JobText(
        "Load one landing day into the six Bronze tables. A and Silver do it on their way as well.", _DAYS
    ),
    **{p.job: JobText(p.description, p.parameters) for p in PIPELINES},
    "sync_dim_rule_scd2": JobText(
        "Load the rule seed into the rule table, on demand. Runbook section 7.2.", ("seed_path",)
    ),
    "bootstrap_catalog": JobText("Create and validate every table; loads no data."),
    "bad_records_retention_cleanup": JobText(
        "Delete bad records that the retention no longer keeps; a dry run reports them per day.",
        ("retention_days", "dry_run"),
    ),
    "ledger_health": JobText(
        "Is every day done, does the money add up, does a day have to run again, are the rules sound? Runbook section 4."
    ),
}


def refuse_job(name: str) -> None:
    """Raises :class:`ParameterError` for the name of no job."""
    if name not in JOBS:
        raise ParameterError(f"unknown job {name!r}", action=f"one of {', '.join(JOBS)}")


def refuse_parameters(job: str, given: Iterable[str]) -> None:
    """Raises :class:`ParameterError` for the first name of a parameter that the job does not take."""
    takes = JOBS[job].parameters
    for name in given:
        if name not in takes:
            raise ParameterError(
                f"parameter {name}: {job} does not take it", action=f"it takes {', '.join(takes) or 'none'}"
            )

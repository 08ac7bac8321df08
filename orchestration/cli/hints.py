"""The next step after a failed run: only where it fits what happened."""

from __future__ import annotations

from ledger.pipelines.registry import BY_JOB, PIPELINE_SILVER
from ledger.shown import shown
from orchestration.launch import Launch

_SAY_IT_THEMSELVES = {
    "ParameterError",
    "SettingsError",
    "ContractError",
    "SecretError",
    "KeyViolationError",
    "ShortageError",
    "StorageError",
    "EngineLostError",
}
_MAY_PASS = {
    "TransientError",
    "AttemptTimeoutError",
    "CommitConflictError",
    "ConnectionError",
    "TimeoutError",
}


def next_step(launch: Launch, kind: str | None, dagster_run_id: str) -> str | None:
    """The operator's next step; ``kind``: the class of the error. None where the error itself says it, or nothing fits."""
    if not dagster_run_id or kind in _SAY_IT_THEMSELVES:
        return None
    day = launch.day.isoformat() if launch.day else "D"
    if kind == "IngestError":
        return (
            "replace the file named above, then run the same command again;"
            " a file that should never have come: ledgerctl landing withdraw PATH --by WHO --reason WHY"
        )
    if kind == "QualityGateError":
        run_id = launch.parameters.get("run_id") or dagster_run_id
        return f"ledgerctl quarantine --date {day} --run-id {shown(run_id)}; docs/runbook.md section {PIPELINE_SILVER.runbook_section}"
    if kind == "ReadinessError":
        return f"ledgerctl run {PIPELINE_SILVER.job} --partition {day}, then the same command again"
    if kind == "RulesError":
        return "correct the seed, ledgerctl run sync_dim_rule_scd2, then the same command again"
    if kind in _MAY_PASS:
        return "it may pass: run the same command again"
    pipeline = BY_JOB.get(launch.job)
    return f"docs/runbook.md section {pipeline.runbook_section}" if pipeline else None

"""Records of Dagster: the latest evaluation of every check, and what ran in a run."""

from __future__ import annotations

from typing import Any, NamedTuple

import dagster as dg

from orchestration.definitions import defs
from orchestration.launch import dagster_instance


class Verdict(NamedTuple):
    """One check's latest evaluation."""

    passed: bool
    severity: str
    description: str
    metadata: dict[str, Any]
    partition: str | None


def verdicts() -> dict[str, Verdict]:
    """``<schema>/<table>[/<writer>]:<check>`` to the latest evaluation; checks that were never evaluated are absent."""
    keys = sorted(defs.resolve_asset_graph().asset_check_keys, key=lambda key: key.to_user_string())
    with dagster_instance() as instance:
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    found = {}
    for key, record in latest.items():
        event = record.event.dagster_event if record.event else None
        if event is None or event.event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            continue  # planned by a run that failed before it
        evaluation = event.asset_check_evaluation_data
        found[key.to_user_string()] = Verdict(
            evaluation.passed,
            evaluation.severity.value,
            evaluation.description or "",
            {name: value.value for name, value in evaluation.metadata.items()},
            evaluation.partition,
        )
    return found


def steps(run_id: str) -> dict[str, str]:
    """Step to its end: ``SUCCESS``, ``FAILURE`` or ``SKIPPED``; steps that never came up are absent."""
    ends = {
        dg.DagsterEventType.STEP_SUCCESS: "SUCCESS",
        dg.DagsterEventType.STEP_FAILURE: "FAILURE",
        dg.DagsterEventType.STEP_SKIPPED: "SKIPPED",
    }
    with dagster_instance() as instance:
        logs = instance.all_logs(run_id, of_type=set(ends))
    return {
        event.dagster_event.step_key: ends[event.dagster_event.event_type]
        for event in logs
        if event.dagster_event and event.dagster_event.step_key
    }

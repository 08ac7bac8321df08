"""News of one Dagster run from its event log: checks, materialized facts, and the kind of error that ended it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from ledger.shown import shown


@dataclass(frozen=True)
class Evaluation:
    """One check's answer: ``status`` is ok, WARN (worth a look) or RED (to be acted on); ``says`` one sentence."""

    asset: str
    check: str
    partition: str | None
    status: str
    says: str

    def __str__(self) -> str:
        return shown(f"{self.status:<5} {self.asset} {self.check}: {self.says}")


def evaluations(instance: dg.DagsterInstance, run_id: str) -> list[Evaluation]:
    """The checks that the run evaluated, in its order; of a check that was asked twice the last answer."""
    found: dict[tuple[str, str, str | None], Evaluation] = {}
    for event in _events(instance, run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        data = event.asset_check_evaluation_data
        answer = Evaluation(
            asset=".".join(data.asset_key.path),
            check=data.check_name,
            partition=getattr(data, "partition", None),
            status=_status(data),
            says=(data.description or "").strip() or "no reason given",
        )
        found[answer.asset, answer.check, answer.partition] = answer
    return list(found.values())


def _status(data: Any) -> str:
    if data.passed:
        return "ok"
    return "RED" if data.severity == dg.AssetCheckSeverity.ERROR else "WARN"


def materialized_facts(instance: dg.DagsterInstance, run_id: str, names: Sequence[str]) -> dict[str, object]:
    """Those of the named metadata that the run's materializations carry."""
    facts: dict[str, object] = {}
    for event in _events(instance, run_id, dg.DagsterEventType.ASSET_MATERIALIZATION):
        metadata = event.step_materialization_data.materialization.metadata
        facts |= {name: metadata[name].value for name in names if name in metadata}
    return facts


def error_kind(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """The class of the error that failed the run's first step, as ``assets/execution.py`` notes it."""
    for event in _events(instance, run_id, dg.DagsterEventType.STEP_FAILURE):
        failure = event.step_failure_data.user_failure_data
        if failure is not None and "error" in failure.metadata:
            return str(failure.metadata["error"].value)
    return None


def _events(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> Iterator[Any]:
    if not run_id:  # refused before a run was made
        return
    for record in instance.all_logs(run_id, of_type=kind):
        if record.dagster_event is not None:
            yield record.dagster_event

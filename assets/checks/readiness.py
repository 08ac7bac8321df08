"""Readiness questions of B and C to Silver, and their answers as checks on Silver's assets (spec section 7)."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from assets.catalog import asset_key
from assets.checks.results import RUNBOOK
from ledger.contract import Table
from ledger.errors import LedgerError
from ledger.parameters import ResolvedRun
from ledger.pipelines.attempt import Run, recorded_failure
from ledger.pipelines.registry import PIPELINE_B, PIPELINE_C, PIPELINE_SILVER, Pipeline, needs_of
from ledger.quality.coverage import rows_conditions
from ledger.readiness import NEWEST_RUN, ROWS, WATERMARK, WHOLE, Condition, silver_conditions
from ledger.tables import by_name
from ledger.window import Window
from resources import told

QUESTIONS = {
    WATERMARK: f"The watermark of {PIPELINE_SILVER.name} covers the day.",
    NEWEST_RUN: "The day's newest Silver run was a success (the watermark alone cannot see a hole).",
    WHOLE: "No Silver run is under way or was left half merged on the day, or on an earlier one that B reads.",
    ROWS: "Silver has rows of the day where Bronze has rows that belong there.",
}


@dataclass(frozen=True)
class Gate:
    """One pipeline's questions to Silver. The first table carries the questions about Silver as a whole."""

    pipeline: Pipeline

    @property
    def op_name(self) -> str:
        assert self.pipeline.gate is not None, "a gate guards a pipeline that needs another one"
        return self.pipeline.gate

    @property
    def inputs(self) -> tuple[Table, ...]:
        return tuple(by_name(name) for name in needs_of(self.pipeline.name).tables)

    def check_keys(self) -> list[tuple[str, dg.AssetCheckKey]]:
        """(condition, check key), in the order in which an operator reads them."""
        whole = asset_key(self.inputs[0])
        return [
            *[
                (name, dg.AssetCheckKey(whole, self.check_name(name)))
                for name in (WATERMARK, NEWEST_RUN, WHOLE)
            ],
            *[(ROWS, dg.AssetCheckKey(asset_key(t), self.check_name(ROWS))) for t in self.inputs],
        ]

    def check_name(self, condition: str) -> str:
        return f"ready_for_{self.pipeline.title.lower()}_{condition}"


GATE_B, GATE_C = Gate(PIPELINE_B), Gate(PIPELINE_C)


def conditions_of(gate: Gate, run: Run, window: Window, *, stops: bool) -> list[Condition]:
    """Everything that the gate asks, answered. Only a gate that ``stops`` the run may fail on its own questions."""
    if stops:
        with recorded_failure(run, gate.pipeline.name, window):
            return _answered(gate, run, window)
    try:
        return _answered(gate, run, window)
    except LedgerError as error:
        found = f"cannot be evaluated: {error}"
        return [
            Condition(name, QUESTIONS[name], found, False, window.date_kst, _table_of(name, key))
            for name, key in gate.check_keys()
        ]


def _answered(gate: Gate, run: Run, window: Window) -> list[Condition]:
    return [
        *silver_conditions(run.lakehouse, gate.pipeline.name, window),
        *rows_conditions(run, window, gate.inputs),
    ]


def refuse(gate: Gate, run: Run, window: Window, conditions: Sequence[Condition]) -> None:
    """The first condition that does not hold is the run's failure, recorded as the pipeline's own (spec section 7)."""
    failed = [c for c in conditions if not c.holds]
    if failed:
        with recorded_failure(run, gate.pipeline.name, window):
            raise failed[0].error()


def results_of_gate(
    gate: Gate, conditions: Sequence[Condition], what: ResolvedRun, *, stops: bool
) -> list[dg.AssetCheckResult]:
    """One result per check, with what was required and what was found."""
    results = []
    for name, key in gate.check_keys():
        asked = [c for c in conditions if (c.name, c.table) == (name, _table_of(name, key))]
        failed = [c for c in asked if not c.holds]
        shown = (failed or asked)[0]
        results.append(
            dg.AssetCheckResult(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=not failed,
                severity=dg.AssetCheckSeverity.ERROR if stops else dg.AssetCheckSeverity.WARN,
                description=told.text(_sentence(shown, what)),
                metadata=told.metadata(
                    {
                        "required": shown.required,
                        "found": shown.found,
                        "day": shown.day,
                        "overridden": what.skip_reason or "no",
                        "runbook": RUNBOOK.format(gate.pipeline.runbook_section),
                    }
                ),
            )
        )
    return results


def _sentence(shown: Condition, what: ResolvedRun) -> str:
    if shown.holds:
        return str(shown)
    if what.skip_readiness:
        return f"OVERRIDDEN ({what.skip_reason}): {shown}"
    return f"{shown}. Next: {shown.action}"


def _table_of(name: str, key: dg.AssetCheckKey) -> str | None:
    return ".".join(key.asset_key.path) if name == ROWS else None


def ask_where_no_gate_ran(context: dg.AssetExecutionContext, gate: Gate, run: Run, what: ResolvedRun) -> None:
    """The same questions from the compute itself, in a run that left the gate out.

    The UI's "Materialize" takes the selected assets and their own checks only, so the gate, which is on assets
    upstream, is not in such a run. The answer is shown on the same checks (as evaluations without a run).
    """
    if context.job_def.graph.has_node_named(gate.op_name) or not context.has_partition_key:
        return
    (window,) = what.windows
    stops = not what.skip_readiness
    conditions = conditions_of(gate, run, window, stops=stops)
    results = results_of_gate(gate, conditions, what, stops=stops)
    for (_, key), result in zip(gate.check_keys(), results, strict=True):
        context.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=result.passed,
                severity=result.severity,
                description=told.text(result.description),
                metadata=told.metadata(result.metadata),
                blocking=True,  # and no partition: Dagster takes one evaluation without a run per partition, ever
            )
        )
    if stops:
        refuse(gate, run, window, conditions)

"""The gates: blocking checks on Silver that B's and C's jobs evaluate before anything else (spec section 7).

A gate is one operation per pipeline, with the pipeline's own parameters. It writes nothing but that pipeline's
failure. B's and C's own compute refuses as well: a check that was never evaluated must not open the way.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from assets import analytics, controls
from assets.catalog import asset_key
from assets.checks.results import RUNBOOK, check_spec
from assets.execution import OP_TAGS, RETRY_POLICY, running
from configs.settings import Settings
from ledger.contract import Table
from ledger.errors import LedgerError
from ledger.pipelines.attempt import Run, recorded_failure
from ledger.quality.coverage import rows_conditions
from ledger.readiness import NEWEST_RUN, ROWS, WATERMARK, Condition, silver_conditions
from ledger.silver import ledger_entries, order_events, order_items, products, wallet_snapshot
from ledger.window import Window
from orchestration.partitions import kst_days
from orchestration.run_config import Pipeline, ResolvedRun, RunParameters
from resources.ledger import LedgerResource

_WHAT = {
    WATERMARK: "The watermark of pipeline_silver covers the day.",
    NEWEST_RUN: "The day's newest Silver run was a success (the watermark alone cannot see a hole).",
    ROWS: "Silver has rows of the day where Bronze has rows that belong there.",
}


@dataclass(frozen=True)
class Gate:
    """What one pipeline asks of Silver. The first table carries the questions about Silver as a whole."""

    pipeline: Pipeline
    letter: str
    job: str
    section: str
    inputs: tuple[Table, ...]
    guarded: frozenset[dg.AssetKey]

    @property
    def op_name(self) -> str:
        return f"{self.pipeline}_gate"

    def check_keys(self) -> list[tuple[str, dg.AssetCheckKey]]:
        """(condition, check key), in the order in which an operator reads them."""
        whole = asset_key(self.inputs[0])
        return [
            *[(name, dg.AssetCheckKey(whole, self.check_name(name))) for name in (WATERMARK, NEWEST_RUN)],
            *[(ROWS, dg.AssetCheckKey(asset_key(t), self.check_name(ROWS))) for t in self.inputs],
        ]

    def check_name(self, condition: str) -> str:
        return f"ready_for_{self.letter}_{condition}"


def _keys(*writes: Mapping[Table, tuple[str, ...]]) -> frozenset[dg.AssetKey]:
    return frozenset(asset_key(table, *writer) for each in writes for table, writer in each.items())


GATES = (
    Gate(
        pipeline="pipeline_b",
        letter="b",
        job="pipeline_b_controls",
        section="6.3",
        inputs=(ledger_entries.TABLE, wallet_snapshot.TABLE, order_events.TABLE),
        guarded=_keys(controls.RECON, controls.SUPPLY_OPS, controls.FINALIZE),
    ),
    Gate(
        pipeline="pipeline_c",
        letter="c",
        job="pipeline_c_analytics",
        section="6.4",
        inputs=(order_events.TABLE, order_items.TABLE, products.TABLE),
        guarded=_keys(analytics.WRITES),
    ),
)


def gate_keys(pipeline: str) -> list[dg.AssetCheckKey]:
    """The checks that guard a pipeline; empty for one without a gate."""
    return [key for gate in GATES if gate.pipeline == pipeline for _, key in gate.check_keys()]


def gate_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """One operation per gated pipeline."""
    days = kst_days(settings.partitions.start_date, including_today=False)
    return [_gate(gate, days) for gate in GATES]


def _gate(gate: Gate, days: dg.DailyPartitionsDefinition) -> dg.AssetChecksDefinition:
    specs = [
        check_spec(
            key,
            f"{_WHAT[condition]} Blocks {gate.pipeline} until it holds.",
            section=gate.section,
            blocking=True,
            partitions_def=days,
        )
        for condition, key in gate.check_keys()
    ]

    @dg.multi_asset_check(
        name=gate.op_name,
        specs=specs,
        description=f"May {gate.pipeline} start on this day? Writes nothing but its failure.",
        retry_policy=RETRY_POLICY,
        op_tags=OP_TAGS,
    )
    def evaluate(
        context: dg.AssetCheckExecutionContext, config: RunParameters, ledger: LedgerResource
    ) -> Iterator[dg.AssetCheckResult]:
        op_context = context.op_execution_context
        if not op_context.has_partition_key:
            raise dg.Failure(
                f"the gate asks about one KST day: run {gate.job} for the day, or Silver's assets of that day",
                allow_retries=False,
            )
        guards = _is_guarding(op_context, gate)
        with running(op_context, ledger, gate.pipeline, config) as (run, what):
            (window,) = what.windows  # a partition is one day
            stops = guards and not what.skip_readiness
            conditions = _conditions(gate, run, window, stops=stops)
            for condition, key in gate.check_keys():
                asked = [c for c in conditions if _answers(c, condition, key)]
                yield _result(gate, key, asked, what, stops=stops)
            if stops:
                _refuse(gate, run, window, conditions)

    return evaluate


def _conditions(gate: Gate, run: Run, window: Window, *, stops: bool) -> list[Condition]:
    if not stops:  # an emergency override must not fail on what it overrides
        try:
            return [*silver_conditions(run.lakehouse, window), *rows_conditions(run, window, gate.inputs)]
        except LedgerError as error:
            found = f"cannot be evaluated: {error}"
            return [
                Condition(name, _WHAT[name], found, False, window.date_kst, _table_of(name, key))
                for name, key in gate.check_keys()
            ]
    with recorded_failure(run, gate.pipeline, window):
        return [*silver_conditions(run.lakehouse, window), *rows_conditions(run, window, gate.inputs)]


def _refuse(gate: Gate, run: Run, window: Window, conditions: Sequence[Condition]) -> None:
    """The first condition that does not hold is the run's failure, recorded as the pipeline's own (spec section 7)."""
    failed = [c for c in conditions if not c.holds]
    if failed:
        with recorded_failure(run, gate.pipeline, window):
            raise failed[0].error()


def _result(
    gate: Gate, key: dg.AssetCheckKey, asked: Sequence[Condition], what: ResolvedRun, *, stops: bool
) -> dg.AssetCheckResult:
    failed = [c for c in asked if not c.holds]
    shown = (failed or asked)[0]
    description = str(shown)
    if failed and what.skip_readiness:
        description = f"OVERRIDDEN ({what.skip_reason}): {description}"
    elif failed:
        description = f"{description}. Next: {shown.action}"
    metadata: dict[str, Any] = {
        "required": shown.required,
        "found": shown.found,
        "day": str(shown.day),
        "overridden": what.skip_reason or "no",
        "runbook": RUNBOOK.format(gate.section),
    }
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if stops else dg.AssetCheckSeverity.WARN,
        description=description,
        metadata=metadata,
    )


def _answers(condition: Condition, name: str, key: dg.AssetCheckKey) -> bool:
    return condition.name == name and condition.table == _table_of(name, key)


def _table_of(name: str, key: dg.AssetCheckKey) -> str | None:
    return ".".join(key.asset_key.path) if name == ROWS else None


def _is_guarding(context: dg.OpExecutionContext, gate: Gate) -> bool:
    """Whether this run is to compute the gated pipeline: only then may its state record a refusal.

    Materializing Silver from the asset graph evaluates every check on it, these included.
    """
    return bool(context.job_def.asset_layer.selected_asset_keys & gate.guarded)

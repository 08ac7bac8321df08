"""The gates: blocking checks on Silver that B's and C's jobs evaluate before anything else (spec section 7).

A gate is one operation per pipeline, with the pipeline's own parameters. It writes nothing but that pipeline's
failure. B's and C's own compute refuses as well: a check that was never evaluated must not open the way.
"""

from collections.abc import Iterator

import dagster as dg

from assets.checks.readiness import QUESTIONS, Gate, conditions_of, refuse, results_of_gate
from assets.checks.results import check_spec
from assets.execution import failing_at_once, running
from assets.limits import RETRY_POLICY
from assets.partitions import kst_days
from assets.run_tags import refuse_range
from assets.writes import written_keys
from configs.settings import Settings
from ledger.parameters import RunParameters, taken_by
from ledger.pipelines.registry import CONTROLS, Pipeline
from resources import told
from resources.ledger import LedgerResource


def gate_keys(pipeline: Pipeline) -> list[dg.AssetCheckKey]:
    """The checks that guard a pipeline; empty for one without a gate."""
    return [key for _, key in Gate(pipeline).check_keys()] if pipeline.needs else []


def gate_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """One operation per gated pipeline."""
    days = kst_days(settings.partitions.start_date, including_today=False)
    return [_gate(Gate(pipeline), days) for pipeline in CONTROLS]


def _gate(gate: Gate, days: dg.DailyPartitionsDefinition) -> dg.AssetChecksDefinition:
    specs = [
        check_spec(
            key,
            f"{QUESTIONS[condition]} Blocks {gate.pipeline.name} until it holds.",
            section=gate.pipeline.runbook_section,
            blocking=True,
            partitions_def=days,
        )
        for condition, key in gate.check_keys()
    ]

    @dg.multi_asset_check(
        name=gate.op_name,
        specs=specs,
        description=f"May {gate.pipeline.name} start on this day? Writes nothing but its failure.",
        retry_policy=RETRY_POLICY,
    )
    def evaluate(
        context: dg.AssetCheckExecutionContext,
        parameters: dg.ResourceParam[RunParameters],
        ledger: LedgerResource,
    ) -> Iterator[dg.AssetCheckResult]:
        op_context = context.op_execution_context
        with failing_at_once():
            refuse_range(op_context.run.tags)
        if not op_context.has_partition_key:
            raise dg.Failure(
                told.text(
                    f"the gate asks about one KST day: run {gate.pipeline.job} for it, or Silver's assets of that day"
                ),
                allow_retries=False,
            )
        # Materializing Silver by hand evaluates every check on it, these included: that is no attempt of B or C.
        guards = bool(op_context.job_def.asset_layer.selected_asset_keys & written_keys(gate.pipeline))
        asked = parameters if guards else taken_by(gate.pipeline, parameters)
        with running(op_context, ledger, gate.pipeline, asked) as (run, what):
            (window,) = what.windows  # a partition is one day
            stops = guards and not what.skip_readiness
            conditions = conditions_of(gate, run, window, stops=stops)
            yield from results_of_gate(gate, conditions, what, stops=stops)
            if stops:
                refuse(gate, run, window, conditions)

    return evaluate

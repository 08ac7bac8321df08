"""Pipeline A: can the inputs be trusted? (spec section 6)"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.bronze import KEYS
from assets.catalog import asset_spec
from assets.checks.bronze import VERDICTS
from assets.checks.quality import own_specs
from assets.execution import OP_TAGS, RETRY_POLICY, each_window, log_ingested, running, table_results
from configs.settings import Settings
from ledger.gold import exception_ledger, pipeline_state
from ledger.pipelines.guardrail import INPUTS, run_guardrail
from ledger.silver import dq_status
from ledger.state import read_state
from orchestration.partitions import kst_days
from orchestration.run_config import RunParameters, default_guardrail_window
from resources.ledger import LedgerResource

WRITES = {
    dq_status.TABLE: (),
    exception_ledger.TABLE: ("dq",),
    pipeline_state.TABLE: ("pipeline_a",),
}


def guardrail_assets(settings: Settings) -> dg.AssetsDefinition:
    """One operation: dq_status, its exceptions and pipeline A's state."""
    days = kst_days(settings.partitions.start_date, including_today=True)
    deps = [KEYS[source.table.name] for source in INPUTS]

    @dg.multi_asset(
        name="guardrail",
        specs=[
            asset_spec(table, *writer, group="guardrail", deps=deps, partitions_def=days)
            for table, writer in WRITES.items()
        ],
        check_specs=own_specs(WRITES, days),
        retry_policy=RETRY_POLICY,
        op_tags=OP_TAGS,
    )
    def guardrail(
        context: dg.AssetExecutionContext, config: RunParameters, ledger: LedgerResource
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with running(context, ledger, "pipeline_a", config) as (run, what):
            windows = what.windows
            if not windows:
                watermark = read_state(run.lakehouse, "pipeline_a").last_processed_end
                windows = tuple(default_guardrail_window(ledger.now(), watermark).split_by_day())
            outcomes = each_window(
                context, windows, lambda window: run_guardrail(run, window, is_backfill=what.is_backfill)
            )
            log_ingested(context, outcomes)
            asked = [v.as_dict() for o in outcomes for v in o.verdicts if v.table.startswith("bronze.")]
            noted = {dq_status.TABLE: {VERDICTS: dg.MetadataValue.json(asked)}}
            yield from table_results(run, what, outcomes, WRITES, also=noted)

    return guardrail

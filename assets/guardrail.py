"""Pipeline A: can the inputs be trusted? (spec section 6)"""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import dagster as dg

from assets.bronze import KEYS
from assets.catalog import asset_spec
from assets.checks.arrivals import loads
from assets.checks.bronze import VERDICTS
from assets.checks.quality import own_specs
from assets.execution import each_window, log_ingested, running
from assets.limits import RETRY_POLICY
from assets.materialization import table_results
from assets.partitions import ONE_DAY_A_RUN, kst_days
from assets.run_tags import tick_of
from configs.settings import Settings
from ledger.clock import future_watermark
from ledger.errors import IngestError
from ledger.gold import exception_ledger, pipeline_state
from ledger.parameters import RunParameters, default_guardrail_window
from ledger.pipelines.attempt import Run
from ledger.pipelines.guardrail import run_guardrail
from ledger.pipelines.guardrail_inputs import INPUTS
from ledger.pipelines.registry import PIPELINE_A
from ledger.silver import dq_status
from ledger.state import read_state
from ledger.window import Window
from resources import told
from resources.ledger import LedgerResource

logger = logging.getLogger("ledger.run")
WRITES = {
    dq_status.TABLE: (),
    exception_ledger.TABLE: ("dq",),
    pipeline_state.TABLE: (PIPELINE_A.name,),
}


def guardrail_assets(settings: Settings) -> dg.AssetsDefinition:
    """One operation: dq_status, its exceptions and pipeline A's state."""
    days = kst_days(settings.partitions.start_date, including_today=True)
    deps = [KEYS[source.table.name] for source in INPUTS]

    @dg.multi_asset(
        name=PIPELINE_A.operations[0],
        specs=[
            asset_spec(table, *writer, group=PIPELINE_A.group, deps=deps, partitions_def=days)
            for table, writer in WRITES.items()
        ],
        check_specs=own_specs(WRITES, days),
        retry_policy=RETRY_POLICY,
        pool=PIPELINE_A.name,
        backfill_policy=ONE_DAY_A_RUN,
    )
    def guardrail(
        context: dg.AssetExecutionContext, parameters: dg.ResourceParam[RunParameters], ledger: LedgerResource
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetMaterialization | dg.AssetCheckEvaluation]:
        with running(context, ledger, PIPELINE_A, parameters) as (run, what):
            windows = what.windows or _since_watermark(run, tick_of(context.run.tags))
            if not windows:
                context.log.info("the watermark is at the tick already: nothing to evaluate")
            else:
                run.refuse_clock_far_ahead(windows[-1].end)
            try:
                outcomes = each_window(
                    context, windows, lambda window: run_guardrail(run, window, is_backfill=what.is_backfill)
                )
            except IngestError as error:  # which files are loaded, and which are not
                yield from loads(error.ingested)
                raise
            log_ingested(context, outcomes)
            asked = [v.as_dict() for o in outcomes for v in o.verdicts if v.table.startswith("bronze.")]
            noted = {dq_status.TABLE: {VERDICTS: told.noted(asked)}}
            yield from table_results(run, what, outcomes, WRITES, also=noted)

    return guardrail


def _since_watermark(run: Run, tick: datetime | None) -> tuple[Window, ...]:
    """A's default window, cut at KST midnights. A tick's ends at the tick, and is empty when that is evaluated.

    A watermark that lies in the future says nothing of what is evaluated: the last ten minutes are, as without one.
    """
    watermark, now = read_state(run.lakehouse, PIPELINE_A.name).last_processed_end, run.clock()
    if watermark and watermark > now:
        logger.warning(
            "%s; only the last ten minutes are evaluated", future_watermark(PIPELINE_A.name, watermark)
        )
    elif tick and watermark and watermark >= tick:
        return ()
    return tuple(default_guardrail_window(tick or now, watermark).split_by_day())

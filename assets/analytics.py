"""Pipeline C: the mart without personal data (spec section 7)."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import dagster as dg

from assets.catalog import asset_spec
from assets.checks.quality import own_specs
from assets.checks.readiness import GATE_C, ask_where_no_gate_ran
from assets.execution import each_window, running
from assets.limits import RETRY_POLICY
from assets.materialization import table_results
from assets.partitions import ONE_DAY_A_RUN, kst_days
from assets.silver import SILVER_KEYS
from configs.settings import Settings
from ledger.gold import fact_payment_anonymized, pipeline_state
from ledger.parameters import RunParameters
from ledger.pipelines.analytics import run_analytics
from ledger.pipelines.registry import PIPELINE_C
from resources.ledger import NEEDS_SALT, LedgerResource

WRITES = {fact_payment_anonymized.TABLE: (), pipeline_state.TABLE: (PIPELINE_C.name,)}
_DEPS = tuple(SILVER_KEYS[n] for n in ("order_events", "order_items", "products"))


def analytics_assets(settings: Settings) -> dg.AssetsDefinition:
    """One operation: the mart and pipeline C's state."""
    days = kst_days(settings.partitions.start_date, including_today=False)

    @dg.multi_asset(
        name=PIPELINE_C.operations[0],
        specs=[
            asset_spec(table, *writer, group=PIPELINE_C.group, deps=_DEPS, partitions_def=days)
            for table, writer in WRITES.items()
        ],
        check_specs=own_specs(WRITES, days),
        retry_policy=RETRY_POLICY,
        pool=PIPELINE_C.name,
        backfill_policy=ONE_DAY_A_RUN,
        op_tags=NEEDS_SALT,
    )
    def analytics(
        context: dg.AssetExecutionContext, parameters: dg.ResourceParam[RunParameters], ledger: LedgerResource
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with running(context, ledger, PIPELINE_C, parameters) as (run, what):
            ask_where_no_gate_ran(context, GATE_C, run, what)
            salt = cache(lambda: ledger.salt(ledger.settings()))  # asked for once, and only when it is needed
            outcomes = each_window(
                context, what.windows, lambda window: run_analytics(run, window, salt=salt)
            )
            yield from table_results(run, what, outcomes, WRITES)

    return analytics

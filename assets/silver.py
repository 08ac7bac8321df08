"""Pipeline Silver: five clean tables and the quarantine, in one operation (spec section 5)."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.bronze import KEYS
from assets.catalog import asset_key, asset_spec
from assets.checks.arrivals import loads
from assets.checks.quality import measured_results, own_specs
from assets.execution import each_window, log_ingested, running
from assets.limits import RETRY_POLICY
from assets.materialization import table_results
from assets.partitions import ONE_DAY_A_RUN, kst_days
from configs.settings import Settings
from ledger.errors import IngestError, QualityGateError
from ledger.gold import pipeline_state
from ledger.parameters import RunParameters
from ledger.pipelines.registry import PIPELINE_SILVER
from ledger.pipelines.silver import run_silver
from ledger.silver import bad_records, ledger_entries, order_events, order_items, products, wallet_snapshot
from resources.ledger import LedgerResource

_INPUTS = {
    wallet_snapshot.TABLE: ("user_wallets_raw",),
    ledger_entries.TABLE: ("transaction_ledger_raw", "payment_orders_raw", "orders_raw"),
    order_events.TABLE: ("payment_orders_raw", "orders_raw"),
    order_items.TABLE: ("order_items_raw",),
    products.TABLE: ("products_raw",),
    bad_records.TABLE: tuple(KEYS),
    pipeline_state.TABLE: tuple(KEYS),
}
WRITES = {table: ((PIPELINE_SILVER.name,) if table is pipeline_state.TABLE else ()) for table in _INPUTS}
SILVER_KEYS = {table.name: asset_key(table) for table in _INPUTS if table is not pipeline_state.TABLE}


def silver_assets(settings: Settings) -> dg.AssetsDefinition:
    """One operation: the five tables, bad_records and pipeline Silver's state."""
    days = kst_days(settings.partitions.start_date, including_today=False)

    @dg.multi_asset(
        name=PIPELINE_SILVER.operations[0],
        specs=[
            asset_spec(
                table,
                *WRITES[table],
                group=PIPELINE_SILVER.group,
                deps=[KEYS[n] for n in names],
                partitions_def=days,
            )
            for table, names in _INPUTS.items()
        ],
        check_specs=own_specs(WRITES, days),
        retry_policy=RETRY_POLICY,
        pool=PIPELINE_SILVER.name,
        backfill_policy=ONE_DAY_A_RUN,
    )
    def materialize_silver(
        context: dg.AssetExecutionContext, parameters: dg.ResourceParam[RunParameters], ledger: LedgerResource
    ) -> Iterator[
        dg.MaterializeResult[Any] | dg.AssetCheckResult | dg.AssetMaterialization | dg.AssetCheckEvaluation
    ]:
        with running(context, ledger, PIPELINE_SILVER, parameters) as (run, what):
            run.refuse_clock_far_ahead(what.windows[-1].end)
            try:
                outcomes = each_window(context, what.windows, lambda window: run_silver(run, window))
            except IngestError as error:  # which files are loaded, and which are not
                yield from loads(error.ingested)
                raise
            except QualityGateError as error:  # the dashboard shows the rate that stopped the run
                yield from measured_results(WRITES, error.verdicts)
                raise
            log_ingested(context, outcomes)
            yield from table_results(run, what, outcomes, WRITES)

    return materialize_silver

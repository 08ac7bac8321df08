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
from ledger.silver import bad_records
from ledger.tables import SILVER_TABLES
from resources.ledger import LedgerResource

_CLEAN = (*[silver.contract for silver in SILVER_TABLES], bad_records.TABLE)
_READS = {silver.name: [KEYS[table.name] for table in silver.reads] for silver in SILVER_TABLES}
WRITES = {**dict.fromkeys(_CLEAN, ()), pipeline_state.TABLE: (PIPELINE_SILVER.name,)}
SILVER_KEYS = {table.name: asset_key(table) for table in _CLEAN}


def silver_assets(settings: Settings) -> dg.AssetsDefinition:
    """One operation: the Silver tables, bad_records and pipeline Silver's state."""
    days = kst_days(settings.partitions.start_date, including_today=False)

    @dg.multi_asset(
        name=PIPELINE_SILVER.operations[0],
        specs=[
            asset_spec(
                table,
                *writer,
                group=PIPELINE_SILVER.group,
                deps=_READS.get(table.full_name, [*KEYS.values()]),
                partitions_def=days,
            )
            for table, writer in WRITES.items()
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

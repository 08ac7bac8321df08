"""Bronze: six landing tables, one partition per landing day (spec section 4)."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, cast

import dagster as dg
from pyspark.sql import functions as F

from assets.catalog import asset_key, asset_spec, column_schema
from assets.checks.arrivals import files_metadata, landing_result
from assets.checks.quality import own_specs
from assets.execution import failing_at_once
from assets.limits import RETRY_POLICY
from assets.materialization import row_count, version_of
from assets.parameters import refuse_unsound
from assets.partitions import ONE_DAY_A_RUN, kst_days
from assets.samples import Part, Shown, counts_and_samples
from configs.settings import Settings
from ledger.bronze.ingest import load
from ledger.bronze.landing_report import Ingested, raise_failures
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.tables import BRONZE, by_name
from ledger.window import Window
from resources import told
from resources.ledger import LedgerResource, landing_root

KEYS = {table.name: asset_key(table) for table in BRONZE}


def bronze_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Loaded from landing files, or observed where another system fills Bronze (``bronze.ingest``)."""
    days = kst_days(settings.partitions.start_date, including_today=True)
    if settings.bronze.ingest == "landing":
        return [_loaded(days)]
    return [_observed(table, days) for table in BRONZE]


def _loaded(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="ingest_landing",
        specs=[
            asset_spec(table, group="bronze", partitions_def=days, extra_kinds=("file",), skippable=True)
            for table in BRONZE
        ],
        check_specs=own_specs(dict.fromkeys(BRONZE, ()), days),
        can_subset=True,
        retry_policy=RETRY_POLICY,
        pool="bronze_ingest",
        backfill_policy=ONE_DAY_A_RUN,
    )
    def ingest(
        context: dg.AssetExecutionContext, ledger: LedgerResource
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        with failing_at_once():
            settings = ledger.settings()
            refuse_unsound(context, ledger, settings)
            selected = [table for table in BRONZE if KEYS[table.name] in context.selected_asset_keys]
            with ledger.lakehouse(settings) as lakehouse:
                done = load(
                    lakehouse,
                    selected,
                    landing=landing_root(settings),
                    days=[date.fromisoformat(context.partition_key)],
                    clock=ledger.now,
                    run_id=context.run.root_run_id or context.run.run_id,
                )
                yield from _results(lakehouse, done)
            raise_failures(done)

    return ingest


def _results(
    lakehouse: Lakehouse, ingested: Sequence[Ingested]
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """A materialization per table whose files are all loaded; every table's check, also where one is not."""
    whole = [each for each in ingested if not each.error and not any(j.stops for j in each.left_out)]
    parts = [Part(by_name(each.table), Scope.of([each.day])) for each in whole]
    shown = iter(counts_and_samples(lakehouse, parts))
    for each in ingested:
        if each in whole:
            yield dg.MaterializeResult(
                asset_key=asset_key(by_name(each.table)),
                metadata=told.metadata(_metadata(lakehouse, each, next(shown))),
                check_results=[landing_result(each)],
            )
        else:
            yield landing_result(each)


def _metadata(lakehouse: Lakehouse, ingested: Ingested, shown: Shown) -> dict[str, Any]:
    table = by_name(ingested.table)
    return {
        **row_count(shown, of_partition=True),
        "dagster/column_schema": column_schema(table),
        "window": str(Window.of_day(ingested.day)),
        "rows_read": ingested.rows,
        "rows_written": ingested.rows,
        "rows_quarantined": 0,
        **files_metadata(ingested),
        "delta_version": version_of(lakehouse, table),
        "sample": shown.sample,
    }


def _observed(table: Table, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    @dg.multi_observable_source_asset(  # type: ignore[untyped-decorator]  # Dagster ships it untyped
        name=f"observe_{table.name}", specs=[asset_spec(table, group="bronze", partitions_def=days)]
    )
    def observe(context: dg.AssetExecutionContext, ledger: LedgerResource) -> Iterator[dg.ObserveResult]:
        with failing_at_once():
            settings = ledger.settings()
            refuse_unsound(context, ledger, settings)
            with ledger.lakehouse(settings) as lakehouse:
                rows = lakehouse.read(table, Scope.of([date.fromisoformat(context.partition_key)]))
                newest = rows.agg(
                    F.count(F.lit(1)).alias("n"), F.max("ingested_at").alias("newest")
                ).collect()[0]
                yield dg.ObserveResult(
                    asset_key=asset_key(table),
                    metadata=told.metadata(
                        {
                            "dagster/partition_row_count": newest["n"],
                            "newest_ingested_at": newest["newest"],
                        }
                    ),
                )

    return cast(dg.AssetsDefinition, observe)

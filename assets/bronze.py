"""Bronze: six landing tables, one partition per landing day (spec section 4)."""

from collections.abc import Iterator
from datetime import date, datetime
from functools import partial
from typing import Any, cast

import dagster as dg
from pyspark.sql import functions as F

from assets.catalog import asset_key, asset_spec, column_schema
from assets.execution import failing_at_once, refuse_unsound
from assets.limits import RETRY_POLICY
from assets.materialization import count_and_sample
from configs.settings import Settings
from ledger.bronze.ingest import ingest_day
from ledger.contract import Table
from ledger.lakehouse import Lakehouse
from ledger.merge import Scope
from ledger.side_by_side import side_by_side
from ledger.tables import BRONZE
from ledger.window import Window
from orchestration.partitions import ONE_DAY_A_RUN, kst_days
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
        can_subset=True,
        retry_policy=RETRY_POLICY,
        pool="bronze_ingest",
        backfill_policy=ONE_DAY_A_RUN,
    )
    def ingest(
        context: dg.AssetExecutionContext, ledger: LedgerResource
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with failing_at_once():
            refuse_unsound(context, ledger)
            settings = ledger.settings()
            day, landing = date.fromisoformat(context.partition_key), landing_root(settings)
            selected = [table for table in BRONZE if KEYS[table.name] in context.selected_asset_keys]
            with ledger.lakehouse(settings) as lakehouse:
                loads = [partial(_load, lakehouse, table, landing, day, ledger.now()) for table in selected]
                results = side_by_side(loads)
            yield from [result for result in results if not isinstance(result, Exception)]
            for error in [result for result in results if isinstance(result, Exception)]:
                raise error

    return ingest


def _load(
    lakehouse: Lakehouse, table: Table, landing: str, day: date, now: datetime
) -> dg.MaterializeResult[Any] | Exception:
    """One table's load; its error as a value, as the other tables' loads count all the same."""
    try:
        loaded = ingest_day(lakehouse, table, landing=landing, day=day, now=now)
        count, sample = count_and_sample(lakehouse, table, Scope.of([day]))
        return dg.MaterializeResult(
            asset_key=KEYS[table.name],
            metadata={
                "dagster/partition_row_count": count,
                "dagster/column_schema": column_schema(table),
                "window": str(Window.of_day(day)),
                "rows_read": loaded.rows,
                "rows_written": loaded.rows,
                "rows_quarantined": 0,
                "files_loaded": loaded.files_loaded,
                "files_skipped": loaded.files_skipped,
                "delta_version": lakehouse.version(table),
                "sample": sample,
            },
        )
    except Exception as error:
        return error


def _observed(table: Table, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    @dg.multi_observable_source_asset(  # type: ignore[untyped-decorator]  # Dagster ships it untyped
        name=f"observe_{table.name}", specs=[asset_spec(table, group="bronze", partitions_def=days)]
    )
    def observe(context: dg.AssetExecutionContext, ledger: LedgerResource) -> Iterator[dg.ObserveResult]:
        with failing_at_once():
            refuse_unsound(context, ledger)
            settings = ledger.settings()
            with ledger.lakehouse(settings) as lakehouse:
                rows = lakehouse.read(table, Scope.of([date.fromisoformat(context.partition_key)]))
                newest = rows.agg(
                    F.count(F.lit(1)).alias("n"), F.max("ingested_at").alias("newest")
                ).collect()[0]
                yield dg.ObserveResult(
                    asset_key=asset_key(table),
                    metadata={
                        "dagster/partition_row_count": newest["n"],
                        "newest_ingested_at": str(newest["newest"]),
                    },
                )

    return cast(dg.AssetsDefinition, observe)

"""Bronze: six landing tables, one partition per landing day (spec section 4)."""

from collections.abc import Iterator
from datetime import date
from typing import Any, cast

import dagster as dg
from pyspark.sql import functions as F

from assets.catalog import asset_key, asset_spec, column_schema
from assets.execution import OP_TAGS, RETRY_POLICY, failing_at_once, sample
from configs.settings import Settings
from ledger.bronze.ingest import ingest_day
from ledger.contract import Table
from ledger.merge import Scope
from ledger.tables import BRONZE
from ledger.window import Window
from orchestration.partitions import kst_days
from resources.ledger import LedgerResource

KEYS = {table.name: asset_key(table) for table in BRONZE}


def bronze_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Loaded from landing files, or observed where another system fills Bronze (``bronze.ingest``)."""
    days = kst_days(settings.partitions.start_date, including_today=True)
    build = _loaded if settings.bronze.ingest == "landing" else _observed
    return [build(table, days) for table in BRONZE]


def _loaded(table: Table, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"ingest_{table.name}",
        specs=[asset_spec(table, group="bronze", partitions_def=days, extra_kinds=("file",))],
        retry_policy=RETRY_POLICY,
        op_tags=OP_TAGS,
    )
    def ingest(
        context: dg.AssetExecutionContext, ledger: LedgerResource
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with failing_at_once():
            settings = ledger.settings()
            day = date.fromisoformat(context.partition_key)
            landing = settings.resolved(settings.lakehouse.landing)
            with ledger.lakehouse(settings) as lakehouse:
                loaded = ingest_day(lakehouse, table, landing=landing, day=day, now=ledger.now())
                rows = lakehouse.read(table, Scope.of([day]))
                yield dg.MaterializeResult(
                    metadata={
                        "dagster/row_count": rows.count(),
                        "dagster/column_schema": column_schema(table),
                        "window": str(Window.of_day(day)),
                        "rows_read": loaded.rows,
                        "rows_written": loaded.rows,
                        "rows_quarantined": 0,
                        "files_loaded": loaded.files_loaded,
                        "files_skipped": loaded.files_skipped,
                        "delta_version": lakehouse.version(table),
                        "sample": dg.MetadataValue.md(sample(rows, table)),
                    }
                )

    return ingest


def _observed(table: Table, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    @dg.multi_observable_source_asset(  # type: ignore[untyped-decorator]  # Dagster ships it untyped
        name=f"observe_{table.name}", specs=[asset_spec(table, group="bronze", partitions_def=days)]
    )
    def observe(context: dg.AssetExecutionContext, ledger: LedgerResource) -> Iterator[dg.ObserveResult]:
        with failing_at_once():
            settings = ledger.settings()
            with ledger.lakehouse(settings) as lakehouse:
                rows = lakehouse.read(table, Scope.of([date.fromisoformat(context.partition_key)]))
                newest = rows.agg(
                    F.count(F.lit(1)).alias("n"), F.max("ingested_at").alias("newest")
                ).collect()[0]
                yield dg.ObserveResult(
                    asset_key=asset_key(table),
                    metadata={"dagster/row_count": newest["n"], "newest_ingested_at": str(newest["newest"])},
                )

    return cast(dg.AssetsDefinition, observe)

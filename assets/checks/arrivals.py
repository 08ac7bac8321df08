"""Results of a landing load, shown on Bronze: partitions, files, and the check ``landing_files`` (spec section 4).

The check comes from whichever run loads the landing: bronze_ingest, A and Silver.
"""

from collections.abc import Iterable, Iterator

import dagster as dg

from assets.catalog import asset_key
from assets.checks.quality import checks_of, result
from ledger.bronze.landing_report import Ingested
from ledger.quality.arrivals import LANDING_FILES, landing_verdict
from ledger.tables import by_name
from resources import told


def loads(ingested: Iterable[Ingested]) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """The Bronze partitions that a run of A or Silver loaded on its way, and the check on every one of them."""
    for each in ingested:
        schema, name = each.table.split(".")
        key, day = dg.AssetKey([schema, name]), each.day.isoformat()
        if each.files_loaded:
            yield dg.AssetMaterialization(
                key,
                partition=day,
                metadata=told.metadata({"rows_written": each.rows, **files_metadata(each)}),
            )
        found = landing_result(each)
        yield dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=LANDING_FILES,
            passed=found.passed,
            severity=found.severity,
            description=told.text(found.description),
            metadata=told.metadata(found.metadata),
            partition=day,
        )


def landing_result(ingested: Ingested) -> dg.AssetCheckResult:
    """The check ``landing_files`` of one table and landing day."""
    table = by_name(ingested.table)
    (check,) = checks_of(table)
    return result(asset_key(table), check, landing_verdict(ingested))


def files_metadata(ingested: Ingested) -> dict[str, int]:
    """A load's files in figures for the operator; ``rows`` and ``files`` are the day's, whoever loaded them."""
    return {
        "files_loaded": ingested.files_loaded,
        "files_skipped": len(ingested.skipped),
        "files_failed": len(ingested.failed),
        "files": ingested.live_files,
        "rows": ingested.live_rows,
    }

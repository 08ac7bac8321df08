"""Bronze's quality checks: what arrived, and A's evaluation of its inputs, shown on the inputs themselves (spec 4, 6).

``landing_files`` comes from whichever run loads the landing: bronze_ingest, A and Silver.

A's operation measures and notes its verdicts in the metadata of ``silver/dq_status``; this one reads them there.
An operation can only declare checks on its own assets, and this one needs no engine: on a cluster it costs nothing.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from assets.catalog import asset_key
from assets.checks.quality import Check, checks_of, quality_spec, result
from assets.limits import RETRY_POLICY
from configs.settings import Settings
from ledger.bronze import payment_orders_raw, transaction_ledger_raw, user_wallets_raw
from ledger.bronze.landing_report import Ingested
from ledger.quality import inputs
from ledger.quality.arrivals import LANDING_FILES, landing_verdict
from ledger.quality.verdict import Verdict, worst
from ledger.silver import dq_status
from ledger.tables import by_name
from orchestration.partitions import kst_days

VERDICTS = "input_verdicts"  # the metadata of silver/dq_status that carries them
_TABLES = (transaction_ledger_raw.TABLE, user_wallets_raw.TABLE, payment_orders_raw.TABLE)
_CHECKS = (
    Check(inputs.FRESHNESS, "How old is the newest row at the window's end?", "6.1"),
    Check(inputs.DUPLICATES, "Which share of the rows repeats a business key?", "6.1"),
    Check(inputs.COMPLETENESS, "For how many windows in a row did nothing arrive?", "6.1"),
    Check(inputs.CONTRACT, "Which share of the rows breaks a row rule?", "6.1"),
)


def loads(ingested: Iterable[Ingested]) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """The Bronze partitions that a run of A or Silver loaded on its way, and the check on every one of them."""
    for each in ingested:
        schema, name = each.table.split(".")
        key, day = dg.AssetKey([schema, name]), each.day.isoformat()
        if each.files_loaded:
            yield dg.AssetMaterialization(
                key, partition=day, metadata={"rows_written": each.rows, **files_metadata(each)}
            )
        found = landing_result(each)
        yield dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=LANDING_FILES,
            passed=found.passed,
            severity=found.severity,
            description=found.description,
            metadata=found.metadata,
            partition=day,
        )


def landing_result(ingested: Ingested) -> dg.AssetCheckResult:
    """The check ``landing_files`` of one table and landing day."""
    table = by_name(ingested.table)
    (check,) = checks_of(table)
    return result(asset_key(table), check, landing_verdict(ingested))


def files_metadata(ingested: Ingested) -> dict[str, int]:
    """What an operator wants to know of a load's files; ``rows`` and ``files`` are the day's, whoever loaded them."""
    return {
        "files_loaded": ingested.files_loaded,
        "files_skipped": len(ingested.skipped),
        "files_failed": len(ingested.failed),
        "files": ingested.live_files,
        "rows": ingested.live_rows,
    }


def bronze_quality_keys() -> list[dg.AssetCheckKey]:
    """The checks on A's three inputs."""
    return [dg.AssetCheckKey(asset_key(table), check.name) for table in _TABLES for check in _CHECKS]


def bronze_quality(settings: Settings) -> dg.AssetChecksDefinition:
    """One operation in A's job, after the guardrail."""
    days = kst_days(settings.partitions.start_date, including_today=True)
    guardrail = asset_key(dq_status.TABLE)
    specs = [
        quality_spec(asset_key(table), check, days, after=[guardrail])
        for table in _TABLES
        for check in _CHECKS
    ]

    @dg.multi_asset_check(
        name="bronze_quality",
        specs=specs,
        description="What pipeline A found out about its inputs, in its newest evaluation of the day.",
        can_subset=True,
        retry_policy=RETRY_POLICY,
    )
    def evaluate(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        verdicts = _newest_verdicts(context.op_execution_context)
        for table in _TABLES:
            for check in _CHECKS:
                key = dg.AssetCheckKey(asset_key(table), check.name)
                found = worst(v for v in verdicts if (v.table, v.check) == (table.full_name, check.name))
                if key in context.selected_asset_check_keys and found:
                    yield result(key.asset_key, check, found)

    return evaluate


def _newest_verdicts(context: dg.OpExecutionContext) -> list[Verdict]:
    """A's newest verdicts of the run's day; none when A has not evaluated it."""
    day = [context.partition_key] if context.has_partition_key else None
    newest = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key(dq_status.TABLE), asset_partitions=day), limit=1
    ).records
    metadata: dict[str, Any] = {}
    if newest and newest[0].asset_materialization:
        metadata = dict(newest[0].asset_materialization.metadata)
    if VERDICTS not in metadata:
        context.log.info("pipeline A has not evaluated this day: its checks stay as they are")
        return []
    return [Verdict(**entry) for entry in metadata[VERDICTS].value]

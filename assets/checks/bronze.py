"""Bronze's quality checks: A's evaluation of its inputs, shown on the inputs themselves (spec section 6).

A's operation measures and notes its verdicts in the metadata of ``silver/dq_status``; this one reads them there.
An operation can only declare checks on its own assets, and this one needs no engine: on a cluster it costs nothing.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.catalog import asset_key
from assets.checks.quality import Check, quality_spec, result
from assets.execution import failing_at_once
from assets.limits import RETRY_POLICY
from assets.partitions import kst_days
from assets.run_tags import refuse_range
from configs.settings import Settings
from ledger.bronze import payment_orders_raw, transaction_ledger_raw, user_wallets_raw
from ledger.quality import inputs
from ledger.quality.verdict import Verdict, worst
from ledger.silver import dq_status

VERDICTS = "input_verdicts"  # the metadata of silver/dq_status that carries them
_TABLES = (transaction_ledger_raw.TABLE, user_wallets_raw.TABLE, payment_orders_raw.TABLE)
_CHECKS = (
    Check(inputs.FRESHNESS, "How old is the newest row at the window's end?", "6.1"),
    Check(inputs.DUPLICATES, "Which share of the rows repeats a business key?", "6.1"),
    Check(inputs.COMPLETENESS, "For how many windows in a row did nothing arrive?", "6.1"),
    Check(inputs.CONTRACT, "Which share of the rows breaks a row rule?", "6.1"),
)


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
        with failing_at_once():
            refuse_range(context.run.tags)
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

"""The quality checks: which asset carries which, and how a verdict becomes a check result.

A verdict comes from the operation that has the numbers; only the checks on Bronze and the health checks have an
operation of their own. None blocks: a finding is for people, the gates are for runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from assets.catalog import asset_key
from assets.checks.results import RUNBOOK, check_spec
from ledger.contract import Table
from ledger.gold import (
    exception_ledger,
    fact_payment_anonymized,
    ledger_supply_balance_daily,
    recon_daily_snapshot_flow,
)
from ledger.quality import clean, controls, mart
from ledger.quality.arrivals import LANDING_FILES
from ledger.quality.verdict import Verdict, worst
from ledger.tables import BRONZE, SILVER_TABLES
from resources import told

Writes = Mapping[Table, tuple[str, ...]]


@dataclass(frozen=True)
class Check:
    """A check's name, the question it answers and the runbook section to open when it fails."""

    name: str
    question: str
    section: str


_SILVER = (
    Check(clean.QUARANTINE_RATE, "Which share of the day's rows was quarantined?", "6.2"),
    Check(clean.UNIQUE_KEYS, "Does every key exist once in the partitions that the day touched?", "6.2"),
    Check(clean.ACCOUNTED, "Is every Bronze row of the day kept, collapsed or quarantined?", "6.2"),
)
_LANDING = Check(LANDING_FILES, "Was every file of the landing day loaded?", "6")
_EXCEPTIONS = "Did this run find exceptions, and how severe are they?"
CHECKS: Mapping[tuple[str, ...], tuple[Check, ...]] = {
    **{(table.full_name,): (_LANDING,) for table in BRONZE},
    **{(silver.name,): _SILVER for silver in SILVER_TABLES},
    (exception_ledger.TABLE.full_name, "dq"): (Check(controls.EXCEPTIONS, _EXCEPTIONS, "6.1"),),
    (exception_ledger.TABLE.full_name, "recon"): (Check(controls.EXCEPTIONS, _EXCEPTIONS, "6.3"),),
    (exception_ledger.TABLE.full_name, "supply"): (Check(controls.EXCEPTIONS, _EXCEPTIONS, "6.3"),),
    (recon_daily_snapshot_flow.TABLE.full_name,): (
        Check(controls.DRIFT, "Does every wallet's balance move as its ledger entries say?", "6.3"),
        Check(
            controls.UNRECONCILED, "Does every user with entries have a snapshot to be held against?", "6.3"
        ),
    ),
    (ledger_supply_balance_daily.TABLE.full_name,): (
        Check(controls.SUPPLY, "Does issued supply equal what all wallets hold at the day's end?", "6.3"),
    ),
    (fact_payment_anonymized.TABLE.full_name,): (
        Check(mart.NO_PII_COLUMNS, "Has the mart only the contract's columns, none of them personal?", "6.4"),
        Check(mart.NO_RAW_USER_IDS, "Does no raw user id reappear as a value?", "6.4"),
    ),
}


def checks_of(table: Table, writer: tuple[str, ...] = ()) -> tuple[Check, ...]:
    """The checks that a table's own operation evaluates."""
    return CHECKS.get((table.full_name, *writer), ())


def own_specs(writes: Writes, partitions_def: dg.PartitionsDefinition[Any]) -> list[dg.AssetCheckSpec]:
    """The specs of the checks that come with these tables' materialization."""
    return [
        quality_spec(asset_key(table, *writer), check, partitions_def)
        for table, writer in writes.items()
        for check in checks_of(table, writer)
    ]


def own_keys(writes: Writes) -> list[dg.AssetCheckKey]:
    """The keys of :func:`own_specs`."""
    return [
        dg.AssetCheckKey(asset_key(table, *writer), check.name)
        for table, writer in writes.items()
        for check in checks_of(table, writer)
    ]


def quality_spec(
    key: dg.AssetKey,
    check: Check,
    partitions_def: dg.PartitionsDefinition[Any] | None,
    after: Sequence[dg.AssetKey] = (),
) -> dg.AssetCheckSpec:
    """The spec of a quality check, which never blocks."""
    return check_spec(
        dg.AssetCheckKey(key, check.name),
        check.question,
        section=check.section,
        partitions_def=partitions_def,
        after=after,
    )


def results_of(
    table: Table, writer: tuple[str, ...], verdicts: Sequence[Verdict]
) -> Iterator[dg.AssetCheckResult]:
    """One result per check of the table; a check that has no verdict says that it was not evaluated."""
    for check in checks_of(table, writer):
        found = worst(v for v in verdicts if v.table == table.full_name and v.check == check.name)
        yield result(asset_key(table, *writer), check, found)


def measured_results(writes: Writes, verdicts: Sequence[Verdict]) -> Iterator[dg.AssetCheckResult]:
    """Results for what was measured before an operation failed; the others are left as they were."""
    known = {(v.table, v.check) for v in verdicts}
    for table, writer in writes.items():
        for check_result in results_of(table, writer, verdicts):
            if (table.full_name, check_result.check_name) in known:
                yield check_result


def result(key: dg.AssetKey, check: Check, found: Verdict | None) -> dg.AssetCheckResult:
    """A verdict as Dagster shows it: sentence, number (plotted over the days), threshold, rule and runbook section."""
    metadata: dict[str, Any] = {"runbook": RUNBOOK.format(check.section)}
    if found is None:
        return dg.AssetCheckResult(
            asset_key=key,
            check_name=check.name,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description="not evaluated: the run's log says why",
            metadata=told.metadata(metadata),
        )
    metadata |= {
        "value": _number(found.value),
        "threshold": found.threshold,
        "rule_id": found.rule_id or "none",
        **{name: _number(text) for name, text in found.details.items()},
    }
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=check.name,
        passed=found.passed,
        severity=dg.AssetCheckSeverity.ERROR if found.is_error else dg.AssetCheckSeverity.WARN,
        description=told.text(found.says),
        metadata=told.metadata(metadata),
    )


def _number(text: str) -> Any:
    """A number for the plots (the sentence has the exact text), else the text."""
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return text

"""Does the money add up? The one place in the UI that says it, day by day (spec section 9).

The asset is nothing that is computed: it carries the check ``verdicts``, which reads what stands in the tables. The job
``ledger_health`` evaluates it, and so do B's end and a failure of Silver or B. Search the UI for "money".
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

import dagster as dg

from assets.catalog import asset_key
from assets.checks.results import RUNBOOK, check_spec
from assets.execution import failing_at_once
from assets.limits import RETRY_POLICY
from configs.settings import Settings
from ledger.delta.lakehouse import Lakehouse
from ledger.gold import pipeline_state
from ledger.pipelines.attempt import first_line
from ledger.pipelines.registry import PIPELINE_B
from operations.verdicts import DayVerdict, day_verdicts
from resources import told
from resources.ledger import LedgerResource

logger = logging.getLogger(__name__)
MONEY = dg.AssetKey(["gold", "money_adds_up"])
VERDICTS = dg.AssetCheckKey(MONEY, "verdicts")
_SECTION = PIPELINE_B.runbook_section
_DAYS = 31
_ERRORS = ("failed", "not_controlled", "does_not_add_up")
_COLUMNS = (
    "date_kst",
    "verdict",
    "diff_amount",
    "drifting_users",
    "critical",
    "warn",
    "quarantined",
    "restated",
    "run_id",
)


def money_asset() -> dg.AssetSpec:
    """The asset that carries the verdicts."""
    return dg.AssetSpec(
        MONEY,
        description="Does the money add up? The check `verdicts` says it for each of the last 31 KST days, from what"
        " stands in the tables: supply against wallets, drift of every wallet, and whether the day is controlled at all.",
        group_name="controls",
        owners=["team:data-platform"],
        deps=[asset_key(pipeline_state.TABLE, PIPELINE_B.name)],
        tags={"layer": "gold", "contains_pii": "false"},
    )


def verdict_checks(settings: Settings) -> dg.AssetChecksDefinition:
    """One operation, one check: the worst of the last 31 days, with all of them."""

    @dg.multi_asset_check(
        name="money_adds_up_verdicts",
        specs=[
            check_spec(
                VERDICTS,
                "Does the money of every one of the last 31 KST days add up?",
                section=_SECTION,
                after=[asset_key(pipeline_state.TABLE, PIPELINE_B.name)],
            )
        ],
        description="What stands in the tables says of the last 31 days.",
        retry_policy=RETRY_POLICY,
    )
    def evaluate(
        context: dg.AssetCheckExecutionContext, ledger: LedgerResource
    ) -> Iterator[dg.AssetCheckResult]:
        with failing_at_once(), ledger.lakehouse(ledger.settings()) as lakehouse:
            yield read_verdicts(lakehouse, settings, ledger.now())

    return evaluate


def report_verdicts(
    instance: dg.DagsterInstance, lakehouse: Lakehouse, settings: Settings, now: datetime
) -> None:
    """Evaluate the check from within another operation, after its work: it can fail no run.

    An evaluation without a run, as a partitioned run would plan the check for its partition. On a cluster the instance
    is the step's own and forgets it; the hourly health job says it there.
    """
    try:
        result = read_verdicts(lakehouse, settings, now)
    except Exception as error:
        logger.warning("the verdicts could not be read: %s", first_line(error))
        return
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=MONEY,
            check_name=VERDICTS.name,
            passed=result.passed,
            severity=result.severity,
            description=told.text(result.description),
            metadata=told.metadata(result.metadata),
        )
    )


def read_verdicts(lakehouse: Lakehouse, settings: Settings, now: datetime) -> dg.AssetCheckResult:
    """The last 31 days that have to be done by now."""
    last = PIPELINE_B.schedule.due_day(now)
    days = [last - timedelta(days=n) for n in reversed(range(_DAYS))]
    return verdicts_result(day_verdicts(lakehouse, days), settings.partitions.start_date)


def verdicts_result(verdicts: Sequence[DayVerdict], start: date) -> dg.AssetCheckResult:
    """The worst day is the headline. Days before the first that was controlled, or before ``start``, do not count."""
    known = [v.date_kst for v in verdicts if v.verdict != "not_controlled" and v.date_kst >= start]
    first = min(known, default=verdicts[-1].date_kst)
    shown = [verdict for verdict in verdicts if verdict.date_kst >= first]
    wrong = [verdict for verdict in shown if not verdict.adds_up]
    named = "; ".join(f"{v.date_kst}: {v.verdict}, {v.reason}" for v in reversed(wrong[-3:]))
    return dg.AssetCheckResult(
        asset_key=MONEY,
        check_name=VERDICTS.name,
        passed=not wrong,
        severity=dg.AssetCheckSeverity.ERROR
        if any(v.verdict in _ERRORS for v in wrong)
        else dg.AssetCheckSeverity.WARN,
        description=told.text(
            f"{len(shown) - len(wrong)} of {len(shown)} days add up" + (f". {named}" if wrong else "")
        ),
        metadata=told.metadata(
            {
                "days": told.table(_COLUMNS, [vars(verdict) for verdict in reversed(shown)]),
                "value": len(wrong),
                "threshold": "> 0 days that do not add up",
                "rule_id": "none",
                "runbook": RUNBOOK.format(_SECTION),
            }
        ),
    )

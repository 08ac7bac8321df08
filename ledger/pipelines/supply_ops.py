"""Pipeline B, task supply_ops: issued supply against all wallets, and the day's operations tables (spec section 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial, reduce
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.delta.scope import Scope
from ledger.gold import (
    admin_tx_search,
    exception_ledger,
    ledger_supply_balance_daily,
    ops_ledger_pairing_quality_daily,
    ops_payment_failure_daily,
    ops_payment_refund_daily,
)
from ledger.gold.payment_outcomes import outcome_per_merchant
from ledger.pipelines.attempt import Outcome, Restatement, Run, recorded_failure
from ledger.pipelines.control_notes import SUPPLY_OPS, note_computed, upstream_of
from ledger.pipelines.day_results import Committed, DayRows, commit_day, entries_since, lookback
from ledger.pipelines.day_tag import day_tag
from ledger.pipelines.registry import PIPELINE_B
from ledger.pipelines.restatement import restatement_of
from ledger.quality.controls import supply_verdicts
from ledger.quality.history import (
    EXCEPTIONS_PER_DAY,
    SUPPLY_AGAINST_WALLETS,
    exceptions,
    supply_against_wallets,
)
from ledger.quality.measured import tried, value_of
from ledger.readiness import Upstream
from ledger.rules import Rule
from ledger.side_by_side import side_by_side
from ledger.silver import ledger_daily_flow, ledger_entries, order_events, wallet_snapshot
from ledger.window import Window, lit_date, lit_ts


@dataclass(frozen=True)
class SupplyOps:
    """One KST day: the supply row, and the rows of every table. Frames are staged."""

    window: Window
    upstream: Upstream
    restated: Restatement | None
    supply: Mapping[str, Any]
    rule: Rule
    results: tuple[DayRows, ...]


def run_supply_ops(run: Run, window: Window) -> Outcome:
    """Hold issued supply against all wallets at the day's end, and compute the day's operations tables."""
    with recorded_failure(run, PIPELINE_B.name, window):
        computed = compute(run, window)
        committed = commit(run, computed)
    return show(run, computed, committed)


def compute(run: Run, window: Window) -> SupplyOps:
    """The day as Silver has it now. Writes nothing; raises :class:`ReadinessError` on an unready day."""
    upstream, day, lakehouse = upstream_of(run, PIPELINE_B.name, window), window.date_kst, run.lakehouse
    rule = run.rules["ledger/supply_diff_abs"]
    entries = lakehouse.read(ledger_entries.TABLE, Scope.of([day]))
    payments = lakehouse.read(order_events.TABLE, lookback(run, day)).where(
        F.col("order_source") == order_events.PAYMENT_ORDERS
    )
    of_day = payments.where(F.col("event_date_kst") == lit_date(day))
    planned = [
        DayRows(
            admin_tx_search.TABLE,
            admin_tx_search.search_rows(entries, payments, run_id=run.run_id),
            has_figures=False,  # it lists entries
        ),
        DayRows(
            ops_ledger_pairing_quality_daily.TABLE,
            ops_ledger_pairing_quality_daily.pairing_quality(entries, day=day, run_id=run.run_id),
        ),
        *[
            DayRows(
                of.TABLE,
                outcome_per_merchant(of.TABLE, of_day, statuses=of.STATUSES, day=day, run_id=run.run_id),
            )
            for of in (ops_payment_failure_daily, ops_payment_refund_daily)
        ],
    ]
    stages: list[Callable[[], Any]] = [partial(lakehouse.stage, result.rows) for result in planned]
    stages.append(partial(_supply_row, run, window, rule))
    *staged, supply = side_by_side(stages)
    results = [replace(result, rows=rows) for result, rows in zip(planned, staged, strict=True)]
    restated = restatement_of(run, PIPELINE_B.name, window, upstream)
    results = [*_supply_results(run, window, supply, rule), *results]
    return SupplyOps(window, upstream, restated, supply, rule, tuple(results))


def commit(run: Run, computed: SupplyOps) -> Committed:
    """The rows of all tables, then the note of what they were computed from."""
    committed = commit_day(run, computed.window.date_kst, computed.restated, computed.results)
    note_computed(run, PIPELINE_B.name, SUPPLY_OPS, computed.window, computed.upstream)
    return committed


def show(run: Run, computed: SupplyOps, committed: Committed) -> Outcome:
    """Supply as checks and plots. What cannot be measured is "not evaluated", and fails nothing."""
    day, lakehouse = computed.window.date_kst, run.lakehouse
    outcome = committed.outcome(computed.window, computed.restated)
    outcome.facts |= {
        "supply_is_ok": computed.supply["is_ok"],
        **{n: str(computed.supply[n]) for n in ("issued_supply", "wallet_total_balance", "diff_amount")},
    }
    found = tried(
        lambda: exceptions(lakehouse, day, exception_type=exception_ledger.SUPPLY_MISMATCH, run_id=run.run_id)
    )
    if not isinstance(found, Exception):
        outcome.series[EXCEPTIONS_PER_DAY] = found.per_day
    outcome.verdicts += supply_verdicts(computed.supply, lambda: value_of(found).of_run, computed.rule)
    history = tried(lambda: supply_against_wallets(lakehouse, day))
    if not isinstance(history, Exception):
        outcome.series[SUPPLY_AGAINST_WALLETS] = history
    return outcome


def _supply_row(run: Run, window: Window, rule: Rule) -> dict[str, Any]:
    lakehouse, day = run.lakehouse, window.date_kst
    # A snapshot exactly at the day's end still counts, and its partition is the next day's.
    around = Scope(day - timedelta(days=run.lookback_days), day + timedelta(days=1))
    snapshots = lakehouse.read(wallet_snapshot.TABLE, around).where(
        F.col("snapshot_ts") <= lit_ts(window.end)
    )
    last = lakehouse.stage(ledger_supply_balance_daily.last_snapshots(snapshots))
    flows = lakehouse.read(ledger_daily_flow.TABLE).where(F.col("event_date_kst") <= lit_date(day))
    totals = _totals(
        issued=ledger_supply_balance_daily.issued_total(flows),
        wallets=ledger_supply_balance_daily.wallet_total(last, entries_since(run, last, "snapshot_ts", day)),
    )
    return ledger_supply_balance_daily.supply_row(
        day=day,
        **totals,
        alert_above=rule.alert_above,
        dq_tag=day_tag(run, day),
        run_id=run.run_id,
        rule_id=rule.rule_id,
    )


def _totals(**frames: DataFrame) -> dict[str, Decimal]:
    """Frames of one row (total), in one query, by their names."""
    named = [frame.select(F.lit(name).alias("name"), "total") for name, frame in frames.items()]
    return {row["name"]: row["total"] for row in reduce(DataFrame.unionByName, named).collect()}


def _supply_results(run: Run, window: Window, supply: Mapping[str, Any], rule: Rule) -> list[DayRows]:
    table = ledger_supply_balance_daily.TABLE
    rows = run.lakehouse.rows(table, [supply])
    findings = exception_ledger.ledger_exceptions(
        rows.withColumn("_diff_abs", F.abs("diff_amount")),
        exception_type=exception_ledger.SUPPLY_MISMATCH,
        value="_diff_abs",
        evidence=("issued_supply", "wallet_total_balance", "diff_amount"),
        source_table=table.full_name,
        rule=rule,
        run_id=run.run_id,
        window=window,
        now=run.clock(),
    )
    found = DayRows.of_exceptions(findings, exception_ledger.SUPPLY_MISMATCH, run.run_id)
    return [DayRows(table, rows), found]

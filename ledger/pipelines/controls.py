"""Pipeline B: is the ledger consistent? Tasks recon, supply_ops and finalize (spec section 7)."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from types import ModuleType

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table
from ledger.delta.lakehouse import WriteResult
from ledger.delta.scope import Scope
from ledger.gold import (
    admin_tx_search,
    exception_ledger,
    ledger_supply_balance_daily,
    ops_ledger_pairing_quality_daily,
    ops_payment_failure_daily,
    ops_payment_refund_daily,
    pipeline_state,
    recon_daily_snapshot_flow,
)
from ledger.gold.payment_outcomes import outcome_per_merchant
from ledger.instants import from_micros
from ledger.pipelines.attempt import Outcome, Run, attempt_of, observed, recorded_failure
from ledger.pipelines.control_notes import note_computed, note_controlled, upstream_of
from ledger.pipelines.day_tag import day_tag
from ledger.pipelines.restatement import note_changes, restatement_of
from ledger.quality.controls import drift_profile, recon_verdicts, supply_verdicts, unreconciled_users
from ledger.quality.history import (
    DRIFT_DISTRIBUTION,
    EXCEPTIONS_PER_DAY,
    SUPPLY_AGAINST_WALLETS,
    exceptions,
    supply_against_wallets,
)
from ledger.side_by_side import side_by_side
from ledger.silver import ledger_daily_flow, ledger_entries, order_events, wallet_snapshot
from ledger.state import record_success
from ledger.window import Window, kst_day, lit_date, lit_ts

logger = logging.getLogger(__name__)

RECON_TABLES = (recon_daily_snapshot_flow.TABLE,)
SUPPLY_OPS_TABLES = (
    ledger_supply_balance_daily.TABLE,
    ops_payment_failure_daily.TABLE,
    ops_payment_refund_daily.TABLE,
    ops_ledger_pairing_quality_daily.TABLE,
    admin_tx_search.TABLE,
)
RECON, SUPPLY_OPS = "recon", "supply_ops"  # the operations, as the journal names them
_PAYMENT_MODULES = (ops_payment_failure_daily, ops_payment_refund_daily)


def run_recon(run: Run, window: Window) -> Outcome:
    """Hold every wallet's balance change of the KST day against its ledger flow; an exception per drifting user."""
    with recorded_failure(run, "pipeline_b", window):
        upstream = upstream_of(run, "pipeline_b", window)
        outcome, day, lakehouse = Outcome(window), window.date_kst, run.lakehouse
        outcome.restated = restatement_of(run, "pipeline_b", window, upstream)
        snapshots = lakehouse.read(wallet_snapshot.TABLE, _lookback(run, day))
        pairs = lakehouse.stage(recon_daily_snapshot_flow.snapshot_pairs(snapshots, day))
        rule = run.rules["ledger/drift_abs"]
        rows = lakehouse.stage(
            recon_daily_snapshot_flow.reconcile(
                pairs,
                _entries_since(run, pairs, "opening_ts", day),
                day=day,
                dq_tag=day_tag(run, day),
                run_id=run.run_id,
                rule_id=rule.rule_id,
            )
        )
        profile = drift_profile(rows)
        outcome.read[recon_daily_snapshot_flow.TABLE.full_name] = profile.users
        outcome.series[DRIFT_DISTRIBUTION] = [(c, {"users": n}) for c, n in profile.classes.items()]
        _merge_day(run, outcome, recon_daily_snapshot_flow.TABLE, rows)
        findings = exception_ledger.ledger_exceptions(
            rows,
            exception_type=exception_ledger.RECON_DRIFT_HIGH,
            value="drift_abs",
            evidence=("user_id", "delta_balance_total", "net_flow_total", "drift_abs"),
            source_table=recon_daily_snapshot_flow.TABLE.full_name,
            rule=rule,
            run_id=run.run_id,
            window=window,
            now=run.clock(),
        )
        by_severity = _merge_exceptions(run, outcome, findings, exception_ledger.RECON_DRIFT_HIGH)
        outcome.facts["drifting_users"] = sum(by_severity.values())
        note_computed(run, "pipeline_b", RECON, window, upstream)

    def unreconciled() -> int:
        return unreconciled_users(lakehouse.read(ledger_entries.TABLE, Scope.of([day])), pairs)

    observed(outcome, lambda: recon_verdicts(profile, unreconciled, by_severity, rule))
    return outcome


def run_supply_ops(run: Run, window: Window) -> Outcome:
    """Hold issued supply against all wallets at the day's end, and compute the day's operations tables."""
    with recorded_failure(run, "pipeline_b", window):
        upstream = upstream_of(run, "pipeline_b", window)
        outcome = Outcome(window, restated=restatement_of(run, "pipeline_b", window, upstream))
        day, lookback = Scope.of([window.date_kst]), _lookback(run, window.date_kst)
        entries = run.lakehouse.read(ledger_entries.TABLE, day)
        payments = run.lakehouse.read(order_events.TABLE, lookback).where(
            F.col("order_source") == order_events.PAYMENT_ORDERS
        )
        side_by_side(
            [
                partial(_search, run, outcome, entries, payments),
                partial(_supply, run, outcome, window),
                *[partial(_payments, run, outcome, module, payments) for module in _PAYMENT_MODULES],
                partial(_pairing, run, outcome, entries),
            ]
        )
        note_computed(run, "pipeline_b", SUPPLY_OPS, window, upstream)
    return outcome


def finalize_success(run: Run, window: Window) -> Outcome:
    """Both tasks succeeded: log the attempt with the day's Gold rows and advance ``pipeline_b``."""
    outcome = Outcome(window)
    written, inputs = (*RECON_TABLES, *SUPPLY_OPS_TABLES), (ledger_entries, wallet_snapshot, order_events)
    counts = side_by_side(
        [
            run.lakehouse.read(table, Scope.of([window.date_kst])).count
            for table in (*written, *[module.TABLE for module in inputs])
        ]
    )
    for table, rows in zip(written, counts, strict=False):
        outcome.wrote(table, WriteResult(inserted=rows))
    outcome.read[pipeline_state.TABLE.full_name] = sum(counts[len(written) :])
    record_success(run.lakehouse, attempt_of(run, "pipeline_b", window, outcome))
    note_controlled(run, "pipeline_b", window, operations=(RECON, SUPPLY_OPS))
    return outcome


def _lookback(run: Run, day: date) -> Scope:
    """The day and the lookback before it."""
    return Scope(day - timedelta(days=run.lookback_days), day)


def _entries_since(run: Run, frame: DataFrame, ts: str, day: date) -> DataFrame:
    """Ledger entries from the earliest instant of ``frame`` to the day's end: only partitions that can matter."""
    row = frame.agg(F.min(F.unix_micros(ts)).alias("earliest")).collect()[0]
    instant = from_micros(row["earliest"])
    return run.lakehouse.read(ledger_entries.TABLE, Scope(kst_day(instant) if instant else day, day))


def _search(run: Run, outcome: Outcome, entries: DataFrame, payments: DataFrame) -> None:
    search = run.lakehouse.stage(admin_tx_search.search_rows(entries, payments, run_id=run.run_id))
    outcome.read[admin_tx_search.TABLE.full_name] = search.count()
    _merge_day(run, outcome, admin_tx_search.TABLE, search)


def _payments(run: Run, outcome: Outcome, module: ModuleType, payments: DataFrame) -> None:
    day = outcome.window.date_kst
    counts = outcome_per_merchant(
        module.TABLE,
        payments.where(F.col("event_date_kst") == lit_date(day)),
        statuses=module.STATUSES,
        day=day,
        run_id=run.run_id,
    )
    _merge_day(run, outcome, module.TABLE, run.lakehouse.stage(counts))


def _pairing(run: Run, outcome: Outcome, entries: DataFrame) -> None:
    quality = ops_ledger_pairing_quality_daily.pairing_quality(
        entries, day=outcome.window.date_kst, run_id=run.run_id
    )
    _merge_day(run, outcome, ops_ledger_pairing_quality_daily.TABLE, run.lakehouse.stage(quality))


def _supply(run: Run, outcome: Outcome, window: Window) -> None:
    lakehouse, day, table = run.lakehouse, window.date_kst, ledger_supply_balance_daily.TABLE
    flows = lakehouse.read(ledger_daily_flow.TABLE).where(F.col("event_date_kst") <= lit_date(day))
    issued = flows.agg(F.sum("issued_flow").alias("issued")).collect()[0]["issued"] or Decimal(0)
    # A snapshot exactly at the day's end still counts, and its partition is the next day's.
    around = Scope(day - timedelta(days=run.lookback_days), day + timedelta(days=1))
    snapshots = lakehouse.read(wallet_snapshot.TABLE, around).where(
        F.col("snapshot_ts") <= lit_ts(window.end)
    )
    last = lakehouse.stage(ledger_supply_balance_daily.last_snapshots(snapshots))
    entries = _entries_since(run, last, "snapshot_ts", day)
    wallets = ledger_supply_balance_daily.wallet_total(last, entries).collect()[0]["total"]
    rule = run.rules["ledger/supply_diff_abs"]
    row = ledger_supply_balance_daily.supply_row(
        day=day,
        issued=issued,
        wallets=wallets,
        alert_above=rule.alert_above,
        dq_tag=day_tag(run, day),
        run_id=run.run_id,
        rule_id=rule.rule_id,
    )
    rows = lakehouse.rows(table, [row])
    _merge_day(run, outcome, table, rows)
    outcome.facts |= {
        "supply_is_ok": row["is_ok"],
        **{n: str(row[n]) for n in ("issued_supply", "wallet_total_balance", "diff_amount")},
    }
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
    by_severity = _merge_exceptions(run, outcome, findings, exception_ledger.SUPPLY_MISMATCH)
    outcome.verdicts += supply_verdicts(row, by_severity, rule)
    outcome.series[SUPPLY_AGAINST_WALLETS] = supply_against_wallets(lakehouse, day)


def _merge_day(run: Run, outcome: Outcome, table: Table, rows: DataFrame) -> None:
    """Write the day's rows and remove those that the day no longer has: a rerun leaves what a first run leaves."""
    day = Scope.of([outcome.window.date_kst])
    if table is not admin_tx_search.TABLE:  # it lists entries, it has no figures
        note_changes(run, outcome, table, rows)
    outcome.wrote(table, run.lakehouse.merge(table, rows, scope=day, delete_when="true"))


def _merge_exceptions(run: Run, outcome: Outcome, findings: DataFrame, exception_type: str) -> dict[str, int]:
    """Merge one type's exceptions of this day and run, removing its stale ones; how many stand, by severity."""
    staged = run.lakehouse.stage(findings)
    result = run.lakehouse.merge(
        exception_ledger.TABLE,
        staged,
        scope=Scope.of([outcome.window.date_kst]),
        differ=[c for c in exception_ledger.IDENTITY if c not in exception_ledger.TABLE.key],
        delete_when=f"t.domain = 'ledger' AND t.exception_type = '{exception_type}' AND t.run_id = '{run.run_id}'",
    )
    outcome.wrote(exception_ledger.TABLE, result)
    found = exceptions(
        run.lakehouse, outcome.window.date_kst, exception_type=exception_type, run_id=run.run_id
    )
    outcome.series[EXCEPTIONS_PER_DAY] = found.per_day
    return found.of_run

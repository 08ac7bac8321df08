"""Pipeline B, task recon: every wallet's balance change against its ledger flow (spec section 7)."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from ledger.delta.scope import Scope
from ledger.gold import exception_ledger, recon_daily_snapshot_flow
from ledger.pipelines.attempt import Outcome, Restatement, Run, recorded_failure
from ledger.pipelines.control_notes import RECON, note_computed, upstream_of
from ledger.pipelines.day_results import Committed, DayRows, commit_day, entries_since, lookback
from ledger.pipelines.day_tag import day_tag
from ledger.pipelines.registry import PIPELINE_B
from ledger.pipelines.restatement import restatement_of
from ledger.quality.controls import drift_profile, recon_verdicts, unreconciled_users
from ledger.quality.history import DRIFT_DISTRIBUTION, EXCEPTIONS_PER_DAY, exceptions
from ledger.quality.measured import tried, value_of
from ledger.readiness import Upstream
from ledger.rules import Rule
from ledger.silver import ledger_entries, wallet_snapshot
from ledger.window import Window

TABLE = recon_daily_snapshot_flow.TABLE


@dataclass(frozen=True)
class Reconciled:
    """One KST day: a row per user with a snapshot in it, an exception per user who drifts; what they are
    made of is staged."""

    window: Window
    upstream: Upstream
    restated: Restatement | None
    pairs: DataFrame
    rows: DataFrame
    findings: DataFrame
    rule: Rule


def run_recon(run: Run, window: Window) -> Outcome:
    """Hold every wallet's balance change of the KST day against its ledger flow; an exception per drifting user."""
    with recorded_failure(run, PIPELINE_B.name, window):
        computed = compute(run, window)
        committed = commit(run, computed)
    return show(run, computed, committed)


def compute(run: Run, window: Window) -> Reconciled:
    """Reconcile the day as Silver has it now. Writes nothing; raises :class:`ReadinessError` on an unready day."""
    upstream = upstream_of(run, PIPELINE_B.name, window)
    day, lakehouse, rule = window.date_kst, run.lakehouse, run.rules["ledger/drift_abs"]
    snapshots = lakehouse.read(wallet_snapshot.TABLE, lookback(run, day))
    pairs = lakehouse.stage(recon_daily_snapshot_flow.snapshot_pairs(snapshots, day))
    rows = lakehouse.stage(
        recon_daily_snapshot_flow.reconcile(
            pairs,
            entries_since(run, pairs, "opening_ts", day),
            day=day,
            dq_tag=day_tag(run, day),
            run_id=run.run_id,
            rule_id=rule.rule_id,
        )
    )
    findings = exception_ledger.ledger_exceptions(
        rows,
        exception_type=exception_ledger.RECON_DRIFT_HIGH,
        value="drift_abs",
        evidence=("user_id", "delta_balance_total", "net_flow_total", "drift_abs"),
        source_table=TABLE.full_name,
        rule=rule,
        run_id=run.run_id,
        window=window,
        now=run.clock(),
    )
    restated = restatement_of(run, PIPELINE_B.name, window, upstream)
    return Reconciled(window, upstream, restated, pairs, rows, findings, rule)


def commit(run: Run, computed: Reconciled) -> Committed:
    """The day's rows, then its exceptions, then the note of what they were computed from."""
    day = computed.window.date_kst
    found = DayRows.of_exceptions(computed.findings, exception_ledger.RECON_DRIFT_HIGH, run.run_id)
    committed = commit_day(run, day, computed.restated, [DayRows(TABLE, computed.rows), found])
    note_computed(run, PIPELINE_B.name, RECON, computed.window, computed.upstream)
    return committed


def show(run: Run, computed: Reconciled, committed: Committed) -> Outcome:
    """The day's drift as checks and plots. What cannot be measured is "not evaluated", and fails nothing."""
    day, lakehouse = computed.window.date_kst, run.lakehouse
    outcome = committed.outcome(computed.window, computed.restated)
    profile = tried(lambda: drift_profile(computed.rows))
    found = tried(
        lambda: exceptions(
            lakehouse, day, exception_type=exception_ledger.RECON_DRIFT_HIGH, run_id=run.run_id
        )
    )
    if not isinstance(profile, Exception):
        outcome.read[TABLE.full_name] = profile.users
        outcome.series[DRIFT_DISTRIBUTION] = [(c, {"users": n}) for c, n in profile.classes.items()]
    if not isinstance(found, Exception):
        outcome.series[EXCEPTIONS_PER_DAY] = found.per_day
        outcome.facts["drifting_users"] = sum(found.of_run.values())

    def unreconciled() -> int:
        return unreconciled_users(lakehouse.read(ledger_entries.TABLE, Scope.of([day])), computed.pairs)

    outcome.verdicts += recon_verdicts(
        lambda: value_of(profile), unreconciled, lambda: value_of(found).of_run, computed.rule
    )
    return outcome

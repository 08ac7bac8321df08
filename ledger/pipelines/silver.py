"""Pipeline Silver: Bronze rows of a window to clean tables and a quarantine (spec section 5)."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction
from functools import partial, reduce

from pyspark.sql import functions as F

from ledger.delta.scope import Scope
from ledger.errors import QualityGateError
from ledger.journal import Journal
from ledger.pipelines.attempt import Outcome, Run, attempt_of, load_landing, observed, recorded_failure
from ledger.pipelines.registry import CONTROLS, PIPELINE_SILVER, PipelineName
from ledger.pipelines.silver_changes import begin, finish, give_up, landing_seen, refresh_daily_flow
from ledger.pipelines.silver_evaluated import Evaluated
from ledger.pipelines.silver_evaluation import evaluate_all
from ledger.pipelines.silver_plan import planned
from ledger.quality.clean import GUARDED, account_verdicts, quarantine_verdicts
from ledger.rules import RuleBook
from ledger.side_by_side import side_by_side
from ledger.silver import bad_records
from ledger.state import record_success
from ledger.window import Window

logger = logging.getLogger(__name__)


def run_silver(run: Run, window: Window) -> Outcome:
    """One window (within one KST day): evaluate all, save bad records, hold the gate, merge, advance state.

    Raises :class:`QualityGateError` when too many wallet or ledger rows are bad; the bad records stay saved.
    """
    outcome = Outcome(window)
    with recorded_failure(run, PIPELINE_SILVER.name, window, outcome):
        outcome.ingested = load_landing(run, window)
        landing_at = landing_seen(run, window)
        evaluated = evaluate_all(run, window)
        outcome.read = {e.table.full_name: e.rows_read for e in evaluated}
        _save_bad_records(run, window, evaluated, outcome)
        outcome.verdicts += quarantine_verdicts(evaluated, run.rules)
        for item in evaluated:
            if item.table in GUARDED:
                _hold_gate(item, run.rules, outcome)
        journal = _merge_all(run, window, evaluated, outcome, landing_at)
        record_success(run.lakehouse, attempt_of(run, PIPELINE_SILVER.name, window, outcome))
    due: dict[PipelineName, list[date]] = {p.name: journal.due(p.name) for p in CONTROLS}
    if outdated := journal.outdated():
        due[PIPELINE_SILVER.name] = outdated
    outcome.facts["due_for_restatement"] = json.dumps(due, default=date.isoformat)
    observed(outcome, partial(account_verdicts, run, window, evaluated))
    return outcome


def _save_bad_records(run: Run, window: Window, evaluated: Sequence[Evaluated], outcome: Outcome) -> None:
    rules = run.rules
    decided_by = {
        "invalid_entry_type": rules["silver/entry_type_allowed"].rule_id,
        "invalid_status": rules["silver/payment_status_allowed"].rule_id,
    }
    rule_id = F.lit(rules["silver/bad_records_rate"].rule_id)
    for reason, decisive in decided_by.items():
        rule_id = F.when(F.col("reason") == reason, F.lit(decisive)).otherwise(rule_id)
    now = run.clock()
    frames = [
        bad_records.quarantine(
            e.rejected,
            source_table=e.table.full_name,
            rule_id=rule_id,
            run_id=run.run_id,
            window=window,
            now=now,
        )
        for e in evaluated
        if e.bad_rows
    ]
    outcome.quarantined = {e.table.full_name: e.bad_rows for e in evaluated}
    if not frames:
        return
    # A retry can only have been detected on the window's own day or later.
    stored = run.lakehouse.read(bad_records.TABLE, Scope(start=window.date_kst)).where(
        (F.col("run_id") == run.run_id)
        & (F.col("window_start_ts") == F.lit(window.start.isoformat()).cast("timestamp"))
        & (F.col("window_end_ts") == F.lit(window.end.isoformat()).cast("timestamp"))
    )
    rows = reduce(lambda a, b: a.unionByName(b), frames)
    result = run.lakehouse.append_new(
        bad_records.TABLE,
        rows,
        identity=bad_records.IDENTITY,
        stored=stored,
        expected=outcome.rows_quarantined,
    )
    outcome.wrote(bad_records.TABLE, result)


def _hold_gate(item: Evaluated, rules: RuleBook, outcome: Outcome) -> None:
    rule = rules["silver/bad_records_rate"]
    if item.bad_rate > Fraction(rule.fail_above):
        error = QualityGateError(
            f"{item.bad_rows} of {item.bad_rows + item.valid_rows} rows are bad ({float(item.bad_rate):.4%}),"
            f" above {rule.name} = {rule.fail_above} ({rule.rule_id})",
            table=item.table.full_name,
            partition=str(outcome.window.date_kst),
            action="read silver.bad_records of this run by reason, correct the source, run Silver again",
        )
        error.verdicts = tuple(outcome.verdicts)
        raise error


def _merge_all(
    run: Run, window: Window, evaluated: Sequence[Evaluated], outcome: Outcome, landing_at: datetime | None
) -> Journal:
    """Plan all five merges, note the days that will change, commit them, note that they are done."""
    plans = side_by_side([partial(planned, run, window, item) for item in evaluated])
    changes = begin(run, window, plans)
    try:
        merges = [partial(run.lakehouse.commit_merge, plan) for plan in plans]
        for plan, result in zip(plans, side_by_side(merges), strict=True):
            outcome.wrote(plan.table, result)
        refresh_daily_flow(run, changes.stale_flow_days)
        return finish(run, changes, landing_at=landing_at)
    except Exception:
        give_up(run, changes)
        raise

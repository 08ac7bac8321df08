"""Pipeline Silver: Bronze rows of a window to clean tables and a quarantine (spec section 5)."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from functools import partial, reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from ledger.delta.scope import Scope
from ledger.errors import QualityGateError
from ledger.journal import Journal, read_journal
from ledger.pipelines.attempt import Outcome, Run, attempt_of, load_landing, observed, recorded_failure
from ledger.pipelines.registry import CONTROLS, PIPELINE_SILVER, PipelineName
from ledger.pipelines.silver_changes import begin, finish, give_up, landing_seen, refresh_daily_flow
from ledger.pipelines.silver_evaluated import Evaluated
from ledger.pipelines.silver_evaluation import evaluate_all
from ledger.pipelines.silver_plan import planned
from ledger.quality.clean import account_verdicts, quarantine_verdicts
from ledger.rules import RuleBook
from ledger.side_by_side import side_by_side
from ledger.silver import bad_records
from ledger.silver.silver_table import BAD_RATE_RULE, SilverTable
from ledger.state import record_success
from ledger.window import Window

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Computed:
    """One window of Silver before anything is written: every table's evaluated rows, in the tables' order.

    ``landing_at``: the newest change of the landing day that the rows rest on; ``read_from``: the newest note of the
    journal when the first of them was read.
    """

    window: Window
    landing_at: datetime | None
    read_from: int
    tables: tuple[Evaluated, ...]


def run_silver(run: Run, window: Window) -> Outcome:
    """One window (within one KST day): evaluate all, save bad records, hold the gate, merge, advance state.

    Raises :class:`QualityGateError` when too many rows of a guarded table are bad; the bad records stay saved.
    """
    outcome = Outcome(window)
    with recorded_failure(run, PIPELINE_SILVER.name, window, outcome):
        outcome.ingested = load_landing(run, window)
        computed = compute(run, window)
        commit(run, computed, outcome)
    observed(outcome, partial(account_verdicts, run, window, computed.tables))
    return outcome


def compute(run: Run, window: Window) -> Computed:
    """Evaluate the window's Bronze rows for every table. Writes nothing."""
    read_from, landing_at = read_journal(run.lakehouse).newest_seq, landing_seen(run, window)
    return Computed(window, landing_at, read_from, tuple(evaluate_all(run, window)))


def commit(run: Run, computed: Computed, outcome: Outcome) -> None:
    """Save the bad records, hold the gate, merge, find the days that have to run again, advance the state.

    A retry of the window does all of it again and stores nothing twice. ``outcome`` is told step by step: a failure is
    recorded with what had been done by then.
    """
    window, tables = computed.window, computed.tables
    outcome.read = {e.table.full_name: e.rows_read for e in tables}
    _save_bad_records(run, window, tables, outcome)
    outcome.verdicts += quarantine_verdicts(tables, run.rules)
    for item in tables:
        if item.silver.is_guarded:
            _hold_gate(item, run.rules, outcome)
    journal = _merge_all(run, computed, outcome)
    outcome.facts["due_for_restatement"] = json.dumps(_due(journal), default=date.isoformat)
    record_success(run.lakehouse, attempt_of(run, PIPELINE_SILVER.name, window, outcome))


def _due(journal: Journal) -> dict[PipelineName, list[date]]:
    """The days that have to run again for what this run changed."""
    due: dict[PipelineName, list[date]] = {p.name: journal.due(p.name) for p in CONTROLS}
    if outdated := journal.outdated():
        due[PIPELINE_SILVER.name] = outdated
    return due


def _save_bad_records(run: Run, window: Window, evaluated: Sequence[Evaluated], outcome: Outcome) -> None:
    now = run.clock()
    frames = [
        bad_records.quarantine(
            e.rejected,
            source_table=e.table.full_name,
            rule_id=_deciding_rule(e.silver, run.rules),
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


def _deciding_rule(silver: SilverTable, rules: RuleBook) -> Column:
    """The id of the rule that decides a row's reason."""
    rule_id = F.lit(rules[BAD_RATE_RULE].rule_id)
    for name, reason in silver.reasons.items():
        if reason.rule != BAD_RATE_RULE:
            rule_id = F.when(F.col("reason") == name, F.lit(rules[reason.rule].rule_id)).otherwise(rule_id)
    return rule_id


def _hold_gate(item: Evaluated, rules: RuleBook, outcome: Outcome) -> None:
    rule = rules[BAD_RATE_RULE]
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


def _merge_all(run: Run, computed: Computed, outcome: Outcome) -> Journal:
    """Plan all merges, note the days that will change, commit them, note that they are done."""
    window = computed.window
    plans = planned(run, window, computed.tables)
    changes = begin(run, window, plans)
    try:
        merges = [partial(run.lakehouse.commit_merge, plan) for plan in plans]
        for plan, result in zip(plans, side_by_side(merges), strict=True):
            outcome.wrote(plan.table, result)
        refresh_daily_flow(run, changes.stale_flow_days)
        return finish(run, changes, landing_at=computed.landing_at, read_from=computed.read_from)
    except Exception:
        give_up(run, changes)
        raise

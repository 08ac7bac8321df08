"""Pipeline A: can the inputs be trusted? (spec section 6)"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.bronze.landing_report import Ingested
from ledger.contract import Table
from ledger.delta.answers import question
from ledger.delta.lakehouse import WriteResult
from ledger.delta.scope import Scope
from ledger.gold import exception_ledger
from ledger.instants import after
from ledger.json_text import stable_json
from ledger.money import round_rate
from ledger.order import append_in_order, newest
from ledger.pipelines.attempt import Outcome, Run, attempt_of, load_landing, recorded_failure
from ledger.pipelines.guardrail_inputs import INPUTS, Input, Measured, first_landing_day, measure
from ledger.pipelines.registry import PIPELINE_A
from ledger.quality.controls import exceptions_verdict
from ledger.quality.inputs import QUESTIONS, input_verdicts
from ledger.quality.verdict import Verdict
from ledger.rules import Rule, RuleBook, Severity
from ledger.silver import dq_status
from ledger.state import read_state, record_success
from ledger.window import Window

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finding:
    """One rule that fired."""

    tag: str
    severity: Severity
    rule: Rule
    value: Fraction


@dataclass(frozen=True)
class Evaluated:
    """One window of the three inputs, judged: rows to be appended, and what the checks say."""

    window: Window
    at: datetime
    statuses: tuple[dict[str, Any], ...]
    exceptions: tuple[dict[str, Any], ...]
    zero_windows: Mapping[str, int]
    event_count: int
    verdicts: tuple[Verdict, ...]


def run_guardrail(run: Run, window: Window, *, is_backfill: bool) -> Outcome:
    """Evaluate one window (within one KST day) of the three inputs; append dq_status and exceptions; advance state.

    A backfill measures zero windows by itself and leaves the stored counts alone.
    """
    with recorded_failure(run, PIPELINE_A.name, window):
        ingested = load_landing(run, window)
        evaluated = compute(
            run, window, zero_windows_before={} if is_backfill else _previous_counts(run, window)
        )
        return commit(run, evaluated, ingested, keeps_counts=is_backfill)


def compute(run: Run, window: Window, *, zero_windows_before: Mapping[str, int]) -> Evaluated:
    """Measure the inputs and judge them by the rules in force. Writes nothing."""
    now, rules = run.clock(), run.rules
    landed = run.landed(first_landing_day(run, window.end))
    measurements = measure(run, window, landed, zero_windows_before=zero_windows_before)
    judged = [(s, m, judge(s, m, rules)) for s, m in zip(INPUTS, measurements, strict=True)]
    exceptions = [_exception_row(s, f, run, window, now) for s, _, findings in judged for f in findings]
    by_severity = Counter(row["severity"] for row in exceptions)
    rule_ids = ", ".join(sorted({row["rule_id"] for row in exceptions}))
    return Evaluated(
        window=window,
        at=now,
        statuses=tuple(_status_row(s, m, findings, run, window, now) for s, m, findings in judged),
        exceptions=tuple(exceptions),
        zero_windows={s.table.name: m.zero_windows for s, m, _ in judged},
        event_count=sum(m.event_count for m in measurements),
        verdicts=(
            *[verdict for s, m, _ in judged for verdict in _verdicts(s, m, rules, window)],
            exceptions_verdict(by_severity, rule_ids),
        ),
    )


def commit(run: Run, evaluated: Evaluated, ingested: list[Ingested], *, keeps_counts: bool) -> Outcome:
    """Append evaluations, then exceptions, then record the success. A retry appends nothing twice."""
    window = evaluated.window
    outcome = Outcome(window, ingested=ingested, verdicts=list(evaluated.verdicts))
    outcome.read[dq_status.TABLE.full_name] = evaluated.event_count
    outcome.wrote(dq_status.TABLE, _append_evaluations(run, window, evaluated.statuses, evaluated.at))
    outcome.wrote(exception_ledger.TABLE, _append_exceptions(run, window, evaluated.exceptions))
    outcome.facts["findings"] = len(evaluated.exceptions)
    record_success(
        run.lakehouse,
        attempt_of(run, PIPELINE_A.name, window, outcome),
        zero_window_counts=None if keeps_counts else evaluated.zero_windows,
        needs_contiguous_window=True,
    )
    return outcome


def _previous_counts(run: Run, window: Window) -> Mapping[str, int]:
    """Zero-window counts before this window; a retry after its own success does not count the window again."""
    state = read_state(run.lakehouse, PIPELINE_A.name)
    was_counted = state.last_run_id == run.run_id and (
        state.last_processed_end is not None and state.last_processed_end >= window.end
    )
    return {k: v - 1 if was_counted and v else v for k, v in state.zero_window_counts.items()}


def judge(source: Input, measured: Measured, rules: RuleBook) -> list[Finding]:
    """The rules that fired, most severe first, ties in the order of the tags (spec section 6)."""
    findings = []
    for tag, (metric, value) in zip(dq_status.TAG_ORDER, _values(source, measured), strict=True):
        rule = rules.find("dq", metric, source.table.name)
        severity = rule.severity_at_least(Fraction(value)) if rule and value is not None else None
        if rule and severity and value is not None:
            findings.append(Finding(tag, severity, rule, Fraction(value)))
    return sorted(findings, key=lambda f: dq_status.SEVERITY_ORDER.index(f.severity))


def _values(source: Input, measured: Measured) -> tuple[tuple[str, int | Fraction | None], ...]:
    """(rule metric, measured value), in the order of the tags."""
    return (
        ("freshness_sec", measured.freshness_sec),
        (source.dup_metric, measured.dup_rate),
        ("completeness_zero_windows", measured.zero_windows),
        ("contract_bad_records_rate", measured.bad_records_rate),
    )


def _verdicts(source: Input, measured: Measured, rules: RuleBook, window: Window) -> list[Verdict]:
    return input_verdicts(
        source.table,
        dict(zip(QUESTIONS, _values(source, measured), strict=True)),
        rules,
        day=str(window.date_kst),
        event_count=measured.event_count,
    )


def _status_row(
    source: Input, measured: Measured, findings: list[Finding], run: Run, window: Window, now: datetime
) -> dict[str, Any]:
    worst = findings[0] if findings else None
    return {
        "source_table": source.table.full_name,
        "window_start_ts": window.start,
        "window_end_ts": window.end,
        "date_kst": window.date_kst,
        "freshness_sec": measured.freshness_sec,
        "event_count": measured.event_count,
        "dup_rate": round_rate(measured.dup_rate),
        "bad_records_rate": round_rate(measured.bad_records_rate),
        "dq_tag": worst.tag if worst else None,
        "severity": worst.severity if worst else None,
        "run_id": run.run_id,
        "rule_id": worst.rule.rule_id if worst else None,
        "generated_at": now,
    }


def _exception_row(
    source: Input, finding: Finding, run: Run, window: Window, now: datetime
) -> dict[str, Any]:
    metric, value = finding.rule.metric, round_rate(finding.value)
    return {
        "date_kst": window.date_kst,
        "domain": "dq",
        "exception_type": finding.tag,
        "severity": finding.severity,
        "source_table": source.table.full_name,
        "window_start_ts": window.start,
        "window_end_ts": window.end,
        "metric": metric,
        "metric_value": value,
        "message": stable_json({"metric": metric, "value": value, "source_table": source.table.full_name}),
        "run_id": run.run_id,
        "rule_id": finding.rule.rule_id,
        "generated_at": now,
    }


Rows = Sequence[dict[str, Any]]


def _append_evaluations(run: Run, window: Window, rows: Rows, now: datetime) -> WriteResult:
    """The evaluations come last on their day, whatever the clock says: the newest one of a window is what stands."""
    table, day = dq_status.TABLE, window.date_kst
    if run.run_id not in _runs_of_day(run, table, day):
        return append_in_order(run.lakehouse, table, rows, order="generated_at", day=day, now=now)
    at = after(now, newest(run.lakehouse, table, order="generated_at", day=day))
    return _append_new(run, window, table, dq_status.IDENTITY, [row | {"generated_at": at} for row in rows])


def _append_exceptions(run: Run, window: Window, rows: Rows) -> WriteResult:
    if not rows:
        return WriteResult()
    return _append_new(run, window, exception_ledger.TABLE, exception_ledger.IDENTITY, rows)


def _append_new(run: Run, window: Window, table: Table, identity: tuple[str, ...], rows: Rows) -> WriteResult:
    """Append what an earlier attempt of this run has not appended already."""
    of_day = run.lakehouse.read(table, Scope.of([window.date_kst]))
    return run.lakehouse.append_new(
        table,
        run.lakehouse.rows(table, rows),
        identity=identity,
        stored=of_day.where(F.col("run_id") == run.run_id),
        expected=len(rows),
        is_checked=True,
    )


def _runs_of_day(run: Run, table: Table, day: date) -> frozenset[str]:
    return frozenset(row["run_id"] for row in run.lakehouse.answer(table, _run_ids, Scope.of([day])))


@question(run_id=str)
def _run_ids(table: DataFrame) -> DataFrame:
    return table.select("run_id").distinct()

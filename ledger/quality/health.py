"""Health beyond a single run: is every day done, does one have to run again, are the rules sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from pyspark.sql import functions as F

from ledger.clock import future_watermark, in_future
from ledger.delta.lakehouse import Lakehouse
from ledger.due import days_due
from ledger.gold import dim_rule_scd2, pipeline_run_log, pipeline_state
from ledger.pipelines.registry import DAILY, PIPELINES, Pipeline
from ledger.quality.verdict import Verdict, verdict
from ledger.state import SUCCESS, read_states

RECENT, DUE = "recent_success", "days_due_for_restatement"
ONE_CURRENT, UNIQUE_IDS = "one_current_per_metric", "unique_ids"
_NAMED = 10


def state_verdicts(lakehouse: Lakehouse, now: datetime, *, start: date) -> list[Verdict]:
    """One per pipeline, in their order: is the day done that has to be done by now, and every one before?

    It looks at days, not at when something last ran: a backfill of last month is no success of last night. Days before
    ``start`` (partitions.start_date), or before the pipeline's first success, are no holes.
    """
    states = read_states(lakehouse)
    ends = {state.pipeline_name: state.last_processed_end for state in states}
    done = _days_done(lakehouse)
    found = [
        _daily_verdict(p, done.get(p.name, set()), now, start)
        if p.schedule.is_daily
        else _interval_verdict(p, ends.get(p.name), now)
        for p in PIPELINES
    ]
    ahead = {state.pipeline_name: state.last_processed_end for state in in_future(states, now)}
    return [_unless_ahead(v, p.name, ahead.get(p.name)) for v, p in zip(found, PIPELINES, strict=True)]


def _unless_ahead(found: Verdict, pipeline: str, end: datetime | None) -> Verdict:
    """A watermark in the future says nothing of what is done: its verdict is a finding, whatever else holds."""
    if end is None:
        return found
    says = f"{future_watermark(pipeline, end)}; {found.says}"
    return replace(found, passed=False, is_error=True, says=says)


def _days_done(lakehouse: Lakehouse) -> dict[str, set[date]]:
    """The days whose newest attempt succeeded, per daily pipeline. One query."""
    log = lakehouse.read(pipeline_run_log.TABLE).where(F.col("pipeline_name").isin([p.name for p in DAILY]))
    newest = log.groupBy("pipeline_name", "date_kst").agg(
        F.max(F.struct("ended_at", "started_at", "status")).alias("newest")
    )
    done: dict[str, set[date]] = {}
    for row in newest.select("pipeline_name", "date_kst", "newest.status").collect():
        if row["status"] == SUCCESS:
            done.setdefault(row["pipeline_name"], set()).add(row["date_kst"])
    return done


def _interval_verdict(pipeline: Pipeline, end: datetime | None, now: datetime) -> Verdict:
    behind = (now - end) // timedelta(minutes=1) if end else None
    within = pipeline.schedule.every + pipeline.schedule.grace
    return verdict(
        pipeline_state.TABLE.full_name,
        RECENT,
        f"the inputs are evaluated up to {behind:,} minutes ago" if behind is not None else "never evaluated",
        passed=end is not None and now - end <= within,
        value=behind,
        threshold=f"at most {within // timedelta(minutes=1)} minutes behind",
        details={"pipeline": pipeline.name, "last_processed_end": end or "none"},
    )


def _daily_verdict(pipeline: Pipeline, done: set[date], now: datetime, start: date) -> Verdict:
    due = pipeline.schedule.due_day(now)
    known = sorted(day for day in done if day >= start)
    first = known[0] if known else due
    holes = [day for n in range((due - first).days + 1) if (day := first + timedelta(days=n)) not in done]
    says = f"{due} is done" if due in done else f"{due} is NOT done"
    earlier = [day for day in holes if day != due]
    if earlier:
        says += f"; {len(earlier)} earlier days are not: {_listed(earlier)}"
    return verdict(
        pipeline_state.TABLE.full_name,
        RECENT,
        says,
        passed=not holes,
        value=len(holes),
        threshold=f"every day up to {due} is done",
        is_error=due not in done,
        details={"pipeline": pipeline.name, "newest_day_done": known[-1] if known else "none"},
    )


def restatement_verdict(lakehouse: Lakehouse) -> Verdict:
    """Days whose live rows or whose Silver rows changed since: their verdicts stand on old data until they run again."""
    due = {pipeline: days for pipeline, days in days_due(lakehouse).items() if days}
    listed = "; ".join(f"{pipeline}: {_listed(days)}" for pipeline, days in due.items())
    days = {day for each in due.values() for day in each}
    return verdict(
        pipeline_state.TABLE.full_name,
        DUE,
        f"{len(days)} days have to run again{': ' + listed if due else ''}",
        passed=not due,
        value=len(days),
        threshold="> 0 warns",
        is_error=False,
    )


def _listed(days: Sequence[date]) -> str:
    return ", ".join(map(str, days[:_NAMED])) + (", ..." if len(days) > _NAMED else "")


def rule_verdicts(lakehouse: Lakehouse) -> list[Verdict]:
    """The rule table as it is stored: one current rule per (domain, metric), and no rule_id twice."""
    rows = lakehouse.read(dim_rule_scd2.TABLE).select("rule_id", "domain", "metric", "is_current").collect()
    current = Counter(f"{row['domain']}/{row['metric']}" for row in rows if row["is_current"])
    known = {f"{row['domain']}/{row['metric']}" for row in rows}
    wrong = sorted(name for name in known if current[name] > 1)
    ids = sorted(rule_id for rule_id, n in Counter(row["rule_id"] for row in rows).items() if n > 1)
    return [
        verdict(
            dim_rule_scd2.TABLE.full_name,
            ONE_CURRENT,
            f"metrics with several current rules: {', '.join(wrong) or 'none'}",
            passed=not wrong,
            value=len(wrong),
            threshold="0",
            details={"current_rules": sum(current.values()), "versions": len(rows)},
        ),
        verdict(
            dim_rule_scd2.TABLE.full_name,
            UNIQUE_IDS,
            f"rule ids used twice: {', '.join(ids) or 'none'}",
            passed=not ids,
            value=len(ids),
            threshold="0",
        ),
    ]

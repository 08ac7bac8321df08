"""What no single run can say: is the state recent, is a day due for restatement, are the rules sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from pyspark.sql import functions as F

from ledger.due import days_due
from ledger.gold import dim_rule_scd2, pipeline_state
from ledger.instants import from_micros
from ledger.lakehouse import Lakehouse
from ledger.quality.verdict import Verdict, verdict
from ledger.state import PipelineName
from ledger.window import KST

RECENT, DUE = "recent_success", "days_due_for_restatement"
ONE_CURRENT, UNIQUE_IDS = "one_current_per_metric", "unique_ids"
_GRACE = timedelta(minutes=30)
_NAMED = 10


@dataclass(frozen=True)
class Cadence:
    """How often a pipeline has to succeed: every few minutes, or daily at a KST time (runbook section 4)."""

    pipeline: PipelineName
    at: time | None
    within: timedelta

    def deadline(self, now: datetime) -> datetime:
        """The instant after which the last success must lie."""
        if self.at is None:
            return now - self.within
        tick = datetime.combine(now.astimezone(KST).date(), self.at, tzinfo=KST)
        while tick + self.within > now:
            tick -= timedelta(days=1)
        return tick


CADENCES = (
    Cadence("pipeline_a", None, timedelta(minutes=20)),
    Cadence("pipeline_silver", time(0, 0), _GRACE),
    Cadence("pipeline_b", time(0, 20), _GRACE),
    Cadence("pipeline_c", time(0, 35), _GRACE),
)


def state_verdicts(lakehouse: Lakehouse, now: datetime) -> list[Verdict]:
    """One per pipeline, in the order of :data:`CADENCES`: the last success is not older than the cadence allows."""
    rows = lakehouse.read(pipeline_state.TABLE).select(
        "pipeline_name", *[F.unix_micros(c).alias(c) for c in ("last_success_ts", "last_processed_end")]
    )
    state = {row["pipeline_name"]: row for row in rows.collect()}
    verdicts = []
    for cadence in CADENCES:
        row = state.get(cadence.pipeline)
        last = from_micros(row["last_success_ts"]) if row else None
        end = from_micros(row["last_processed_end"]) if row else None
        deadline = cadence.deadline(now)
        age = (now - last) // timedelta(minutes=1) if last else None
        verdicts.append(
            verdict(
                pipeline_state.TABLE.full_name,
                RECENT,
                f"last success {age:,} minutes ago" if age is not None else "it never succeeded",
                passed=last is not None and last >= deadline,
                value=age,
                threshold=f"a success since {deadline.astimezone(KST):%Y-%m-%d %H:%M} KST",
                details={"last_success_ts": last or "never", "last_processed_end": end or "none"},
            )
        )
    return verdicts


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

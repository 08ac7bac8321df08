"""Does the money of a KST day add up? One function decides, for every place that speaks of it (spec section 9).

It reads the tables and the run log as they stand: never the run just made, never the sum of past findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from ledger.delta.lakehouse import Lakehouse
from ledger.pipelines.registry import PIPELINE_B, PipelineName
from ledger.state import Logged
from operations.day_facts import DayFacts, read_facts

Verdict = Literal["failed", "not_controlled", "due", "does_not_add_up", "no_data", "adds_up"]


@dataclass(frozen=True)
class DayVerdict:
    """The verdict of one KST day with the figures that stand. Amounts in KRW, counts in rows.

    ``critical`` and ``warn`` count the findings that stand, A's and B's; ``input_critical`` those of A alone.
    ``quarantined`` are the rows that the newest Silver run rejected; ``earlier_*`` what only earlier attempts found.
    ``run_id`` and ``ended_at`` are the newest successful control's; ``due`` what has to run again, in that order.
    """

    date_kst: date
    verdict: Verdict
    reason: str
    diff_amount: Decimal | None = None
    drifting_users: int = 0
    critical: int = 0
    warn: int = 0
    input_critical: int = 0
    quarantined: int = 0
    earlier_quarantined: int = 0
    earlier_exceptions: int = 0
    restated: int = 0
    run_id: str | None = None
    ended_at: datetime | None = None
    due: tuple[PipelineName, ...] = ()
    failed_pipeline: PipelineName | None = None

    @property
    def adds_up(self) -> bool:
        return self.verdict == "adds_up"


def day_verdicts(lakehouse: Lakehouse, days: Sequence[date]) -> list[DayVerdict]:
    """The verdicts of the days, in their order. The number of queries does not depend on the number of days."""
    return [decide(facts) for facts in read_facts(lakehouse, days)]


def decide(facts: DayFacts) -> DayVerdict:
    """The first that holds, in the order of the specification."""
    failed = failed_attempt(facts)
    controlled = facts.controlled
    found: tuple[Verdict, str]
    if failed is not None:
        found = (
            "failed",
            f"the newest run of {failed.pipeline_name} ({failed.run_id}) failed: {failed.message or 'no reason given'}",
        )
    elif controlled is None:
        found = "not_controlled", f"{PIPELINE_B.name} has not controlled the day"
    elif facts.due:
        found = "due", f"{', '.join(facts.due)} has to run again: {facts.due_because}"
    elif not facts.supply_is_ok or facts.drifting_users:
        found = "does_not_add_up", _difference(facts)
    elif facts.missing_inputs:
        found = "no_data", f"nothing was compared: {' and '.join(facts.missing_inputs)} of the day has no row"
    else:
        found = "adds_up", "supply and every wallet agree"
    return DayVerdict(
        date_kst=facts.day,
        verdict=found[0],
        reason=found[1],
        diff_amount=facts.diff_amount,
        drifting_users=facts.drifting_users,
        critical=facts.findings["CRITICAL"],
        warn=facts.findings["WARN"],
        input_critical=facts.input_critical,
        quarantined=facts.quarantined,
        earlier_quarantined=facts.earlier_quarantined,
        earlier_exceptions=facts.earlier_exceptions,
        restated=facts.restated,
        run_id=controlled.run_id if controlled else None,
        ended_at=controlled.ended_at if controlled else None,
        due=facts.due if controlled else (),
        failed_pipeline=failed.pipeline_name if failed else None,
    )


def failed_attempt(facts: DayFacts) -> Logged | None:
    """The newest attempt of Silver, else of B, where it failed."""
    newest = (facts.newest_silver, facts.newest_control)
    return next((attempt for attempt in newest if attempt is not None and not attempt.is_success), None)


def _difference(facts: DayFacts) -> str:
    parts = []
    if facts.diff_amount is None:
        parts.append("the supply row of the day is missing")
    elif not facts.supply_is_ok:
        parts.append(f"supply differs by {facts.diff_amount:,} KRW")
    if facts.drifting_users:
        parts.append(f"{facts.drifting_users} users drift")
    return "; ".join(parts)

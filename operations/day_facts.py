"""Facts of KST days as they stand in the tables: attempts, figures, findings, quarantine (spec section 9).

Of domain ledger the findings of the newest successful control stand, of dq those of the newest evaluation of each
window; of the quarantine the rows that the newest Silver run of the day rejected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.due import silver_due
from ledger.gold import exception_ledger
from ledger.instants import to_micros
from ledger.pipelines.registry import PIPELINE_B, PIPELINE_SILVER, PipelineName
from ledger.state import Logged, newest_attempt, newest_success
from ledger.window import Window
from operations.day_rows import COMPARED, DayRows, read_rows


@dataclass(frozen=True)
class DayFacts:
    """Everything that the verdict of one KST day rests on."""

    day: date
    newest_silver: Logged | None
    newest_control: Logged | None
    controlled: Logged | None
    due: tuple[PipelineName, ...]
    due_because: str
    diff_amount: Decimal | None
    supply_is_ok: bool
    drifting_users: int
    missing_inputs: tuple[str, ...]
    findings: Counter[str] = field(default_factory=Counter)
    input_critical: int = 0
    earlier_exceptions: int = 0
    quarantined: int = 0
    earlier_quarantined: int = 0
    restated: int = 0


def read_facts(lakehouse: Lakehouse, days: Sequence[date]) -> list[DayFacts]:
    """The facts of the days, in their order. At most one query where the log is at hand, else ten, for all days."""
    if not days:
        return []
    scope = Scope(min(days), max(days))
    read = read_rows(lakehouse, scope)
    return [_facts(read, day) for day in days]


def _facts(read: DayRows, day: date) -> DayFacts:
    attempts = [attempt for attempt in read.attempts if attempt.date_kst == day]
    controlled = newest_success(attempts, PIPELINE_B.name, day)
    silver = newest_attempt(attempts, PIPELINE_SILVER.name, day)
    due, because = _due(read, day)
    supply = read.supply.get(day)
    ledger, dq, earlier = _findings(read, day, controlled)
    rejected, before = _rejected(read, day, silver)
    return DayFacts(
        day=day,
        newest_silver=silver,
        newest_control=newest_attempt(attempts, PIPELINE_B.name, day),
        controlled=controlled,
        due=due,
        due_because=because,
        diff_amount=supply["diff_amount"] if supply else None,
        supply_is_ok=bool(supply and supply["is_ok"]),
        drifting_users=sum(n for (kind, _), n in ledger.items() if kind == exception_ledger.RECON_DRIFT_HIGH),
        missing_inputs=tuple(t.full_name for t in COMPARED if day not in read.present[t.full_name]),
        findings=Counter({s: _of(ledger, s) + _of(dq, s) for s in ("CRITICAL", "WARN")}),
        input_critical=_of(dq, "CRITICAL"),
        earlier_exceptions=earlier,
        quarantined=rejected,
        earlier_quarantined=before,
        restated=read.restated.get(day, 0),
    )


def _due(read: DayRows, day: date) -> tuple[tuple[PipelineName, ...], str]:
    due: list[PipelineName] = []
    because = []
    if day in silver_due(read.journal, read.changes):
        due.append(PIPELINE_SILVER.name)
        what = (
            "orders that its entries name" if day in read.journal.outdated() else "landing files of the day"
        )
        because.append(f"{what} changed after Silver ran")
    since = read.journal.read_from(PIPELINE_B.name, day)
    changes = read.journal.changes_since(since or 0, PIPELINE_B.name, day)
    if changes:
        due.append(PIPELINE_B.name)
        runs = ", ".join(sorted({change.run_id for change in changes})[:3])
        because.append(f"Silver changed the day or an earlier one after it was controlled (by {runs})")
    return tuple(due), "; ".join(because)


def _findings(
    read: DayRows, day: date, controlled: Logged | None
) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]], int]:
    """Standing findings of domain ledger and of dq by (type, severity), and how many rows do not stand any more."""
    ledger: Counter[tuple[str, str]] = Counter()
    dq: Counter[tuple[str, str]] = Counter()
    earlier = 0
    for row in read.exceptions:
        if row["date_kst"] != day:
            continue
        if row["domain"] == "dq":
            window = (row["source_table"], row["window_start_ts"], row["window_end_ts"])
            evaluated = read.evaluations.get(window)
            stands = evaluated is not None and evaluated.found and evaluated.run_id == row["run_id"]
        else:
            stands = controlled is not None and row["run_id"] == controlled.run_id
        if stands:
            (dq if row["domain"] == "dq" else ledger)[row["exception_type"], row["severity"]] += row["n"]
        else:
            earlier += row["n"]
    return ledger, dq, earlier


def _rejected(read: DayRows, day: date, silver: Logged | None) -> tuple[int, int]:
    """Rows of the day that the newest Silver run rejected, and rows that only earlier ones did."""
    start, end = (to_micros(instant) for instant in (Window.of_day(day).start, Window.of_day(day).end))
    of_day = [r for r in read.quarantine if start <= r["window_start_ts"] and r["window_end_ts"] <= end]
    stored = sum(row["n"] for row in of_day)
    if silver is None:
        return stored, 0
    mine = sum(row["n"] for row in of_day if row["run_id"] == silver.run_id)
    standing = mine if silver.rows_quarantined is None else silver.rows_quarantined
    return standing, stored - standing


def _of(findings: Counter[tuple[str, str]], severity: str) -> int:
    return sum(n for (_, found), n in findings.items() if found == severity)

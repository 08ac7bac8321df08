"""A KST day for people: its verdict in words, and the evidence behind it (spec section 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal

from ledger.shown import shown
from operations.evidence import Evidence
from operations.values import as_json, as_text
from operations.verdicts import DayVerdict

COLUMNS = (
    *("date_kst", "verdict", "diff_amount", "drifting_users", "critical", "warn"),
    *("quarantined", "restated", "run_id"),
)
_LONGEST_ID = 64


def headline(verdict: DayVerdict) -> str:
    """The one sentence on whether the money adds up. Only the verdict ``adds_up`` ever says that it does."""
    before = f"figures of the run before ({verdict.run_id}, {as_text(verdict.ended_at)})"
    words = {
        "failed": f"FAILED: {verdict.failed_pipeline}, "
        + (before if verdict.run_id else "no figures before it"),
        "not_controlled": "not controlled yet",
        "due": f"DUE: {', '.join(verdict.due)} have to run again, {before}",
        "does_not_add_up": "THE MONEY DOES NOT ADD UP",
        "no_data": "NO DATA: nothing was compared",
        "adds_up": "the money adds up",
    }[verdict.verdict]
    beside = f"; CRITICAL: {verdict.input_critical} of A" if verdict.input_critical else ""
    return shown(f"{verdict.date_kst} (KST): {words}{beside}")


def day_text(verdict: DayVerdict, evidence: Evidence | None = None) -> str:
    """The day in a few lines: the sentence, why, and the figures that stand."""
    lines = [headline(verdict), f"  why          {shown(verdict.reason)}"]
    if verdict.run_id:
        lines.append(f"  supply       {_supply(verdict, evidence)}")
        lines.append(f"  drift        {_count(verdict.drifting_users, 'user')}")
        lines += [f"    {_drift(row)}" for row in (evidence.drifting if evidence else ())]
    findings = f"CRITICAL {verdict.critical:,}, WARN {verdict.warn:,}"
    lines.append(f"  findings     {findings}{_earlier(verdict.earlier_exceptions)}")
    lines.append(
        f"  quarantined  {_count(verdict.quarantined, 'row')}{_earlier(verdict.earlier_quarantined)}"
    )
    for (table, reason), count in (evidence.quarantined if evidence else {}).items():
        lines.append(f"    {shown(f'{table} {reason}'):<56}{count:>8,}")
    return "\n".join(lines)


def as_dict(verdict: DayVerdict) -> dict[str, object]:
    """The verdict as JSON-ready values: amounts as text, counts as numbers, instants with Z."""
    values = {"date_kst": verdict.date_kst, "verdict": verdict.verdict, "adds_up": verdict.adds_up}
    found: dict[str, object] = as_json({**values, **asdict(verdict)})
    return found


def day_dict(verdict: DayVerdict, evidence: Evidence) -> dict[str, object]:
    """As :func:`as_dict`, with the evidence beside it."""
    by_reason = {f"{table} {reason}": count for (table, reason), count in evidence.quarantined.items()}
    found: dict[str, object] = as_json(
        {"quarantined_by": by_reason, "supply": evidence.supply, "drifting": evidence.drifting}
    )
    return {**as_dict(verdict), **found}


def tally(verdicts: Sequence[DayVerdict]) -> str:
    """How many days have which verdict, in one line."""
    counts = {v.verdict: sum(w.verdict == v.verdict for w in verdicts) for v in verdicts}
    return f"{_count(len(verdicts), 'day')}: " + ", ".join(f"{n} {name}" for name, n in counts.items())


def _supply(verdict: DayVerdict, evidence: Evidence | None) -> str:
    if verdict.diff_amount is None:
        return "not measured"
    difference = f"difference {verdict.diff_amount:,}"
    supply = evidence.supply if evidence else None
    if supply is None:
        return difference
    issued, wallets = (_money(supply[name]) for name in ("issued_supply", "wallet_total_balance"))
    return f"MISMATCH: issued {issued}, wallets {wallets}, {difference}"


def _drift(row: Mapping[str, str]) -> str:
    user = shown(row["user_id"])
    user = user if len(user) <= _LONGEST_ID else f"{user[:_LONGEST_ID]}..."
    moved, flow, drift = (_money(row[n]) for n in ("delta_balance_total", "net_flow_total", "drift_abs"))
    return f"{user}: balance moved {moved}, ledger says {flow}, drift {drift}"


def _money(text: str) -> str:
    return f"{Decimal(text):,}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _earlier(number: int) -> str:
    return f" (of earlier attempts: {number:,})" if number else ""

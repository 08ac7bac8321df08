"""An independent reconciliation of generated landing files: a few lines of plain Python, no code of the product."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

SIGN = {"CHARGE": 1, "MINT": 1, "RECEIVE": 1, "REFUND_IN": 1, "HOLD": 0, "RELEASE": 0}
SIGN |= {"WITHDRAW": -1, "BURN": -1, "PAYMENT": -1, "REFUND_OUT": -1}
ISSUES = {"MINT": 1, "CHARGE": 1, "BURN": -1, "WITHDRAW": -1}


class DayBalance(NamedTuple):
    """One KST day's verdict. Units: cents."""

    drift_by_user: dict[str, int]
    supply_diff: int


def records(landing: Path, table: str, day: date) -> Iterator[dict[str, Any]]:
    """The day's records of one table that are JSON; torn lines are left out."""
    for path in sorted((landing / table / f"date={day}").glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue


def cents(text: str) -> int:
    """Two-decimal money text as whole cents."""
    whole, decimals = text.split(".")
    assert len(decimals) == 2, text
    return int(whole) * 100 + int(decimals)


def instant(text: str) -> datetime:
    """An ISO-8601 instant that names UTC."""
    assert text.endswith("Z"), text
    return datetime.fromisoformat(text)


def kst_window(day: date) -> tuple[datetime, datetime]:
    """The UTC window of a KST day."""
    end = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
    return end - timedelta(days=1), end


def reconcile(landing: Path, days: tuple[date, ...]) -> dict[date, DayBalance]:
    """Drift per user with a snapshot, and the supply difference, per day; issuance before the first day is zero."""
    flows: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    snapshots: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    issued: list[tuple[datetime, int]] = []
    for day in days:
        for entry in records(landing, "transaction_ledger", day):
            at, amount = instant(entry["created_at"]), cents(entry["amount"])
            flows[entry["wallet_id"]].append((at, SIGN[entry["type"]] * amount))
            issued.append((at, ISSUES.get(entry["type"], 0) * amount))
        for row in records(landing, "user_wallets", day):
            total = cents(row["balance"]) + cents(row["frozen_amount"])
            snapshots[row["user_id"]].append((instant(row["source_extracted_at"]), total))

    def flow(user: str, after: datetime, upto: datetime) -> int:
        return sum(amount for at, amount in flows[user] if after < at <= upto)

    verdicts: dict[date, DayBalance] = {}
    for day in days:
        start, end = kst_window(day)
        drift: dict[str, int] = {}
        wallet_total = 0
        for user, history in snapshots.items():
            known = sorted(snapshot for snapshot in history if snapshot[0] < end)
            today = [snapshot for snapshot in known if snapshot[0] >= start]
            if today:
                opening = max((snapshot for snapshot in known if snapshot[0] < start), default=today[0])
                closing = today[-1]
                drift[user] = closing[1] - opening[1] - flow(user, opening[0], closing[0])
            if known:
                wallet_total += known[-1][1] + sum(a for at, a in flows[user] if known[-1][0] < at < end)
        supply = sum(amount for at, amount in issued if at < end)
        verdicts[day] = DayBalance({user: d for user, d in drift.items() if d}, supply - wallet_total)
    return verdicts

"""A small landing that changes: random days, replaced and withdrawn files, late files with odd clocks.

Kept out, because there the time of a rerun decides: an entry that names a payment order which lands after it (its day's
first run cannot know the order, a rerun does).
"""

from __future__ import annotations

import json
import os
import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

from tests.oracle.live import LandingLog
from tests.support import Home

Record = dict[str, Any]
LONG_AGO_SEC = 3600  # a file that old is not still being written
ODD_CLOCKS = (
    "1970-01-01T00:00:00Z",
    "2026-02-20T01:00:00Z",
    "2026-02-09T23:00:00Z",
    "2026-02-11T14:59:59.999999Z",
    None,
)
NAMES = ("late.jsonl", "[1].jsonl", "{a,b}.JSONL", "한글 %20#.jsonl", "sub folder/*?.jsonl")
USERS = ("u1", "u2")
STATUSES = ("PAID", "FAILED", "REFUNDED")


class World:
    """The landing of one home: the content of every path, now and before."""

    def __init__(self, rng: random.Random, home: Home, days: list[date]) -> None:
        self.rng, self.home, self.days = rng, home, days
        self.versions: dict[str, list[list[Record]]] = defaultdict(list)
        self.withdrawn: set[str] = set()
        self.late_files = 0
        self.balance = dict.fromkeys(USERS, 0)
        self.awaited: list[tuple[str, str, date]] = []  # orders that entries name and that have not landed
        self.landing_of: dict[str, date] = {}  # the landing day of an order
        for day in days:
            self._day(day)

    def _day(self, day: date) -> None:
        """Entries of two wallets with what they refer to, and snapshots that know them: the day adds up."""
        entries, payments, snapshots = [], [], []
        for user in USERS:
            snapshots.append(snapshot(user, day, "01:00:00", self.balance[user]))
            for number, kind in enumerate(("CHARGE", "WITHDRAW")):
                amount = self.rng.randrange(1, 50) + 50 * (kind == "CHARGE")
                tx = f"t{day:%d}-{user}-{number}"
                entries.append(entry(tx, user, day, kind, amount, related=f"p-{tx}"))
                if self.rng.random() < 0.3:
                    self.awaited.append((f"p-{tx}", user, day))
                else:
                    payments.append(self._payment(f"p-{tx}", user, day, day))
                self.balance[user] += amount if kind == "CHARGE" else -amount
            snapshots.append(snapshot(user, day, "12:00:00", self.balance[user]))
        half = len(entries) // 2
        self._write(f"transaction_ledger/date={day}/part-0.jsonl", entries[:half])
        self._write(f"transaction_ledger/date={day}/part-1.jsonl", entries[half:])
        self._write(f"payment_orders/date={day}/part-0.jsonl", payments)
        self._write(f"user_wallets/date={day}/part-0.jsonl", snapshots)

    def late(self) -> str:
        """Entries of another day, some of them known ones told otherwise, with clocks that say something else."""
        landing, other = self.rng.choice(self.days), self.rng.choice(self.days)
        clock, name = self.rng.choice(ODD_CLOCKS), self.rng.choice(NAMES)
        self.late_files += 1
        meta = {} if clock is None else {"ingested_at": clock, "source_extracted_at": clock}
        user = self.rng.choice(USERS)
        related = self.rng.choice(
            [order for order, day in self.landing_of.items() if day <= landing] or [None]
        )
        amount = self.rng.randrange(1, 9)
        records = [entry(f"late-{self.late_files}", user, other, "CHARGE", amount, related) | meta]
        if self.rng.random() < 0.5:
            paths = self._paths("transaction_ledger")
            known = self.rng.choice([record for path in paths for record in self.versions[path][-1]])
            records.append(known | {"amount": str(self.rng.randrange(1, 9))} | meta)
            if self.landing_of.get(known["related_id"], landing) > landing or self._awaits(
                known["related_id"]
            ):
                records[-1]["related_id"] = None  # see above
        path = f"transaction_ledger/date={landing}/{self.late_files}/{name}"
        self._write(path, records)
        return f"late {path} of {other}, clock {clock}"

    def late_order(self) -> str:
        """A payment order that entries of its landing day, or of a later one, name already."""
        if not self.awaited:
            return "no order is awaited"
        order, user, day = self.awaited.pop(self.rng.randrange(len(self.awaited)))
        landing = self.rng.choice([d for d in self.days if d <= day])
        self.late_files += 1
        path = f"payment_orders/date={landing}/{self.late_files}/{self.rng.choice(NAMES)}"
        self._write(path, [self._payment(order, user, self.rng.choice([self.days[0], landing]), landing)])
        return f"late {path}: {order}"

    def replace(self) -> str:
        """Other content under a path: a row less, one more, another amount or status, a bad one; or the version before."""
        path = self.rng.choice(self._paths())
        records, before = [dict(r) for r in self.versions[path][-1]], self.versions[path][:-1]
        how = self.rng.choice(["drop", "change", "spoil", "back"])
        if how == "back" and before and path not in self.withdrawn:
            records = before[-1]
        elif records:
            at = self.rng.randrange(len(records))
            column = "balance" if "balance" in records[at] else "amount"
            turns = "status" in records[at] and self.rng.random() < 0.7
            if how == "drop":
                del records[at]
            elif how == "change" and turns:
                records[at]["status"] = self.rng.choice(STATUSES)
            else:
                records[at][column] = "1O.00" if how == "spoil" else str(self.rng.randrange(1, 99))
        self._write(path, records)
        return f"{how} {path}"

    def withdrawable(self) -> list[str]:
        """Paths with a live version."""
        log = LandingLog()
        log.events = sorted(self.home.rows("bronze.landing_file"), key=lambda event: event["at"])
        return [path for path in self._paths() if log.live(path) is not None]

    def _payment(self, order: str, user: str, day: date, landing: date) -> Record:
        self.landing_of[order] = landing
        return payment(order, user, day, self.rng.choice(STATUSES))

    def _awaits(self, order: str | None) -> bool:
        return any(order == awaited for awaited, _, _ in self.awaited)

    def _paths(self, table: str = "") -> list[str]:
        return sorted(path for path in self.versions if path.startswith(table))

    def _write(self, path: str, records: list[Record]) -> None:
        self.versions[path].append(records)
        file = self.home.landing / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{json.dumps(record)}\n" for record in records), "utf-8")
        old = datetime.now().timestamp() - LONG_AGO_SEC
        os.utime(file, (old, old + len(self.versions[path])))


def entry(tx: str, user: str, day: date, kind: str, amount: int, related: str | None = None) -> Record:
    at = f"{day}T0{2 + (kind == 'WITHDRAW')}:30:00Z"
    known = {"tx_id": tx, "wallet_id": user, "type": kind, "amount": str(amount)}
    return known | {"related_id": related, "created_at": at}


def payment(order: str, user: str, day: date, status: str) -> Record:
    at = f"{day}T04:00:00Z"
    known = {"order_id": order, "user_id": user, "merchant_name": "m", "amount": "1"}
    return known | {"status": status, "created_at": at}


def snapshot(user: str, day: date, hour: str, balance: int) -> Record:
    at = f"{day}T{hour}Z"
    return {
        "user_id": user,
        "balance": str(balance),
        "frozen_amount": 0,
        "updated_at": at,
        "source_extracted_at": at,
    }


def days_from(first: date, count: int) -> list[date]:
    """So many days, ascending."""
    return [first + timedelta(days=offset) for offset in range(count)]

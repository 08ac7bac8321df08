"""Section 2, convergence of what an entry relates to: the last KST day that Silver has done and that reads it decides.

So the run of an older day leaves `related_type` and `status` of a stored entry alone; where it changes what they rest on,
the deciding day is due.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tests.oracle.contract import Row
from tests.oracle.landing import belongs
from tests.oracle.values import Window, trim

RELATION = ("related_type", "status")
ENTRY = ("tx_id", "wallet_id", "entry_type", "amount", "related_id", "event_time")
STATE = ("silver.ledger_entries", "silver.order_events")


@dataclass(frozen=True)
class Deciders:
    """Live ledger rows, and the days after the run's that Silver has done."""

    ledger: list[Row]
    later: tuple[date, ...]

    def of(self, entry: Row) -> date | None:
        """The last of these days that reads a row of the entry."""
        facts = (
            entry["tx_id"],
            entry["wallet_id"],
            entry["entry_type"],
            entry["amount"],
            entry["related_id"],
        )
        mine = [
            row for row in self.ledger if (*_facts(row), row["created_at"]) == (*facts, entry["event_time"])
        ]
        days = [
            d for d in self.later for row in mine if belongs("transaction_ledger_raw", row, Window.of_day(d))
        ]
        return max(days, default=None)

    def kept(self, new: Row, stored: list[Row]) -> Row:
        """What the run may store of a row: with the relation of its stored entry where a later day decides."""
        old = _same(new, stored)
        if old is None or all(new[name] == old[name] for name in RELATION) or not self.of(new):
            return new
        return new | {name: old[name] for name in RELATION}


def _same(entry: Row, stored: list[Row]) -> Row | None:
    """The stored entry that agrees with this one."""
    return next((row for row in stored if all(row[name] == entry[name] for name in ENTRY)), None)


def _facts(row: Row) -> tuple[object, ...]:
    return (
        trim(row["tx_id"]),
        trim(row["wallet_id"]),
        trim(row["type"]),
        row["amount"],
        trim(row["related_id"]),
    )


def stale_days(
    deciders: Deciders, before: dict[str, list[Row]], after: dict[str, list[Row]], judged: list[Row]
) -> set[date]:
    """Days that have to judge again: a run of an older day stored an entry that they read, or changed an order of theirs.

    `before` and `after`: Silver around the run; `judged`: the entries that it gave to the merge.
    """
    old = before["silver.ledger_entries"]
    stale = {deciders.of(row) for row in judged if row["related_id"] is not None and _same(row, old) is None}
    was, now = (_orders(tables["silver.order_events"]) for tables in (before, after))
    changed = {
        ref for (ref, source) in was.keys() | now.keys() if was.get((ref, source)) != now.get((ref, source))
    }
    for entry in after["silver.ledger_entries"]:
        if entry["related_id"] in changed and _says(now, entry["related_id"]) != tuple(
            entry[n] for n in RELATION
        ):
            stale.add(deciders.of(entry))
    return {day for day in stale if day is not None}


def _orders(events: list[Row]) -> dict[tuple[str, str], tuple[str | None]]:
    return {(row["order_ref"], row["order_source"]): (row["status"],) for row in events}


def _says(orders: dict[tuple[str, str], tuple[str | None]], ref: str) -> tuple[str | None, str | None]:
    """What a day that sees all these orders says of an entry that names `ref`."""
    if payment := orders.get((ref, "PAYMENT_ORDERS")):
        return "PAYMENT_ORDER", payment[0]
    return ("ORDER" if (ref, "ORDERS") in orders else None), None

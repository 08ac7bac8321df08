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
Tables = dict[str, list[Row]]
Orders = dict[tuple[str, str], str | None]


@dataclass(frozen=True)
class Deciders:
    """Live ledger rows, the days after the run's that Silver has done, and entries and orders before the run."""

    ledger: list[Row]
    later: tuple[date, ...]
    entries: list[Row]
    orders: Orders

    @classmethod
    def before(cls, tables: Tables, ledger: list[Row], later: list[date]) -> Deciders:
        """As the run finds them."""
        entries = [dict(row) for row in tables["silver.ledger_entries"]]
        return cls(ledger, tuple(later), entries, _orders(tables))

    def keep(self, rows: list[Row]) -> list[Row]:
        """The rows that the run may store: with the relation of the stored entry where a later day decides."""
        return [self._kept(row) for row in rows]

    def outdated(self, after: Tables, judged: list[Row]) -> set[date]:
        """Days that have to judge again: the run stored an entry that they read, or changed an order that theirs name.

        `judged`: the entries that it gave to the merge.
        """
        new = [row for row in judged if row["related_id"] is not None and self._stored(row) is None]
        now = _orders(after)
        changed = {key[0] for key in self.orders.keys() | now.keys() if _differ(key, self.orders, now)}
        for entry in after["silver.ledger_entries"]:
            said = tuple(entry[name] for name in RELATION)
            if entry["related_id"] in changed and _says(now, entry["related_id"]) != said:
                new.append(entry)
        return {day for entry in new if (day := self._decides(entry)) is not None}

    def _kept(self, new: Row) -> Row:
        old = self._stored(new)
        if old is None or all(new[name] == old[name] for name in RELATION) or not self._decides(new):
            return new
        return new | {name: old[name] for name in RELATION}

    def _stored(self, entry: Row) -> Row | None:
        """The stored entry that agrees with this one."""
        same = (row for row in self.entries if all(row[name] == entry[name] for name in ENTRY))
        return next(same, None)

    def _decides(self, entry: Row) -> date | None:
        """The last of the later days that reads a row of the entry."""
        facts = tuple(entry[name] for name in ENTRY)
        mine = [row for row in self.ledger if _facts(row) == facts] if self.later else []
        windows = {day: Window.of_day(day) for day in self.later}
        days = [d for d in self.later for row in mine if belongs("transaction_ledger_raw", row, windows[d])]
        return max(days, default=None)


def _facts(row: Row) -> tuple[object, ...]:
    names = (trim(row[name]) for name in ("tx_id", "wallet_id", "type"))
    return (*names, row["amount"], trim(row["related_id"]), row["created_at"])


def _orders(tables: Tables) -> Orders:
    return {(row["order_ref"], row["order_source"]): row["status"] for row in tables["silver.order_events"]}


def _differ(key: tuple[str, str], left: Orders, right: Orders) -> bool:
    return (key in left, left.get(key)) != (key in right, right.get(key))


def _says(orders: Orders, ref: str) -> tuple[str | None, str | None]:
    """The relation that a day which sees all these orders gives to an entry that names `ref`."""
    if (payment := (ref, "PAYMENT_ORDERS")) in orders:
        return "PAYMENT_ORDER", orders[payment]
    return ("ORDER" if (ref, "ORDERS") in orders else None), None

"""Ledger entries and the wallet snapshots that (mostly) hold what the entries come to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from tests.oracle import chaos_values as pool
from tests.oracle.chaos_base import Dice
from tests.oracle.chaos_values import Raw, Record, Value, instant, money
from tests.oracle.silver_rules import SIGNS
from tests.oracle.values import MICROSECOND, Window

SMALL: list[Value] = ["5", "-0", "0.00", Raw("5")]


class LedgerChaos(Dice):
    """The two fail-fast tables: bad rows within a budget."""

    def related(self, day: date) -> Value:
        """Targets of an entry: payments of today and yesterday, orders, both, neither, nothing."""
        yesterday = self.payments.get(day - timedelta(days=1), [])
        today = self.payments[day]
        order = f"{70_000_000 + int(f'{day:%m%d}') * 100 + self.rng.randrange(25)}"
        choices: list[Value] = [None, " ", f"ghost-{self.rng.randrange(9)}", order, f"0{order}"]
        choices += [order_id for order_id, _ in self.rng.sample(today, min(6, len(today)))]
        choices += [order_id for order_id, _ in self.rng.sample(yesterday, min(3, len(yesterday)))]
        return self.rng.choice(choices)

    def ledger(self, day: date) -> None:
        if self.modes[day] == "empty":
            return
        budget, number = self.budget(), 0
        while number < self.rows:
            related = self.related(day)
            group = self.rng.choice([1, 1, 2, 2, 3]) if related else 1
            wallets = [self.rng.choice(self.users) for _ in range(group)]
            for at in range(group):
                number += 1
                # Now and then one transaction has two legs: the same tx_id in two wallets.
                twin = at and wallets[at] != wallets[at - 1] and self.modes[day] == "dirty"
                leg = number - 1 if twin and self.chance(0.05) else number
                self.entry(day, f"tx-{day:%m%d}-{leg:04d}", wallets[at], related)
        for bad in range(0 if self.modes[day] == "stale" else budget):
            self.bad_entry(day, f"bad-{day:%m%d}-{bad:03d}")
        self.lines["transaction_ledger", day] += ["", " \t "]

    def entry(self, day: date, tx_id: str, wallet: str, related: Value) -> None:
        amount, kind, at = self.amount(), self.rng.choice(pool.TYPES), self.moment(day)
        mode = self.modes[day]
        if mode == "stale":
            at = min(at, Window.of_day(day).end - timedelta(seconds=day.day % 4 * 250 + 200, microseconds=1))
        record: Record = {
            "tx_id": tx_id if self.chance(0.95) else f" {tx_id} ",
            "wallet_id": wallet,
            "type": kind if self.chance(0.95) else f"\t{kind} ",
            "amount": money(self.rng, amount) if self.chance(0.97) else self.rng.choice(pool.ODD_MONEY),
            "related_id": related if not isinstance(related, str) or self.chance(0.95) else f" {related}\n",
            "created_at": instant(self.rng, at),
        }
        if related is None and self.chance(0.5):
            del record["related_id"]
        self.flows[wallet.strip()].append((at, amount * SIGNS[kind]))
        landing = self.next_day(day) if self.chance(0.05) and mode != "stale" else day
        if mode == "stale":
            # A stamped ingested_at would be the landing day's end, and nothing would ever be stale.
            self.add("transaction_ledger", day, record | {"ingested_at": instant(self.rng, self.stamp(day))})
        elif mode == "dirty" and self.chance(0.01):
            self.lines["transaction_ledger", day] += [dict(record), dict(record)]
        elif mode == "dirty" and self.chance(0.01):
            self.repeat("transaction_ledger", day, record, {})
        else:
            self.add("transaction_ledger", landing, record | self.provenance(landing))

    def bad_entry(self, day: date, tx_id: str) -> None:
        """One bad ledger row of any kind, conflicting duplicates and disallowed statuses included."""
        record: Record = {
            "tx_id": tx_id,
            "wallet_id": self.rng.choice(self.users),
            "type": "CHARGE",
            "amount": "10.00",
            "related_id": None,
            "created_at": instant(self.rng, self.moment(day)),
        }
        bad_types: list[Value] = [*pool.BLANKS, *pool.BAD_TYPES]
        faults: dict[str, list[Value]] = {
            "tx_id": pool.BLANKS,
            "wallet_id": pool.BLANKS,
            "type": bad_types,
            "amount": pool.BAD_MONEY + pool.ZERO_MONEY + pool.NEGATIVE_MONEY,
            "created_at": pool.BAD_TIMESTAMPS,
        }
        conflicts: list[Record] = [
            {"amount": "11.00"},
            {"type": "MINT"},
            {"related_id": "other"},
            {"created_at": instant(self.rng, self.moment(day) + MICROSECOND)},
        ]

        def conflict() -> None:
            self.repeat("transaction_ledger", day, record, self.rng.choice(conflicts))

        def disallowed_status() -> None:
            order: Record = {"order_id": f"W-{tx_id}", "amount": "junk", "status": "WEIRD"}
            self.add("payment_orders", day, order | {"created_at": record["created_at"]})
            self.add("transaction_ledger", day, record | {"related_id": f"W-{tx_id}"})

        def malformed() -> None:
            self.lines["transaction_ledger", day].append(self.rng.choice(pool.MALFORMED))

        def spoiled() -> None:
            self.add("transaction_ledger", day, self.spoil(record, faults))

        kinds: list[Callable[[], None]] = [conflict, disallowed_status, malformed, spoiled, spoiled, spoiled]
        self.rng.choice(kinds)()

    def wallets(self, day: date) -> None:
        """Snapshots of every user, none to three a day; most of them hold what the flows come to."""
        users = [*self.users, *(f"idle-{number:03d}" for number in range(self.rows - 2 * len(self.users)))]
        for user in users:
            idle = user.startswith("idle-")
            for _ in range(1 if idle else self.rng.choice([0, 1, 1, 2, 3])):
                self.snapshot(day, user)
        for bad in range(self.budget()):
            self.bad_wallet(day, f"bad-{bad}")
        self.lines["user_wallets", day] += ["  "]

    def snapshot(self, day: date, user: str) -> None:
        flows = self.flows[user.strip()]
        at = self.moment(day)
        if flows and self.chance(0.3):
            at = self.rng.choice(flows)[0]  # at the very instant of an entry, which it then includes
        if self.chance(0.1):
            at = Window.of_day(day).end
        flow = sum((amount for taken, amount in flows if taken <= at), Decimal(0))
        balance = Decimal(10_000_000) + flow + (self.amount() if self.chance(0.2) else 0)
        frozen = self.amount() if self.chance(0.2) else Decimal(0)
        record: Record = {
            "user_id": user,
            "balance": money(self.rng, balance - frozen),
            "frozen_amount": money(self.rng, frozen),
            "updated_at": self.rng.choice(
                [instant(self.rng, at), None, self.rng.choice(pool.BAD_TIMESTAMPS)]
            ),
        }
        if user.startswith("idle-"):
            # Once a day at most: without source_extracted_at the snapshot's time is the landing day's end.
            record |= {"balance": self.rng.choice(SMALL)}
            ingested: Record = {"ingested_at": instant(self.rng, self.stamp(day))}
            self.add("user_wallets", day, record | self.rng.choice([{}, ingested, self.provenance(day)]))
            return
        self._tick += 1
        meta: Record = {"source_extracted_at": instant(self.rng, at), "batch_id": f"w-{self._tick:06d}"}
        landing = self.next_day(day) if self.chance(0.05) else day
        self.add("user_wallets", landing, record | meta)
        if self.chance(0.02):
            # The same snapshot corrected: the batch decides.
            self._tick += 1
            correction: Record = {"balance": "123.45", "batch_id": f"w-{self._tick:06d}"}
            self.add("user_wallets", landing, record | meta | correction)

    def bad_wallet(self, day: date, user: str) -> None:
        record: Record = {"user_id": user, "balance": "1.00", "frozen_amount": Raw("0")}
        faults = {
            "user_id": pool.BLANKS,
            "balance": pool.BAD_MONEY + pool.NEGATIVE_MONEY,
            "frozen_amount": pool.BAD_MONEY + pool.NEGATIVE_MONEY,
        }
        if self.chance(0.2):
            self.lines["user_wallets", day].append(self.rng.choice(pool.MALFORMED))
        else:
            self.add("user_wallets", day, self.spoil(record, faults))

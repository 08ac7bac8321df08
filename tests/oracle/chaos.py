"""A seeded generator of hostile landing data, by the spec's own fault lines.

Everything in it is decided by the specification: conflicting rows of one key always differ somewhere in the
source order (and payment orders also in the order of the status join), and no key mixes rows with and without
`source_extracted_at`. Wallets and ledger stay near `bad_share` of bad rows, so that Silver's fail-fast (1 %)
is met or provoked at will; the other tables are as bad as they please.
"""

from __future__ import annotations

import argparse
import random
from datetime import date, timedelta
from pathlib import Path

from tests.oracle import chaos_values as pool
from tests.oracle.chaos_files import is_lines, settle_file, write_broken, write_files
from tests.oracle.chaos_ledger import LedgerChaos
from tests.oracle.chaos_values import FALSE, TRUE, Raw, Record, Value, instant, money, odd_integer

BOOLEANS: list[Value] = [TRUE, FALSE, "true", "false"]


class Chaos(LedgerChaos):
    """Builds all records of all days; `write_landing` puts them into files."""

    def build(self) -> None:
        """Fill every day. The order matters: entries refer to payments, snapshots to entries."""
        for day in self.days:
            self.products(day)
            self.payment_orders(day)
            self.orders_and_items(day)
            self.ledger(day)
            self.wallets(day)

    def products(self, day: date) -> None:
        for number in range(1, min(self.rows, 60)):
            if day != self.days[0] and not self.chance(0.2):
                continue
            record: Record = {
                "product_id": odd_integer(self.rng, number),
                "product_name": self.rng.choice(pool.NAMES),
                "price_krw": money(self.rng, self.amount()),
                "stock_quantity": odd_integer(self.rng, self.rng.randrange(50)),
                "category": self.rng.choice(pool.CATEGORIES),
                "is_display": self.rng.choice(BOOLEANS),
            }
            faults = {
                "product_id": pool.BAD_INTEGERS,
                "price_krw": pool.BAD_MONEY,
                "stock_quantity": pool.BAD_INTEGERS,
                "is_display": pool.BAD_BOOLEANS,
            }
            if self.chance(0.15):
                record = self.spoil(record, faults)
            # Every day's version has its own stamp, or the landing day's: later days win.
            self.add("products", day, record | {"source_extracted_at": instant(self.rng, self.stamp(day))})
        self.malformed("products", day)

    def malformed(self, table: str, day: date) -> None:
        self.lines[table, day] += self.rng.sample(pool.MALFORMED, 2)
        self.lines[table, day] += ["", "   ", "{}"]

    def payment_orders(self, day: date) -> None:
        for number in range(self.rows):
            stem = f"{day:%m%d}{number:03d}"
            order_id = self.rng.choice([f"9{stem}", f"9{stem}", f"PAY-{stem}", f"00{stem}", f"결제-{stem}"])
            at = self.moment(day)
            user: list[Value] = [*self.users, None, " "]
            record: Record = {
                "order_id": order_id if self.chance(0.9) else f" {order_id}\t",
                "user_id": self.rng.choice(user),
                "merchant_name": self.rng.choice([*pool.NAMES, None, " "]),
                "amount": self.rng.choice([money(self.rng, self.amount()), self.rng.choice(pool.ODD_MONEY)]),
                "status": self.rng.choice([*pool.STATUSES, *pool.STATUSES, " PAID ", None]),
                "created_at": instant(self.rng, at),
            }
            if self.chance(0.12):
                faults: dict[str, list[Value]] = {
                    "order_id": pool.BLANKS,
                    "amount": pool.BAD_MONEY + pool.ZERO_MONEY + pool.NEGATIVE_MONEY,
                    "created_at": pool.BAD_TIMESTAMPS,
                }
                record = self.spoil(record, faults)
            elif self.chance(0.03):
                # Of its own id, which good entries never refer to: an entry would turn bad with it.
                record |= {"order_id": f"BAD-{stem}", "status": self.rng.choice(pool.BAD_STATUSES)}
                self.add("payment_orders", day, record)
                continue
            self.payments[day].append((order_id, at))
            self.place_payment(day, record)
        self.malformed("payment_orders", day)

    def place_payment(self, day: date, record: Record) -> None:
        """Once, twice the same, conflicting, updated on a later landing day, or late."""
        new_status: Record = {"status": self.rng.choice(pool.STATUSES)}
        if self.chance(0.06):
            self.repeat("payment_orders", day, record, new_status | {"merchant_name": "Conflict"})
        elif self.chance(0.05):
            self.lines["payment_orders", day] += [dict(record), dict(record)]
        elif self.chance(0.1) and self.next_day(day) != day:
            self.add("payment_orders", day, record)
            update = new_status | {"updated_at": instant(self.rng, self.stamp(self.next_day(day)))}
            self.add("payment_orders", self.next_day(day), record | update)
        elif self.chance(0.05):
            self.add("payment_orders", self.next_day(day), record)
        else:
            self.add("payment_orders", day, record | self.provenance(day))

    def orders_and_items(self, day: date) -> None:
        numbers = [int(order_id) for order_id, _ in self.payments[day] if order_id.startswith("9")]
        numbers += [70_000_000 + int(f"{day:%m%d}") * 100 + number for number in range(20)]
        for number in numbers:
            if self.chance(0.3) or number >= 70_000_000:
                record: Record = {
                    "order_id": odd_integer(self.rng, number),
                    "user_id": self.rng.choice(self.users),
                    "total_amount": money(self.rng, self.amount()),
                    "status": self.rng.choice(["DONE", "open", None, "PAID"]),
                    "created_at": instant(self.rng, self.moment(day)),
                }
                faults = {
                    "order_id": pool.BAD_INTEGERS,
                    "total_amount": pool.BAD_MONEY,
                    "created_at": pool.BAD_TIMESTAMPS,
                }
                self.add("orders", day, self.spoil(record, faults) if self.chance(0.15) else record)
            for _ in range(self.rng.choice([0, 1, 2, 3])):
                self.item(day, number)
        self.malformed("orders", day)
        self.malformed("order_items", day)

    def item(self, day: date, order_id: int) -> None:
        self._tick += 1
        few: list[Value] = [Raw("10.00"), "10", "5.00", "20.00", None]
        record: Record = {
            "item_id": odd_integer(self.rng, 1_000_000 + self._tick),
            "order_id": odd_integer(self.rng, order_id),
            "product_id": odd_integer(self.rng, self.rng.randrange(1, 70)),
            "quantity": self.rng.choice([Raw("1"), "2", Raw("4"), None, "+1", "-1", "0"]),
            "price_at_purchase": self.rng.choice(few),
        }
        faults = dict.fromkeys(("item_id", "order_id", "product_id", "quantity"), pool.BAD_INTEGERS)
        if self.chance(0.08):
            record = self.spoil(record, faults | {"price_at_purchase": pool.BAD_MONEY})
        if self.chance(0.05):
            self.repeat("order_items", day, record, {"quantity": "9", "price_at_purchase": "99.99"})
        else:
            self.add("order_items", day, record)


def write_landing(
    path: Path,
    seed: int,
    days: list[date],
    rows_per_table: int = 300,
    bad_share: float = 0.004,
    *,
    broken: bool = False,
) -> None:
    """Write the landing folder of all six tables for the given KST days (landing days), in ascending order.

    `bad_share` is the share of bad wallet and ledger rows: 0.004 passes Silver's 1 % limit, 0.03 breaks it.
    `broken` adds files to the first day's payment orders that cannot be loaded.
    """
    chaos = Chaos(seed, sorted(days), rows_per_table, bad_share)
    chaos.build()
    for (table, day), lines in chaos.lines.items():
        write_files(Path(path) / table / f"date={day.isoformat()}", table, lines, chaos.rng)
    if broken:
        write_broken(Path(path) / "payment_orders" / f"date={min(days).isoformat()}", chaos.rng)


def change_landing(path: Path, seed: int, day: date) -> list[str]:
    """The landing day's sources correct themselves: in one file of each table records change or are gone.

    Returns the changed paths. Files of lines only: what a line says is said by it alone.
    """
    rng = random.Random(seed)
    changed = []
    for folder in sorted(Path(path).glob(f"*/date={day.isoformat()}")):
        files = sorted(file for file in folder.rglob("*") if is_lines(file.relative_to(folder).as_posix()))
        for file in files[:1]:
            lines = file.read_text("utf-8").split("\n")
            kept = [line for line in lines if rng.random() > 0.1]
            kept = [line.replace('"CHARGE"', '"MINT"') if rng.random() < 0.2 else line for line in kept]
            file.write_text("\n".join(kept), "utf-8")
            settle_file(file)
            changed.append(file.relative_to(path).as_posix())
    return changed


def main() -> None:
    """`python -m tests.oracle.chaos --out DIR --seed 7 --first 2026-02-01 --days 3`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=date.fromisoformat, default=date(2026, 2, 1))
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--bad-share", type=float, default=0.004)
    options = parser.parse_args()
    days = [options.first + timedelta(days=offset) for offset in range(options.days)]
    write_landing(options.out, options.seed, days, options.rows, options.bad_share)


if __name__ == "__main__":
    main()

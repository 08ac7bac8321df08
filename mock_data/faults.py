"""Faults that a generation plants into its last day: names, sizes, and the records that carry them.

Every fault leaves the money in the wallets as the entries say, except `drift` and `supply`, which are about nothing
else. Sizes are shares of the day's entries, so that a fault keeps its meaning at any volume.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

from mock_data.catalog import Amount, amount, money_text
from mock_data.records import NULL, DayRecords
from mock_data.stream import DayClock, LandingWriter
from mock_data.wallets import Wallets

DRIFT, SUPPLY, DUPLICATES, CONFLICTS = "drift", "supply", "duplicates", "conflicting_duplicates"
BAD_ROWS, BAD_RATE, STALE, UNPARSABLE, LATE = "bad_rows", "bad_rate", "stale", "unparsable", "late"
FAULT_NAMES = (DRIFT, SUPPLY, DUPLICATES, CONFLICTS, BAD_ROWS, BAD_RATE, STALE, UNPARSABLE, LATE)

STALE_LAST_EVENT_SEC = 20 * 3600  # 20:00 KST: hours of silence, critical under any sensible threshold
LATE_EVENT_SEC = 23 * 3600 + 52 * 60  # after the evening snapshot, so the day before still adds up by itself
MAX_DRIFT_CENTS = 12_345
SUPPLY_GAP = amount(77_700)
LATE_CHARGE = amount(150_000)
FAIL_FAST_PER_CENT = 1  # rule silver/bad_records_rate of the shipped seed

# (type, wallet is known, amount, event time is known) and the reason of specification section 5
LEDGER_DEFECTS = (
    ("CHARGE", True, "12.345", True, "invalid_amount"),
    ("GIFT", True, "10.00", True, "invalid_entry_type"),
    ("CHARGE", False, "10.00", True, "missing_tx_or_wallet"),
    ("CHARGE", True, "-10.00", True, "non_positive_amount"),
    ("CHARGE", True, "10.00", False, "missing_event_time"),
)


def check_faults(names: Sequence[str], entries: int) -> frozenset[str]:
    """The names as a set. Raises ValueError for an unknown one, or when `entries` cannot keep the 1% promise."""
    unknown = sorted(set(names) - set(FAULT_NAMES))
    if unknown:
        raise ValueError(f"unknown faults {unknown}; known: {', '.join(FAULT_NAMES)}")
    chosen = frozenset(names)
    sizes = fault_sizes(chosen, entries)
    quarantined = sizes[CONFLICTS] + sizes[BAD_ROWS]
    if BAD_RATE not in chosen and 100 * quarantined > FAIL_FAST_PER_CENT * (quarantined + entries):
        needed = quarantined * (100 - FAIL_FAST_PER_CENT) // FAIL_FAST_PER_CENT
        raise ValueError(
            f"faults {sorted(chosen)} need at least {needed} entries a day to stay below fail-fast"
        )
    return chosen


def fault_sizes(names: frozenset[str], entries: int) -> dict[str, int]:
    """Records per fault for a day of `entries` ledger entries; 0 for a fault that was not asked for."""
    sizes = {
        DRIFT: 2,
        SUPPLY: 1,
        DUPLICATES: max(1, entries // 250),
        CONFLICTS: max(1, entries // 400),
        BAD_ROWS: max(1, entries // 400),
        BAD_RATE: entries // 50 + 2,
        STALE: 0,
        UNPARSABLE: 2,
        LATE: max(1, entries // 1000),
    }
    return {name: size if name in names else 0 for name, size in sizes.items()}


class FaultPlanter:
    """Plants the chosen faults into one day. Remembers what it planted; `fault_effects` says what must follow."""

    def __init__(self, names: frozenset[str], day: date, entries: int) -> None:
        self.names = names
        self.day = day
        self.sizes = fault_sizes(names, entries)
        self.keys: dict[str, list[str]] = {name: [] for name in names}
        self.reasons: dict[str, Counter[str]] = {BAD_ROWS: Counter(), BAD_RATE: Counter()}
        self.drift: Amount = amount(0)
        self._drifting: tuple[int, int] = (0, 1)
        self._entries = entries
        self._seen_lines = 0

    def before_day(self, records: DayRecords, wallets: Wallets) -> None:
        """`late`: charges of the evening before that arrive with the first batch of this day."""
        clock = DayClock(self.day - timedelta(days=1))
        created_at = clock.text(LATE_EVENT_SEC * 1_000_000)
        for number in range(1, self.sizes[LATE] + 1):
            wallet = number % wallets.count
            key = f"tx-late-{self.day:%Y%m%d}-{number:06d}"
            wallets.available[wallet] += LATE_CHARGE.cents
            wallets.updated_epoch_sec[wallet] = int(clock.start.timestamp()) + LATE_EVENT_SEC
            records.ledger_line(key, records.user(wallet), "CHARGE", LATE_CHARGE.text, f'"{created_at}"')
            self.keys[LATE].append(key)

    def open_gap(self, records: DayRecords, wallets: Wallets) -> None:
        """`supply`: a wallet receives what no other wallet paid, now. Its balance follows, so recon sees nothing."""
        if SUPPLY in self.names:
            key = f"tx-gap-{self.day:%Y%m%d}"
            wallets.available[0] += SUPPLY_GAP.cents
            records.ledger_line(key, records.user(0), "RECEIVE", SUPPLY_GAP.text, f'"{records.now}"')
            self.keys[SUPPLY].append(key)

    def watch(self, ledger: LandingWriter) -> None:
        """`duplicates` and `conflicting_duplicates`: replay entries while the ledger streams out."""
        if self.sizes[DUPLICATES] or self.sizes[CONFLICTS]:
            ledger.flush()
            ledger.before_flush = self._replay

    def unwatch(self, ledger: LandingWriter) -> None:
        """Stop replaying: what other faults append at the day's end is not a replay's original."""
        ledger.flush()
        ledger.before_flush = None

    def shift_balances(self, wallets: Wallets, candidates: Sequence[int], sign: int) -> None:
        """`drift`: the closing snapshot shows money moved from one wallet to another (`sign` -1 takes it back).

        The sum over all wallets stays, so that recon alone sees it. Raises ValueError when nobody has money.
        """
        if DRIFT not in self.names:
            return
        if sign > 0:
            loser = max(candidates, key=lambda wallet: wallets.available[wallet])
            winner = next(wallet for wallet in candidates if wallet != loser)
            self.drift = amount(min(MAX_DRIFT_CENTS, wallets.available[loser]))
            self._drifting = (winner, loser)
            self.keys[DRIFT] = [wallets.ids[winner], wallets.ids[loser]]
            if not self.drift.cents:
                raise ValueError("fault drift needs a wallet with money in it; generate more entries")
        winner, loser = self._drifting
        wallets.available[winner] += sign * self.drift.cents
        wallets.available[loser] -= sign * self.drift.cents

    def after_day(self, records: DayRecords, files: dict[str, LandingWriter]) -> None:
        """`bad_rows`, `bad_rate`, `unparsable`: records in the day's last batch."""
        for name in (BAD_ROWS, BAD_RATE):
            for number in range(self.sizes[name]):
                self._bad_entry(name, number, records)
        if BAD_ROWS in self.names:
            self._bad_others(records, files)
        for number in range(self.sizes[UNPARSABLE]):
            files["payment_orders"].lines.append(f'{{"order_id":"po-torn-{number}","amount":"10.\n')

    def _replay(self, lines: list[str]) -> None:
        replayed: list[str] = []
        for line in lines:
            replayed.append(line)
            self._seen_lines += 1
            if self._is_due(DUPLICATES):
                self.keys[DUPLICATES].append(json.loads(line)["tx_id"])
                replayed.append(line)
            if self._is_due(CONFLICTS):
                replayed.append(self._contradiction(line))
        lines[:] = replayed

    def _is_due(self, name: str) -> bool:
        """Spread the replays evenly over the day's entries."""
        count = self.sizes[name]
        return count > len(self.keys.get(name, ())) and self._seen_lines % (self._entries // count) == 0

    def _contradiction(self, line: str) -> str:
        """The same entry with one won more, extracted two seconds later: the earlier version must stay."""
        record = json.loads(line)
        self.keys[CONFLICTS].append(record["tx_id"])
        cents = int(record["amount"].replace(".", "")) + 100
        extracted_at = record["source_extracted_at"].replace(":00Z", ":02Z")
        record |= {"amount": money_text(cents), "source_extracted_at": extracted_at}
        return json.dumps(record, separators=(",", ":")) + "\n"

    def _bad_entry(self, name: str, number: int, records: DayRecords) -> None:
        kind, has_wallet, text, has_time, reason = LEDGER_DEFECTS[number % len(LEDGER_DEFECTS)]
        key = f"tx-{name}-{self.day:%Y%m%d}-{number:06d}"
        wallet = records.user(0) if has_wallet else NULL
        records.ledger_line(key, wallet, kind, text, f'"{records.now}"' if has_time else NULL)
        self.keys[name].append(key)
        self.reasons[name][reason] += 1

    def _bad_others(self, records: DayRecords, files: dict[str, LandingWriter]) -> None:
        """One row each that Silver must quarantine from the other sources."""
        order = records.new_payment_ref()
        records.payment_order(order, records.user(0), NULL, SUPPLY_GAP, "SHIPPED")
        files["order_items"].lines.append(
            '{"item_id":1,"order_id":1,"product_id":null,"quantity":1,"price_at_purchase":"10.00",'
            + records.tail("items")
        )
        files["products"].lines.append(
            '{"product_id":null,"product_name":"?","price_krw":"10.00",' + records.tail("products")
        )

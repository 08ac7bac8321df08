"""Shared by every table's chaos: a seeded die, instants around the bounds, places in the source order."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal

from tests.oracle.chaos_values import TRUE, Raw, Record, Value, instant
from tests.oracle.values import MICROSECOND, Window

Line = Record | str
USERS = ["사용자-1", 'quo"te', "back\\slash", "emoji😀", " padded ", "U01", "O'Neil"]


class Dice:
    """The records of all days (by table and landing day) and the means to make them nasty."""

    def __init__(self, seed: int, days: list[date], rows_per_table: int, bad_share: float) -> None:
        self.rng = random.Random(seed)
        self.days = days
        self.rows = rows_per_table
        self.bad_share = bad_share
        self.users = USERS + [f"u{number:02d}" for number in range(2, 30)]
        self.lines: dict[tuple[str, date], list[Line]] = defaultdict(list)
        self.flows: dict[str, list[tuple[datetime, Decimal]]] = defaultdict(list)
        self.payments: dict[date, list[tuple[str, datetime]]] = defaultdict(list)
        self._tick = 0
        # The ledger of a day: with duplicates, without, silent before midnight, or without any entry.
        # Guardrail's tags need them all.
        modes = ("dirty", "calm", "stale", "empty")
        self.modes = {day: self.rng.choices(modes, [4, 3, 2, 1])[0] for day in days}

    # ------------------------------------------------------------------------------------------------

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def next_day(self, day: date) -> date:
        """The landing day after; the day itself when that one must stay as it is, or is out of range."""
        later = day + timedelta(days=1)
        return later if self.modes.get(later) in ("dirty", "calm") else day

    def moment(self, day: date) -> datetime:
        """An instant of the KST day, its bounds and the microseconds around them included."""
        window = Window.of_day(day)
        choice = self.rng.randrange(40)
        if choice == 0:
            return window.start
        if choice == 1:
            return window.end - MICROSECOND
        if choice == 2:
            return window.start - MICROSECOND
        if choice == 3:
            return window.end
        if choice < 12:
            return window.start + timedelta(minutes=self.rng.randrange(24 * 60))
        return window.start + timedelta(microseconds=self.rng.randrange(86_400_000_000))

    def stamp(self, day: date) -> datetime:
        """An instant of the landing day that no other call gives: a place of its own in the source order."""
        self._tick += 1
        return Window.of_day(day).start + timedelta(hours=1, milliseconds=self._tick)

    def amount(self) -> Decimal:
        cents = self.rng.choice([self.rng.randrange(1, 100), self.rng.randrange(1, 10_000_000)])
        return Decimal(cents) / 100

    def provenance(self, day: date) -> Record:
        """Metadata that the record itself carries; often none. Unique, so that nothing ties."""
        kind = self.rng.randrange(6)
        extracted, ingested = instant(self.rng, self.stamp(day)), instant(self.rng, self.stamp(day))
        if kind == 0:
            return {"source_extracted_at": extracted}
        if kind == 1:
            return {"source_extracted_at": extracted, "ingested_at": ingested, "source_system": "core"}
        if kind == 2:
            return {"source_extracted_at": extracted, "batch_id": f"batch-{self._tick:06d}"}
        return {}

    def add(self, table: str, day: date, record: Record) -> None:
        """Append a record, sometimes with fields that the contract does not know."""
        extra: list[Record] = [
            {"channel": "app"},
            {"device": Raw('{"os": "ios", "v": [1, 2.50]}')},
            {"score": Raw("1e2")},
            {"flag": TRUE, "note": 'a "quoted" \\ note'},
        ]
        self.lines[table, day].append(record | self.rng.choice(extra) if self.chance(0.05) else record)

    def spoil(self, record: Record, faults: dict[str, list[Value]]) -> Record:
        """One field replaced by a bad value, or left out."""
        name = self.rng.choice(list(faults))
        if self.chance(0.1):
            return {key: value for key, value in record.items() if key != name}
        return record | {name: self.rng.choice(faults[name])}

    def budget(self) -> int:
        """How many bad rows a fail-fast table may have this day; the fraction is drawn."""
        exact = self.bad_share * self.rows
        return int(exact) + self.chance(exact - int(exact))

    def repeat(self, table: str, day: date, record: Record, change: Record) -> None:
        """The record again, with `change`, told apart in one of the ways that the source order knows.

        Both rows carry full metadata; the second one may come later or earlier, in the same landing day or
        the next.
        """
        first, second = self.stamp(day), self.stamp(day)
        if self.chance(0.3):
            first, second = second, first
        landing = self.next_day(day) if self.chance(0.4) else day
        one: Record = {
            "source_extracted_at": instant(self.rng, first),
            "ingested_at": instant(self.rng, first),
        }
        two: Record = one | {"ingested_at": instant(self.rng, second)}
        if self.chance(0.6):
            two["source_extracted_at"] = instant(self.rng, second)
        one["batch_id"], two["batch_id"] = "b-1", "b-2"
        if self.chance(0.25):
            two |= one | {"batch_id": "b-2"}  # only the batch tells them apart
        self.add(table, day, record | one)
        self.add(table, landing, record | two | change)

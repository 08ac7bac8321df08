"""Seeded generator of landing files for the six sources; clean output reconciles exactly, and it is a stream.

State is kept per wallet, never per entry: memory does not grow with the volume. The same arguments give the same
bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random

from mock_data.catalog import MERCHANT_NAMES, Catalog, build_catalog
from mock_data.day import LAST_EVENT_SEC, DaySimulation
from mock_data.fault_effects import expected_exceptions, planted_faults
from mock_data.faults import STALE, STALE_LAST_EVENT_SEC, FaultPlanter, check_faults
from mock_data.records import DayRecords
from mock_data.report import GenerationReport, LandingFile
from mock_data.stream import TABLES, LandingWriter, record_tail
from mock_data.wallets import Refundable, Wallets

CATALOG_SEC = 600  # 00:10 KST: the product feed of the day
MORNING_SNAPSHOT_SEC = 8 * 3600 + 30 * 60
EVENING_SNAPSHOT_SEC = 23 * 3600 + 50 * 60
PROGRESS_SLICES = 20

Progress = Callable[[str, int], None]


def generate(
    landing: Path,
    start: date,
    days: int,
    users: int,
    entries: int,
    seed: int,
    faults: Sequence[str] = (),
    on_progress: Progress | None = None,
) -> GenerationReport:
    """Write `<landing>/<table>/date=D/part-0000.jsonl` for `days` KST days from `start`.

    `entries` is per day and exact on clean days; `faults` (names of `FAULT_NAMES`) go into the last day.
    `on_progress` gets the KST day and the lines written so far, about twenty times a day. Files of the same name are
    replaced, each when it is complete. Raises ValueError for arguments that cannot give a reconciling landing.
    """
    names = check_arguments(days, users, entries, faults)
    world = _World(landing, seed, users, entries, on_progress)
    last = start + timedelta(days=days - 1)
    for offset in range(days - 1):
        world.write_day(start + timedelta(days=offset), FaultPlanter(frozenset(), start, entries))
    planter = FaultPlanter(names, last, entries)
    ingested_sec = world.write_day(last, planter)
    rows = {
        table: sum(f.rows for f in world.files if (f.table, f.date_kst) == (table, last)) for table in TABLES
    }
    return GenerationReport(
        seed=seed,
        days=tuple(start + timedelta(days=offset) for offset in range(days)),
        files=tuple(world.files),
        faults=planted_faults(planter, first_day_is_last=days == 1),
        exceptions=expected_exceptions(planter, rows, ingested_sec),
    )


def check_arguments(days: int, users: int, entries: int, faults: Sequence[str]) -> frozenset[str]:
    """The names of the faults. Raises ValueError for arguments that cannot give a reconciling landing."""
    if days < 1 or users < 2 or entries < 1:
        raise ValueError(f"need days >= 1, users >= 2, entries >= 1; got {days=}, {users=}, {entries=}")
    return check_faults(faults, entries)


class _World:
    """State that outlives a day: wallets, reference data, randomness, and the orders that may still be refunded."""

    def __init__(self, landing: Path, seed: int, users: int, entries: int, progress: Progress | None) -> None:
        self.files: list[LandingFile] = []
        self._landing = landing
        self._entries = entries
        self._progress = progress
        self._rng = Random(seed)
        self._catalog: Catalog = build_catalog(self._rng)
        self._wallets = Wallets(users, len(MERCHANT_NAMES))
        self._refundable: deque[Refundable] = deque()

    def write_day(self, day: date, planter: FaultPlanter) -> int:
        """Write one KST day; gives the newest `ingested_at` of its event feeds in seconds from KST midnight."""
        writers = {table: LandingWriter(self._landing, table, day) for table in TABLES}
        try:
            ingested_sec = self._simulate(day, planter, writers)
        except BaseException:
            for writer in writers.values():
                writer.abandon()
            raise
        published = [writer.close() for writer in writers.values()]
        self.files.extend(file for file in published if file is not None)
        self._report(day, {})
        return ingested_sec

    def _simulate(self, day: date, planter: FaultPlanter, writers: dict[str, LandingWriter]) -> int:
        wallets, ledger = self._wallets, writers["transaction_ledger"]
        records = DayRecords(day, wallets, writers)
        last_event_sec = STALE_LAST_EVENT_SEC if STALE in planter.names else LAST_EVENT_SEC
        simulation = DaySimulation(
            records, self._entries, self._rng, self._catalog, wallets, self._refundable, last_event_sec
        )
        records.advance(0)
        planter.before_day(records, wallets)
        self._write_products(records, writers["products"])
        planter.watch(ledger)
        # A morning snapshot for some wallets, an evening one for all: two opening instants, both off midnight.
        early = [wallet for wallet in range(wallets.count) if wallet % 8 < 2]
        self._run(simulation, day, writers, range(0, MORNING_SNAPSHOT_SEC))
        wallets.snapshot(writers["user_wallets"], records.clock, MORNING_SNAPSHOT_SEC, early)
        planter.open_gap(records, wallets)
        self._run(simulation, day, writers, range(MORNING_SNAPSHOT_SEC, EVENING_SNAPSHOT_SEC))
        planter.shift_balances(wallets, early, +1)
        wallets.snapshot(writers["user_wallets"], records.clock, EVENING_SNAPSHOT_SEC, range(wallets.count))
        planter.shift_balances(wallets, early, -1)
        simulation.finish()
        planter.unwatch(ledger)
        planter.after_day(records, writers)
        self._refundable = simulation.paid_today
        return records.ingested_sec

    def _run(
        self, simulation: DaySimulation, day: date, writers: dict[str, LandingWriter], seconds: range
    ) -> None:
        """Simulate a stretch of the day in slices, telling the progress after each."""
        step = max(1, len(seconds) // PROGRESS_SLICES)
        for until_sec in _slice_ends(seconds, step):
            simulation.run_until(until_sec)
            self._report(day, writers)

    def _report(self, day: date, writers: dict[str, LandingWriter]) -> None:
        if self._progress is not None:
            rows = sum(file.rows for file in self.files) + sum(writer.rows for writer in writers.values())
            self._progress(day.isoformat(), rows)

    def _write_products(self, records: DayRecords, writer: LandingWriter) -> None:
        batch = f"{records.day_text}-0010"
        tail = record_tail(records.clock, "products", CATALOG_SEC, CATALOG_SEC + 5, batch)
        writer.lines.extend(f"{{{members}{tail}" for members in self._catalog.products)


def _slice_ends(seconds: range, step: int) -> Iterable[int]:
    yield from range(seconds.start + step, seconds.stop, step)
    yield seconds.stop

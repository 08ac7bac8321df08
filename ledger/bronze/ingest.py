"""Landing days to Bronze: every file accounted for, loaded once, its rows first and its event second (spec section 4)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial, reduce

from pyspark.sql import functions as F

from ledger.bronze.files_read import read_with_columns
from ledger.bronze.json_files import LARGE
from ledger.bronze.landing import LandingFile, Listing, list_files, misplaced
from ledger.bronze.landing_file import TABLE as LANDING_FILE
from ledger.bronze.landing_file import LandingEvent, Version, append_events, read_events
from ledger.bronze.landing_history import History, Judged, events_of
from ledger.bronze.landing_report import Ingested, raise_failures, say
from ledger.bronze.landing_walk import LeftOut
from ledger.bronze.metadata import FILE_HASH, RAW, SOURCE_FILE, landing_folder
from ledger.bronze.still_written import STILL_WRITTEN
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.errors import CommitConflictError
from ledger.json_text import is_json_record
from ledger.pauses import say_pause
from ledger.side_by_side import side_by_side
from ledger.window import day_start

_TRIES = 10
_LONGEST_PAUSE_SEC = 1.0
_TORN = "an earlier load read it while it changed: deliver the same content under another name"


@dataclass(frozen=True)
class _Part:
    """One table's share of one landing day: what lies there, what was inserted, or why that failed."""

    table: Table
    day: date
    listing: Listing
    judged: tuple[Judged, ...] = ()
    fresh: frozenset[Version] = frozenset()
    error: Exception | None = None


def ingest(
    lakehouse: Lakehouse,
    tables: Sequence[Table],
    *,
    landing: str,
    days: Sequence[date],
    clock: Callable[[], datetime],
    run_id: str,
) -> list[Ingested]:
    """:func:`load`, and its failures as an error once everything else is loaded.

    Raises :class:`IngestError` naming the files that cannot be read, or the first error of a table.
    """
    done = load(lakehouse, tables, landing=landing, days=days, clock=clock, run_id=run_id)
    raise_failures(done)
    return done


def load(
    lakehouse: Lakehouse,
    tables: Sequence[Table],
    *,
    landing: str,
    days: Sequence[date],
    clock: Callable[[], datetime],
    run_id: str,
) -> list[Ingested]:
    """Load what the landing days have for the tables; the rows of every file first, then all events in one commit.

    The events are read before the folders are: an event that somebody adds meanwhile is seen by the commit, and all is
    decided anew. So a file that another load, or a withdrawal, has dealt with in between is never loaded over it, and a
    load that dies has left rows that no event makes live. Inserts are idempotent.

    What failed is part of the result: a table whose load failed, a file that cannot be read.
    """
    scope = Scope.of(days)
    for attempt in range(1, _TRIES + 1):
        history = History(
            [] if lakehouse.known_count(LANDING_FILE, scope) == 0 else read_events(lakehouse, scope)
        )
        now = clock()
        parts = side_by_side(
            [
                partial(_load, lakehouse, table, landing=landing, day=day, history=history, now=now)
                for day in days
                for table in tables
            ]
        )
        strangers, elsewhere = misplaced(landing, frozenset(days))
        events = _events(lakehouse, parts, strangers, history, scope, run_id=run_id, now=now)
        if append_events(lakehouse, events, newest=history.newest_at, scope=scope):
            break
        pause = random.uniform(0, _LONGEST_PAUSE_SEC * attempt / _TRIES)
        say_pause("the landing changed under this load", pause, next_try=attempt + 1, tries=_TRIES)
        time.sleep(pause)
    else:
        raise CommitConflictError(
            f"{_TRIES} loads in a row lost to other loads",
            table=LANDING_FILE.full_name,
            action="run it again later",
        )
    done = [_ingested(part, history, events) for part in parts]
    say(done, landing=landing, strangers=strangers, elsewhere=elsewhere)
    return done


def _load(
    lakehouse: Lakehouse, table: Table, *, landing: str, day: date, history: History, now: datetime
) -> _Part:
    """List one table's day and insert the rows of versions that no load has finished; an error is a value."""
    listing = Listing()
    try:
        listing = list_files(lakehouse.spark, landing, table, day, now=now)
        left_out = tuple(_left_out(entry, day) for entry in listing.left_out)
        known = {*history.loaded, *history.withdrawn}
        refused = {f.name: _failed(f, _TORN) for f in listing.files if f.version in history.torn}
        fresh = [f for f in listing.files if f.version not in known and f.name not in refused]
        refused |= _insert(lakehouse, table, fresh, day, now) if fresh else {}
        files = [refused.get(file.name) or _loaded(file) for file in listing.files]
        inserted = frozenset(f.version for f in fresh if f.name not in refused)
        return _Part(table, day, listing, (*[history.of(f) for f in files], *left_out), inserted)
    except Exception as error:
        return _Part(table, day, listing, error=error)


def _loaded(file: LandingFile) -> Judged:
    return Judged(file.name, file.day, "loaded", file.sha256, file.size)


def _left_out(entry: LeftOut, day: date) -> Judged:
    return Judged(
        entry.name, day, entry.status, entry.sha256, entry.bytes, reason=entry.reason, stops=entry.stops
    )


def _insert(
    lakehouse: Lakehouse, table: Table, files: Sequence[LandingFile], day: date, now: datetime
) -> dict[str, Judged]:
    """The files' rows in one commit; what becomes of the files that could not be read, or changed while they were."""
    stamp = min(now, day_start(day + timedelta(days=1)) - timedelta(microseconds=1))
    with_bytes = [file for file in files if file.size]
    if not with_bytes:
        return {}
    read = read_with_columns(lakehouse, table, with_bytes, stamp)
    refused = {}
    for file in with_bytes:
        # The rows are of the content that was hashed only if nobody wrote to the file in between.
        if not file.is_unchanged:
            refused[file.name] = Judged(file.name, day, "skipped", bytes=file.size, reason=STILL_WRITTEN)
        elif file.name in read.failed:
            refused[file.name] = _failed(file, read.failed[file.name])
    left = [file for file in with_bytes if file.name not in refused]
    if left and read.rows is not None:
        changed = [name for name in refused if name not in read.failed]
        rows = read.rows.where(~F.col(SOURCE_FILE).isin(changed)) if changed else read.rows
        lakehouse.insert_files(table, rows, files=[file.name for file in left], key=table.key[0])
        lakehouse.refuse_lost()  # rows without an event are not live
    # The engine reads large files itself, during the insert: its rows may be of other bytes than the hash.
    torn = [file for file in left if file.size >= LARGE and not file.is_unchanged]
    return refused | {
        file.name: Judged(file.name, day, "skipped", file.sha256, file.size, reason=STILL_WRITTEN)
        for file in torn
    }


def _failed(file: LandingFile, reason: str) -> Judged:
    return Judged(file.name, file.day, "failed", file.sha256, file.size, reason=reason, stops=True)


def _events(
    lakehouse: Lakehouse,
    parts: Sequence[_Part],
    strangers: Mapping[date, Sequence[LeftOut]],
    history: History,
    scope: Scope,
    *,
    run_id: str,
    now: datetime,
) -> list[LandingEvent]:
    counts = _rows_per_file(lakehouse, parts, scope)
    found = []
    for judged in (judged for part in parts for judged in part.judged):
        if judged.version in counts:
            rows, unparsable = counts[judged.version]
            judged = replace(judged, rows=rows, unparsable_rows=unparsable)
        found.append(judged)
    found += [_left_out(entry, day) for day, entries in sorted(strangers.items()) for entry in entries]
    return events_of(history, found, run_id=run_id, now=now)


def _rows_per_file(
    lakehouse: Lakehouse, parts: Sequence[_Part], scope: Scope
) -> dict[Version, tuple[int, int]]:
    """Rows, and rows whose text is no record, of the versions that were just inserted. One query for all tables."""
    found = dict.fromkeys([version for part in parts for version in part.fresh], (0, 0))
    frames = []
    for table in dict.fromkeys(part.table for part in parts if part.fresh):
        names = sorted(name for part in parts if part.table is table for name, _ in part.fresh)
        stored = lakehouse.read(table, scope).where(F.col(SOURCE_FILE).between(names[0], names[-1]))
        is_unparsable = F.col(RAW).isNotNull() & ~is_json_record(F.col(RAW))
        frames.append(
            stored.groupBy(SOURCE_FILE, FILE_HASH).agg(
                F.count(F.lit(1)).alias("rows"), F.sum(is_unparsable.cast("bigint")).alias("unparsable")
            )
        )
    if frames:
        for row in reduce(lambda a, b: a.unionAll(b), frames).collect():
            version = row[SOURCE_FILE], row[FILE_HASH]
            if version in found:
                found[version] = row["rows"], row["unparsable"]
    return found


def _ingested(part: _Part, history: History, events: Sequence[LandingEvent]) -> Ingested:
    """Outcome of the load for one table's day, and what of it is live now."""
    folder = f"{landing_folder(part.table)}/"
    loaded = [
        e
        for e in events
        if e.status == "loaded" and e.path.startswith(folder) and e.landing_date_kst == part.day
    ]
    live = [
        e
        for e in history.with_events(events).live.values()
        if e.path.startswith(folder) and e.landing_date_kst == part.day
    ]
    there = {judged.path for judged in part.judged}
    return Ingested(
        table=part.table.full_name,
        day=part.day,
        files_loaded=len(loaded),
        rows=sum(event.rows or 0 for event in loaded),
        live_files=len(live),
        live_rows=sum(event.rows or 0 for event in live),
        left_out=tuple(judged for judged in part.judged if judged.status != "loaded"),
        vanished=() if part.error else tuple(sorted(e.path for e in live if e.path not in there)),
        error=part.error,
    )

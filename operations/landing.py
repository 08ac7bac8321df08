"""Fate of the landing files: version by version, as the events of Bronze say (spec section 4)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date

from ledger.bronze.landing_file import LandingEvent, live_versions, read_events
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from operations.rows import Values


def read_files(lakehouse: Lakehouse, day: date | None, status: str | None) -> list[Values]:
    """Every file version of a landing day (or of all) with the newest that is said of it, by day and path.

    ``live`` says whether its rows count. One query.
    """
    events = read_events(lakehouse, Scope.of([day]) if day else None)
    live = live_versions(events)
    newest: dict[tuple[str, str], LandingEvent] = {}
    for event in events:
        newest[event.version] = event
    ordered = sorted(newest.values(), key=lambda e: (e.landing_date_kst, e.path, e.at))
    return [
        {**_placed(event), "live": event.version in live}
        for event in ordered
        if status in (None, event.status)
    ]


def _placed(event: LandingEvent) -> Values:
    values = asdict(event)
    order = ("landing_date_kst", "path", "status", "rows", "unparsable_rows", "bytes", "reason")
    return {name: values[name] for name in (*order, "run_id", "at", "sha256")}

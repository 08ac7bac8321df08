"""From what a load found out about the landing's files to the events that it adds (spec section 4). No I/O.

Per path the newest ``loaded`` or ``withdrawn`` decides which version is live; see :mod:`ledger.bronze.landing_file`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from ledger.bronze.landing_file import LandingEvent, Version, newest_versions
from ledger.instants import after

_WITHDRAWN_BEFORE = "this content was withdrawn before"


@dataclass(frozen=True)
class Judged:
    """One load's word on one file."""

    path: str
    day: date
    status: Literal["loaded", "skipped", "failed"]
    sha256: str = ""
    bytes: int | None = None
    rows: int | None = None
    unparsable_rows: int | None = None
    reason: str | None = None
    stops: bool = False

    @property
    def version(self) -> Version:
        return self.path, self.sha256


class History:
    """The events of the landing days in hand, in their order."""

    def __init__(self, events: Sequence[LandingEvent]) -> None:
        self.events = list(events)
        self.newest_at: datetime | None = events[-1].at if events else None
        self.last: dict[str, LandingEvent] = {e.path: e for e in events}
        self.deciding = newest_versions(events)
        self.loaded: dict[Version, LandingEvent] = {e.version: e for e in events if e.status == "loaded"}
        self.withdrawn: dict[Version, LandingEvent] = {
            e.version: e for e in events if e.status == "withdrawn"
        }

        self.torn = {e.version for e in events if e.status == "skipped" and e.sha256}
        """Versions with rows in Bronze that may be of other bytes."""

    @property
    def live(self) -> dict[str, LandingEvent]:
        """Per path the version that counts."""
        return {path: event for path, event in self.deciding.items() if event.status == "loaded"}

    def with_events(self, events: Iterable[LandingEvent]) -> History:
        """The history with a load's own events behind it."""
        return History([*self.events, *events])

    def of(self, judged: Judged) -> Judged:
        """A file with the numbers of its earlier load, where it had one."""
        known = self.loaded.get(judged.version)
        if known is None or judged.status != "loaded":
            return judged
        return replace(judged, rows=known.rows, unparsable_rows=known.unparsable_rows)


def events_of(history: History, found: Iterable[Judged], *, run_id: str, now: datetime) -> list[LandingEvent]:
    """The events that say what the history does not say already; in one commit they become true together.

    A new version comes with the end of the one before it, in this order. A withdrawn version is never loaded again.
    """
    events: list[LandingEvent] = []

    def add(event: LandingEvent) -> None:
        at = after(now, events[-1].at if events else history.newest_at)
        events.append(replace(event, at=at, run_id=run_id))

    for judged in found:
        event = _event(history, judged, run_id, now)
        if _says_already(history.last.get(judged.path), event):
            continue
        live = history.live.get(judged.path)
        if event.status in ("loaded", "withdrawn") and live and live.sha256 != event.sha256:
            add(replace(live, status="superseded", reason=f"replaced by {event.sha256[:16]}"))
        add(event)
    return events


def _event(history: History, judged: Judged, run_id: str, now: datetime) -> LandingEvent:
    status: Literal["loaded", "skipped", "failed", "withdrawn"] = judged.status
    reason = judged.reason
    if judged.status == "loaded" and judged.version in history.withdrawn:
        status, reason = "withdrawn", history.withdrawn[judged.version].reason or _WITHDRAWN_BEFORE
    return LandingEvent(
        path=judged.path,
        sha256=judged.sha256,
        landing_date_kst=judged.day,
        status=status,
        run_id=run_id,
        at=now,
        bytes=judged.bytes,
        rows=judged.rows,
        unparsable_rows=judged.unparsable_rows,
        reason=reason,
    )


def _says_already(last: LandingEvent | None, event: LandingEvent) -> bool:
    if last is None or (last.status, last.sha256) != (event.status, event.sha256):
        return False
    return event.status in ("loaded", "withdrawn") or last.reason == event.reason


def withdrawal(
    live: LandingEvent, *, by: str, reason: str, run_id: str, history: History, now: datetime
) -> LandingEvent:
    """The event that takes a live version back."""
    return replace(
        live,
        status="withdrawn",
        reason=f"{reason} (withdrawn by {by})",
        run_id=run_id,
        at=after(now, history.newest_at),
    )

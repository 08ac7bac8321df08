"""Fate of every landing file: the log that decides which Bronze rows are live (spec sections 2 and 4).

Bronze rows are inserted first; one commit to this table then makes them live and their predecessors dead. A load that
died in between, or that lost a race, has left rows without an event: they are not live.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table, opt, req
from ledger.delta.answers import question
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.instants import from_micros
from ledger.window import sql_timestamp

Status = Literal["loaded", "skipped", "failed", "superseded", "withdrawn"]
Version = tuple[str, str]
"""A file's path, relative to the landing root, and the SHA-256 of its content."""

TABLE = Table(
    schema="bronze",
    name="landing_file",
    description="What became of every landing file, version by version. It decides which Bronze rows are live.",
    grain="one event of one version of a landing file",
    columns=(
        req("path", "string", "landing file, relative to the landing root"),
        req("sha256", "string", "SHA-256 of its content, hex; empty where the content was not read"),
        req("landing_date_kst", "date", "KST day of the landing folder"),
        opt("bytes", "bigint", "size of the file, bytes"),
        opt("rows", "bigint", "Bronze rows of the file"),
        opt("unparsable_rows", "bigint", "of these, rows whose text is no record"),
        req("status", "string", "loaded, skipped, failed, superseded or withdrawn"),
        opt("reason", "string", "why it is so; null for an ordinary load"),
        req("run_id", "string", "run that loaded or judged the file"),
        req("at", "timestamp", "UTC instant of the event; later than every earlier one of the landing day"),
    ),
    write="append",
    partition_by="landing_date_kst",
)
CHANGES_LIVE_ROWS: tuple[Status, ...] = ("loaded", "superseded", "withdrawn")
_DECISIVE: tuple[Status, ...] = ("loaded", "withdrawn")


@dataclass(frozen=True)
class LandingEvent:
    """One row of the table."""

    path: str
    sha256: str
    landing_date_kst: date
    status: Status
    run_id: str
    at: datetime
    bytes: int | None = None
    rows: int | None = None
    unparsable_rows: int | None = None
    reason: str | None = None

    @property
    def version(self) -> Version:
        return self.path, self.sha256


def read_events(lakehouse: Lakehouse, scope: Scope | None = None) -> list[LandingEvent]:
    """The events of the landing days in ``scope``, in their order. At most one query."""
    rows = lakehouse.answer(TABLE, _event_rows, scope)
    events = [LandingEvent(**(row.asDict() | {"at": from_micros(row["at"])})) for row in rows]
    return sorted(events, key=lambda event: event.at)


@question()
def _event_rows(table: DataFrame) -> DataFrame:
    return table.withColumn("at", F.unix_micros("at"))


def append_events(
    lakehouse: Lakehouse, events: Sequence[LandingEvent], *, newest: datetime | None, scope: Scope
) -> bool:
    """All events in one commit, unless ``scope`` has one by now that is newer than ``newest``; false then. No events
    make no commit."""
    if not events:
        return True
    return lakehouse.append_after(
        TABLE,
        lakehouse.rows(TABLE, [vars(event) for event in events]),
        order="at",
        newest=sql_timestamp(newest) if newest else None,
        expected=len(events),
        scope=scope,
    )


def newest_versions(events: Iterable[LandingEvent]) -> dict[str, LandingEvent]:
    """Per path the newest event that says which version counts: ``loaded`` or ``withdrawn``."""
    newest: dict[str, LandingEvent] = {}
    for event in sorted(events, key=lambda event: event.at):
        if event.status in _DECISIVE:
            newest[event.path] = event
    return newest


def live_versions(events: Iterable[LandingEvent]) -> frozenset[Version]:
    """The versions whose Bronze rows count: at most one per path."""
    return frozenset(e.version for e in newest_versions(events).values() if e.status == "loaded")


def dead_versions(events: Iterable[LandingEvent]) -> frozenset[Version]:
    """The versions that were loaded once and do not count any more."""
    events = list(events)
    loaded = {event.version for event in events if event.status == "loaded"}
    return frozenset(loaded - live_versions(events))


def newest_changes(lakehouse: Lakehouse, scope: Scope | None = None) -> dict[date, datetime]:
    """Per landing day the newest event that changed which rows are live. At most one query."""
    found = {
        row["landing_date_kst"]: from_micros(row["at"])
        for row in lakehouse.answer(TABLE, newest_change_rows, scope)
    }
    return {day: at for day, at in found.items() if at is not None}


@question(landing_date_kst=date, at=int)
def newest_change_rows(table: DataFrame) -> DataFrame:
    changes = table.where(F.col("status").isin(*CHANGES_LIVE_ROWS))
    return changes.groupBy("landing_date_kst").agg(F.max(F.unix_micros("at")).alias("at"))

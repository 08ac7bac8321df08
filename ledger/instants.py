"""UTC instants as whole microseconds: exact, and out of reach of any client time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

TICK = timedelta(microseconds=1)


def from_micros(micros: int | None) -> datetime | None:
    """Microseconds since the epoch as a UTC instant."""
    if micros is None:
        return None
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


def to_micros(instant: datetime) -> int:
    """A UTC instant as microseconds since the epoch."""
    return int(instant.timestamp()) * 1_000_000 + instant.microsecond


def after(now: datetime, newest: datetime | None) -> datetime:
    """``now``, or the next instant after ``newest`` where the clock is behind: an order that no clock can turn round."""
    return now if newest is None or newest < now else newest + TICK

"""Time: UTC instants, half-open windows, KST business days (spec section 1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pyspark.sql import Column
from pyspark.sql import functions as F

from ledger.days import KST as KST
from ledger.days import day_start as day_start
from ledger.days import kst_day as kst_day
from ledger.errors import ParameterError

_INSTANT = timedelta(microseconds=1)


def kst_date(ts: Column) -> Column:
    """The KST business day of a timestamp column."""
    return F.to_date(F.from_utc_timestamp(ts, "Asia/Seoul"))


def sql_timestamp(instant: datetime) -> str:
    """A UTC instant as a SQL literal that does not depend on the session's time zone."""
    return f"timestamp'{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z'"


def sql_date(day: date) -> str:
    """A date as a SQL literal."""
    return f"date'{day.isoformat()}'"


def lit_ts(instant: datetime) -> Column:
    """A UTC instant as a literal column."""
    return F.expr(sql_timestamp(instant))


def lit_date(day: date) -> Column:
    """A date as a literal column."""
    return F.expr(sql_date(day))


@dataclass(frozen=True, order=True)
class Window:
    """A half-open UTC interval ``[start, end)``."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ParameterError(f"a window needs time zones, got {self.start} to {self.end}")
        if not self.start < self.end:
            raise ParameterError(
                f"start_ts {self.start.isoformat()} is not before end_ts {self.end.isoformat()}",
                action="give a window whose start_ts is before its end_ts",
            )

    @classmethod
    def of_day(cls, day: date) -> Window:
        """The window of one KST day."""
        return cls(day_start(day), day_start(day + timedelta(days=1)))

    @property
    def date_kst(self) -> date:
        """The KST day of the window's last instant: a window that ends at midnight belongs to the day it covers."""
        return kst_day(self.end - _INSTANT)

    @property
    def is_kst_day(self) -> bool:
        return self == Window.of_day(self.date_kst)

    def split_by_day(self) -> Iterator[Window]:
        """The window cut at every KST midnight inside it, ascending."""
        start = self.start
        while start < self.end:
            end = min(self.end, day_start(kst_day(start) + timedelta(days=1)))
            yield Window(start, end)
            start = end

    def contains(self, ts: Column) -> Column:
        """True where the timestamp lies in ``[start, end)``; null where it is null."""
        return (ts >= lit_ts(self.start)) & (ts < lit_ts(self.end))

    def __str__(self) -> str:
        return f"[{self.start:%Y-%m-%dT%H:%M:%SZ}, {self.end:%Y-%m-%dT%H:%M:%SZ})"

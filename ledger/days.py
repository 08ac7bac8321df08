"""KST business days without Spark: which one it is, which can be asked for, and ranges of them (spec section 1)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from ledger.errors import ParameterError

KST = ZoneInfo("Asia/Seoul")
# Each of these has a UTC window, and so have the days that its look-back reaches.
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)
_MOST_DAYS = 3700  # ten years: a longer range is a slip of the pen


def kst_day(instant: datetime) -> date:
    """The KST business day that contains a UTC instant."""
    return instant.astimezone(KST).date()


def day_start(day: date) -> datetime:
    """The UTC instant at which a KST day begins (the day before, 15:00)."""
    return datetime(day.year, day.month, day.day, tzinfo=KST).astimezone(UTC)


def is_askable(day: date) -> bool:
    """Whether a parameter or a setting may name this day: it, and the days that its look-back reaches, have a window."""
    return FIRST_DAY <= day <= LAST_DAY


def days_between(first: date, last: date) -> list[date]:
    """The KST days of a range, ascending. Raises :class:`ParameterError` for none, or for more than ten years."""
    if last < first:
        raise ParameterError(
            f"parameter to: {last} is before from {first}", action="give the earlier day first"
        )
    days = (last - first).days + 1
    if days > _MOST_DAYS:
        raise ParameterError(f"parameter to: {days} days are more than {_MOST_DAYS}")
    return [first + timedelta(days=n) for n in range(days)]

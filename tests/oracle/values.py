"""Reading values from their source text, windows and rates (sections 1, 4 and 5).

A `Cell` is one field as the source spelled it. Every parser takes a Cell and gives the typed value, `None`
when the cell is missing (absent, null or blank after trimming), or raises `Unparsable`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

KST = ZoneInfo("Asia/Seoul")
SENTINEL = datetime(9999, 12, 30, 15, tzinfo=UTC)  # KST day 9999-12-31: "for ever", no time
ASCII_WHITESPACE = " \t\n\r\v\f"
MICROSECOND = timedelta(microseconds=1)

MONEY = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?")
INTEGER = re.compile(r"[+-]?[0-9]+")
TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?"
    r"(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)


class Unparsable(ValueError):
    """The cell holds something, but not a value of the wanted type."""


@dataclass(frozen=True)
class Cell:
    """One source field: its text (None for null), and whether a binary float stood there (Parquet only)."""

    text: str | None
    is_float: bool = False

    @property
    def trimmed(self) -> str | None:
        """The text without ASCII whitespace around it; blank counts as missing (section 5)."""
        return trim(self.text)


def trim(text: str | None) -> str | None:
    """Trim ASCII whitespace; a blank text is None."""
    return (text or "").strip(ASCII_WHITESPACE) or None


def parse_money(cell: Cell) -> Decimal | None:
    """Plain decimal notation that fits decimal(18,2) exactly; never rounded (section 5)."""
    text = cell.trimmed
    if text is None:
        return None
    match = MONEY.fullmatch(text)
    if match is None or cell.is_float:
        raise Unparsable(text)
    sign, whole, fraction = match.group(1), match.group(2).lstrip("0"), (match.group(3) or "").rstrip("0")
    if len(whole) > 16 or len(fraction) > 2:
        raise Unparsable(text)
    value = Decimal(f"{whole or '0'}.{fraction.ljust(2, '0')}")
    return -value if sign == "-" and value else value


def parse_integer(cell: Cell, bits: int) -> int | None:
    """`[+-]?\\d+` within the signed range of `bits` (64: bigint, 32: int)."""
    text = cell.trimmed
    if text is None:
        return None
    # Length first: no number of a hundred digits fits, and Python refuses to convert very long ones.
    if INTEGER.fullmatch(text) is None or len(text.lstrip("+-").lstrip("0")) > 20:
        raise Unparsable(text)
    value = int(text)
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise Unparsable(text)
    return value


def parse_boolean(cell: Cell) -> bool | None:
    """`true` / `false`, in any letter case."""
    text = cell.trimmed
    if text is None:
        return None
    if text.lower() not in ("true", "false"):
        raise Unparsable(text)
    return text.lower() == "true"


def parse_timestamp(cell: Cell) -> datetime | None:
    """ISO-8601 date and time; without an offset UTC; digits beyond microseconds are cut (section 5)."""
    text = cell.trimmed
    if text is None:
        return None
    match = TIMESTAMP.fullmatch(text)
    if match is None:
        raise Unparsable(text)
    day, minutes, seconds, digits, offset = match.groups()
    micros = (digits or "0")[:6].ljust(6, "0")
    zone = "+00:00" if offset in (None, "Z") else offset
    try:
        instant = datetime.fromisoformat(f"{day}T{minutes}:{seconds or '00'}.{micros}{zone}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unparsable(text) from error
    if instant >= SENTINEL:
        raise Unparsable(text)
    return instant


def parse(kind: str, cell: Cell) -> Any:
    """Parse by the contract's type name; strings stay as they came (Bronze does not trim)."""
    match kind.removesuffix("!"):
        case "string":
            return cell.text
        case "money":
            return parse_money(cell)
        case "bigint":
            return parse_integer(cell, 64)
        case "int":
            return parse_integer(cell, 32)
        case "boolean":
            return parse_boolean(cell)
        case "timestamp":
            return parse_timestamp(cell)
    raise AssertionError(kind)


def kst_date(instant: datetime) -> date:
    """The KST business day of an instant."""
    return instant.astimezone(KST).date()


def round_half_up(value: Fraction, scale: int) -> Decimal:
    """Exact rounding, half away from zero, to `scale` decimals (section 1: rates are rounded half up)."""
    scaled = abs(value) * 10**scale
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    digits = str(whole).rjust(scale + 1, "0")
    sign = "-" if value < 0 and whole else ""
    return Decimal(f"{sign}{digits[:-scale]}.{digits[-scale:]}")


def ratio(part: int | Decimal, whole: int | Decimal) -> Fraction:
    """`part / whole` exactly, 0 when there is nothing to divide by (sections 6 and 7)."""
    return Fraction(part) / Fraction(whole) if whole else Fraction(0)


def from_double(value: float | int) -> Fraction:
    """A rule's double as the decimal that its text says (section 1)."""
    return Fraction(Decimal(str(value)))


@dataclass(frozen=True)
class Window:
    """`[start, end)` in UTC. Only whole KST days are modelled."""

    start: datetime
    end: datetime

    @classmethod
    def of_day(cls, day: date) -> Window:
        """KST day D: `[D-1 15:00, D 15:00)` UTC."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=KST).astimezone(UTC)
        return cls(midnight, midnight + timedelta(days=1))

    @property
    def date_kst(self) -> date:
        """The KST day of the window's last instant (section 6)."""
        return kst_date(self.end - MICROSECOND)

    def __contains__(self, instant: datetime | None) -> bool:
        return instant is not None and self.start <= instant < self.end

    def covers(self, start: datetime, end: datetime) -> bool:
        """Whether `[start, end)` lies inside this window."""
        return self.start <= start and end <= self.end

"""Which KST days can be asked for: every one has a window, and so have the days that its look-back reaches."""

from __future__ import annotations

from datetime import date

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)


def is_askable(day: date) -> bool:
    """Whether a parameter or a setting may name this day; one beyond is a slip of the pen, and has no UTC window."""
    return FIRST_DAY <= day <= LAST_DAY

"""Text as the sources write it: trimming, blanks, numbers and ISO-8601 read without loss (spec sections 4 and 5)."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

_ASCII_WHITESPACE = " \t\n\r\f\v"
_ISO_8601 = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?\z"
)
# The last KST day with a four-digit year is a sentinel of many sources ("9999-12-31"), not a time.
_FIRST_INSTANT, _END_OF_TIME = "timestamp'0001-01-01T00:00:00Z'", "timestamp'9999-12-30T15:00:00Z'"
_LONGEST_WITHOUT_CUT = len("2026-02-01T00:00:00.000000")
_BIGINT = r"^[+-]?[0-9]+\z"


def clean(text: Column) -> Column:
    """Text trimmed of ASCII whitespace; blank is missing and becomes null."""
    trimmed = F.trim(text, F.lit(_ASCII_WHITESPACE))
    return F.when(trimmed != "", trimmed)


def parse_timestamp(text: Column) -> Column:
    """Trimmed ISO-8601 text to a UTC timestamp; null where it is none.

    Without an offset it is UTC; digits beyond microseconds are cut, not rounded.
    """
    # Rewriting a text costs more than looking at it: most have seconds and no more digits than fit.
    cut = F.regexp_replace(text, r"([.][0-9]{6})[0-9]+", "$1")
    micros = F.when(F.length(text) > _LONGEST_WITHOUT_CUT, cut).otherwise(text)
    completed = F.regexp_replace(micros, r"([T ][0-9]{2}:[0-9]{2})(Z|[+-].*)$", "$1:00$2")
    seconds = F.when(F.substring(text, 17, 1) == ":", micros).otherwise(completed)
    instant = F.when(text.rlike(_ISO_8601), seconds.try_cast("timestamp"))
    has_kst_day = (instant >= F.expr(_FIRST_INSTANT)) & (instant < F.expr(_END_OF_TIME))
    return F.when(has_kst_day, instant)


def parse_integer(text: Column, type_: str) -> Column:
    """Trimmed ``[+-]?\\d+`` to ``int`` or ``bigint``; null where it is none or does not fit."""
    digits = F.regexp_replace(text, r"^([+-]?)0+([0-9])", "$1$2")
    return F.when(text.rlike(_BIGINT), digits.try_cast(type_))


def parse_boolean(text: Column) -> Column:
    """Trimmed ``true`` or ``false`` to boolean; null for anything else."""
    return F.when(text == "true", F.lit(True)).when(text == "false", F.lit(False))

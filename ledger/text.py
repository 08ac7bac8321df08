"""Text as the sources write it: trimming, blanks, JSON and ISO-8601 read without loss (spec sections 4 and 5)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

_ASCII_WHITESPACE = " \t\n\r\f\v"
_ISO_8601 = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$"
)
# Instants whose KST day has a four-digit year; "9999-12-31T23:59:59Z" is a sentinel of some sources, not a time.
_FIRST_INSTANT, _END_OF_TIME = "timestamp'0001-01-01T00:00:00Z'", "timestamp'9999-12-31T15:00:00Z'"
_LONGEST_WITHOUT_CUT = len("2026-02-01T00:00:00.000000")
_BIGINT = r"^[+-]?[0-9]+$"


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


def json_field(document: Column, name: str) -> Column:
    """The field's source text (a number keeps its notation); null when absent or JSON null."""
    return F.get_json_object(document, f"$.{name}")


def is_json_record(document: Column, *, may_repeat_names: bool = True) -> Column:
    """True where the text is one JSON object whose names are unique.

    A repeated name is refused as a JSON variant refuses it: no reader could say which value was meant. A caller
    that has seen that no name repeats saves the check.
    """
    # The engines' readers stop at the end of the first value; as an element of an array it must fill its place.
    # A closing bracket could still end that array early, so such a text must also leave room for a second one.
    alone = F.json_array_length(F.concat(F.lit("["), document, F.lit("]"))) == 1
    followed = F.json_array_length(F.concat(F.lit("["), document, F.lit(",0]"))) == 2
    is_whole = document.rlike(r"^[ \t\r\n]*[{]") & alone & (~document.contains("]") | followed)
    if may_repeat_names:
        names = F.json_object_keys(document)
        is_whole = is_whole & (F.size(names) == F.size(F.array_distinct(names)))
    return F.coalesce(is_whole, F.lit(False))


def stable_json(values: Mapping[str, object]) -> str:
    """JSON with sorted keys, no spaces and every value as text: a message that can be a merge key."""
    texts = {name: str(value) for name, value in values.items()}
    return json.dumps(texts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def stable_json_column(values: Mapping[str, Column]) -> Column:
    """:func:`stable_json` for columns (decimals print in their column's scale)."""
    fields = [values[name].cast("string").alias(name) for name in sorted(values)]
    return F.to_json(F.struct(*fields))

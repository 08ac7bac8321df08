"""JSON as the sources write it, read strictly and without loss on every engine; and JSON as a stable message.

Spark's own JSON functions accept more than JSON (single quotes, control characters, half a surrogate pair) and print
numbers and nested values anew: ``9999999999999999.99`` comes back as ``1.0E16``. The embedded engine does neither.
So strictness is asked for here, and where the engine prints anew, the source text is found by position.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

_SPACE = r"[ \t\r\n]*+"
# Possessive, so that Java matches it in a loop: a long text must not exhaust its stack.
_STRING = r'"[^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)*+"'
_SUSPECT = r"['\x00-\x1f]|\\u[dD][89a-fA-F]"
_NOT_JSON = r"[\"'\x00-\x08\x0b\x0c\x0e-\x1f]"
_SURROGATE = r"\\u[dD][89a-fA-F]"
_SURROGATE_PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F]"
_DEEPEST = 32  # a record of more levels keeps its text and is no record


def _nested(levels: int) -> str:
    inner = f"|{_nested(levels - 1)}" if levels > 1 else ""
    return rf"[\[{{](?:[^\"\[\]{{}}]++|{_STRING}{inner})*+[\]}}]"


_NESTED = _nested(_DEEPEST)
_VALUE = rf"(?:{_STRING}|{_NESTED}|[^\"\[\]{{}},]++)"
_MEMBER = f"{_STRING}{_SPACE}:{_SPACE}{_VALUE}{_SPACE}"
_DOCUMENT = rf"^{_SPACE}\{{(?:{_SPACE}{_MEMBER},)*+(?:{_SPACE}{_MEMBER})?{_SPACE}\}}{_SPACE}$"
_PERHAPS_DEEP = rf"(?:[\[{{][^\[{{]*+){{{_DEEPEST},}}"


def json_field(document: Column, name: str, *, engine_keeps_text: bool) -> Column:
    """The field's source text (a number keeps its notation); null when absent or JSON null.

    ``name`` has ASCII letters, digits and underscores alone; ``document`` is a record. For an engine that does not keep
    the text (``Lakehouse.keeps_json_text``) a value that is no JSON string is cut out of the document.
    """
    value = F.get_json_object(document, f"$.{name}")
    if engine_keeps_text:
        return value
    source = F.regexp_extract(document, _member_named(name), 1)
    return F.when(source != "", source).otherwise(value)


def json_names(document: Column, *, engine_keeps_text: bool) -> Column:
    """The names of a JSON object's fields; null for what is no strict JSON, or no object."""
    names = F.json_object_keys(document)
    return names if engine_keeps_text else F.when(_is_strict(document), names)


def is_json_record(
    document: Column, *, may_repeat_names: bool = True, engine_keeps_text: bool = False
) -> Column:
    """True where the text is one JSON object whose names are unique.

    A repeated name is refused as a JSON variant refuses it: no reader could say which value was meant. A caller
    that has seen that no name repeats, or knows that the engine keeps the text and so is strict itself, saves a check.
    """
    # The engines' readers stop at the end of the first value; as an element of an array it must fill its place.
    # A closing bracket could still end that array early, so such a text must also leave room for a second one.
    alone = F.json_array_length(F.concat(F.lit("["), document, F.lit("]"))) == 1
    followed = F.json_array_length(F.concat(F.lit("["), document, F.lit(",0]"))) == 2
    is_whole = document.rlike(r"^[ \t\r\n]*[{]") & alone & (~document.contains("]") | followed)
    if may_repeat_names:
        names = F.json_object_keys(document)
        is_whole = is_whole & (F.size(names) == F.size(F.array_distinct(names)))
    if not engine_keeps_text:
        is_whole = is_whole & _is_strict(document)
    return F.coalesce(is_whole, F.lit(False))


def is_shallow(document: Column) -> Column:
    """False for a record that is nested too deeply for :func:`json_field` to cut it up."""
    return ~document.rlike(_PERHAPS_DEEP) | document.rlike(_DOCUMENT)


def stable_json(values: Mapping[str, object]) -> str:
    """JSON with sorted keys, no spaces and every value as text: a message that can be a merge key."""
    texts = {name: str(value) for name, value in values.items()}
    return json.dumps(texts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def stable_json_column(values: Mapping[str, Column]) -> Column:
    """:func:`stable_json` for columns (decimals print in their column's scale)."""
    fields = [values[name].cast("string").alias(name) for name in sorted(values)]
    return F.to_json(F.struct(*fields))


def _is_strict(document: Column) -> Column:
    """False where text that an engine reads as JSON is none: only a suspicious text is looked at closely."""
    between_strings = F.regexp_replace(document, _STRING, "")
    escapes = F.regexp_replace(F.regexp_replace(document, r"\\\\", ""), _SURROGATE_PAIR, "")
    is_close = ~between_strings.rlike(_NOT_JSON) & ~escapes.rlike(_SURROGATE)
    return F.when(document.rlike(_SUSPECT), is_close).otherwise(document.isNotNull())


def _member_named(name: str) -> str:
    """Finds the object's own field of this name, however its letters are spelled; group 1 unless it is a string."""
    letters = [rf"(?:{letter}|\\u00(?i:{ord(letter):02x}))" for letter in name]
    wanted = f'"{"".join(letters)}"{_SPACE}:'
    others = f"(?:{_SPACE}(?!{wanted}){_MEMBER},)*+"
    return rf"^{_SPACE}\{{{others}{_SPACE}{wanted}{_SPACE}({_NESTED}|-?[0-9][0-9.eE+-]*+)"

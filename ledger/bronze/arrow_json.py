"""JSON text made of columns of text, whole columns at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

_CONTROLS = r"[\x00-\x1f]"


def quoted(texts: pa.Array) -> pa.StringArray:
    """Each text as a JSON string; null stays null."""
    escaped = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')
    if pc.any(pc.match_substring_regex(escaped, _CONTROLS)).as_py():
        for code in range(0x20):
            escaped = pc.replace_substring(escaped, chr(code), json.dumps(chr(code))[1:-1])
    return pc.binary_join_element_wise('"', escaped, '"', "")


def object_text(
    names: Sequence[str], values: Sequence[pa.Array], is_valid: pa.BooleanArray | None = None
) -> pa.StringArray:
    """One object a row from its values, which are JSON already; a null value leaves its member out."""
    members = [
        pc.binary_join_element_wise(f"{json.dumps(name, ensure_ascii=False)}:", value, "")
        for name, value in zip(names, values, strict=True)
    ]
    rows = len(values[0]) if values else len(is_valid or [])
    # The join skips nulls, but drops a row that has nothing else: the empty first part is always there.
    parts = pc.binary_join_element_wise(
        pa.array([""] * rows, pa.string()), *members, ",", null_handling="skip"
    )
    inner = pc.utf8_slice_codeunits(parts, 1) if members else parts
    text = pc.binary_join_element_wise("{", inner, "}", "")
    return text if is_valid is None else pc.if_else(is_valid, text, None)


def array_text(lists: pa.LargeListArray, values: pa.StringArray) -> pa.StringArray:
    """One array a row; ``values`` are the JSON of ``lists.values``, all of them."""
    texts = _joined(lists, pc.fill_null(values, "null"))
    return pc.binary_join_element_wise("[", texts, "]", "")


def map_text(maps: pa.MapArray, keys: pa.StringArray, values: pa.StringArray) -> pa.StringArray:
    """One object a row; ``keys`` are texts and ``values`` JSON, all of them."""
    entries = pc.binary_join_element_wise(quoted(keys), pc.fill_null(values, "null"), ":")
    return pc.binary_join_element_wise("{", _joined(maps, entries), "}", "")


def _joined(lists: pa.Array, texts: pa.StringArray) -> pa.StringArray:
    """The texts of each list with commas between them; null where the list is null."""
    kind = pa.large_list if pa.types.is_large_list(lists.type) else pa.list_
    width = pa.int64() if pa.types.is_large_list(lists.type) else pa.int32()
    offsets = pa.Array.from_buffers(width, len(lists) + 1, [None, lists.buffers()[1]], offset=lists.offset)
    of_texts = pa.Array.from_buffers(
        kind(pa.string()), len(lists), [None, offsets.buffers()[1]], offset=lists.offset, children=[texts]
    )
    joined = pc.binary_join(of_texts, ",")
    return pc.if_else(lists.is_valid(), joined, None)

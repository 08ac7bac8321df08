"""JSON text made of columns of text (spec section 4). Pure."""

from __future__ import annotations

import json

import pyarrow as pa

from ledger.bronze.arrow_json import array_text, map_text, object_text, quoted

HOSTILE = ['q"', "\\", "".join(map(chr, range(0x20))), "지갑", "", None, "plain"]


def test_quoted_texts_are_json_strings_of_themselves() -> None:
    """Quotes, backslashes and every control character; null stays null."""
    found = quoted(pa.array(HOSTILE)).to_pylist()
    assert [text if text is None else json.loads(text) for text in found] == HOSTILE
    assert quoted(pa.array(["a"])).to_pylist() == ['"a"']


def test_object_text_leaves_null_members_out_and_a_row_without_members_is_empty() -> None:
    a, b = pa.array(["1", None, None]), pa.array(['"x"', "null", None])
    assert object_text(["a", 'b"'], [a, b]).to_pylist() == ['{"a":1,"b\\"":"x"}', '{"b\\"":null}', "{}"]
    assert object_text(["a"], [a], pa.array([True, False, True])).to_pylist() == ['{"a":1}', None, "{}"]
    assert object_text([], [], pa.array([True, False])).to_pylist() == ["{}", None]


def test_array_text_keeps_nulls_inside_and_outside_apart() -> None:
    lists = pa.array([[1, None], None, [], [2]], pa.large_list(pa.int64()))
    values = pa.array(["1", None, "2"])
    assert array_text(lists, values).to_pylist() == ["[1,null]", None, "[]", "[2]"]
    assert array_text(lists[1:], values).to_pylist() == [None, "[]", "[2]"]


def test_map_text_quotes_keys() -> None:
    maps = pa.array([[('k"', 1), ("l", None)], None, []], pa.map_(pa.string(), pa.int64()))
    found = map_text(maps, pa.array(['k"', "l"]), pa.array(["1", None]))
    assert found.to_pylist() == ['{"k\\"":1,"l":null}', None, "{}"]

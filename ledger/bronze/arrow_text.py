"""Typed Arrow values as the text that a source would have written, column by column (spec section 4).

Numbers stand in plain notation, instants in UTC, nested values as JSON, bytes as base64. Nothing is rounded; what has
no date says so in a text that no parser takes for one.
"""

from __future__ import annotations

import base64

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger.bronze.arrow_json import array_text, map_text, object_text, quoted

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_FIRST_SECOND, _END_SECOND = -62_135_596_800, 253_402_300_800  # years 1 to 9999
_SECONDS_A_DAY = 86_400
_EPOCH = "1970-01-01T00:00:00Z"


def plain(values: pa.Array) -> pa.Array:
    """The same values without an encoding or a wrapper around them; a UUID stays what it is."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return values if kind.extension_name == "arrow.uuid" else plain(values.storage)
    if pa.types.is_dictionary(kind):
        return plain(values.cast(kind.value_type))
    if pa.types.is_run_end_encoded(kind):
        return plain(pc.run_end_decode(values))
    return values


def text_of(values: pa.Array) -> pa.StringArray:
    """Each value as text; null stays null."""
    values = plain(values)
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return _uuids(values.storage)
    if pa.types.is_nested(kind):
        return _nested(values)
    if pa.types.is_decimal(kind):
        return _decimals(values)
    if pa.types.is_timestamp(kind):
        return _instants(values)
    if pa.types.is_date(kind):
        return _dates(values)
    if pa.types.is_duration(kind):
        return pc.binary_join_element_wise(values.cast(pa.int64()).cast(pa.string()), kind.unit, " ")
    if is_bytes(kind):
        return _base64(values.cast(pa.large_binary()))
    if pa.types.is_float16(kind):
        return values.cast(pa.float32()).cast(pa.string())
    return values.cast(pa.string())


def is_bytes(kind: pa.DataType) -> bool:
    """Whether the values are bytes that nobody calls text."""
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def _decimals(values: pa.Array) -> pa.StringArray:
    """Plain notation with all digits of the scale: from the whole number that is stored, which has no exponent."""
    kind = values.type
    wide = values.cast(pa.decimal256(76, kind.scale))
    whole = pa.Array.from_buffers(pa.decimal256(76, 0), len(wide), wide.buffers(), offset=wide.offset).cast(
        pa.string()
    )
    if kind.scale <= 0:
        zeros = pa.scalar("0" * -kind.scale)
        return pc.if_else(pc.equal(whole, "0"), whole, pc.binary_join_element_wise(whole, zeros, ""))
    sign = pc.if_else(pc.starts_with(whole, "-"), "-", "")
    digits = pc.utf8_lpad(pc.utf8_ltrim(whole, "-"), kind.scale + 1, "0")
    before = pc.utf8_slice_codeunits(digits, 0, -kind.scale)
    after = pc.utf8_slice_codeunits(digits, -kind.scale)
    return pc.binary_join_element_wise(pc.binary_join_element_wise(sign, before, ""), after, ".")


def _instants(values: pa.Array) -> pa.StringArray:
    """ISO-8601 in UTC with all digits of the unit; without a zone it is UTC."""
    unit = values.type.unit
    counts, per_second = values.cast(pa.int64()), _PER_SECOND[unit]
    has_year = pc.and_(
        pc.greater_equal(counts, max(_FIRST_SECOND * per_second, -(2**63))),
        pc.less(counts, min(_END_SECOND * per_second, 2**63 - 1)),
    )
    dated = pc.if_else(has_year, counts, 0).cast(pa.timestamp(unit, "UTC"))
    return pc.if_else(has_year, pc.strftime(dated, "%Y-%m-%dT%H:%M:%SZ"), _undated(counts, unit))


def _dates(values: pa.Array) -> pa.StringArray:
    days = values.cast(pa.date32()).cast(pa.int32())
    has_year = pc.and_(
        pc.greater_equal(days, _FIRST_SECOND // _SECONDS_A_DAY), pc.less(days, _END_SECOND // _SECONDS_A_DAY)
    )
    dated = pc.if_else(has_year, days, pa.scalar(0, pa.int32())).cast(pa.date32())
    return pc.if_else(has_year, dated.cast(pa.string()), _undated(days, "days"))


def _undated(counts: pa.Array, unit: str) -> pa.StringArray:
    return pc.binary_join_element_wise(counts.cast(pa.string()), f"{unit} since {_EPOCH}", " ")


def _nested(values: pa.Array) -> pa.StringArray:
    kind = values.type
    if pa.types.is_struct(kind):
        names = [field.name for field in kind]
        return object_text(names, [_json(values.field(i)) for i in range(len(names))], values.is_valid())
    if pa.types.is_map(kind):
        return map_text(values, text_of(values.keys), _json(values.items))
    if pa.types.is_union(kind):
        raise pa.ArrowNotImplementedError(f"{kind} has no text")
    lists = values.cast(pa.large_list(kind.value_type))
    return array_text(lists, _json(lists.values))


def _json(values: pa.Array) -> pa.StringArray:
    """Each value as JSON; null stays null. A value that JSON has no number for is a string."""
    kind, text = values.type, text_of(values)
    if pa.types.is_nested(kind) or pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return text
    if pa.types.is_decimal(kind):
        return text
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(values), text, quoted(text))
    return quoted(text)


def _base64(values: pa.LargeBinaryArray) -> pa.StringArray:
    """All values in one go: each is filled up with zeros to a multiple of three bytes, its end is marked afterwards."""
    is_null, values = values.is_null(), values.fill_null(b"")
    offsets = np.frombuffer(values.buffers()[1], np.int64)[values.offset : values.offset + len(values) + 1]
    lengths = np.diff(offsets)
    groups = -(-lengths // 3)
    begins = np.concatenate([[0], np.cumsum(groups)])
    filled = np.zeros(int(begins[-1]) * 3, np.uint8)
    data = np.frombuffer(values.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    within = np.arange(len(data)) - np.repeat(offsets[:-1] - offsets[0], lengths)
    filled[np.repeat(begins[:-1] * 3, lengths) + within] = data
    encoded = np.frombuffer(base64.b64encode(filled.tobytes()), np.uint8).copy()
    ends = begins[1:] * 4
    encoded[ends[groups * 3 - lengths >= 1] - 1] = ord("=")
    encoded[ends[groups * 3 - lengths == 2] - 2] = ord("=")
    places = pa.py_buffer(np.ascontiguousarray(begins * 4, np.int64))
    text = pa.Array.from_buffers(pa.large_string(), len(values), [None, places, pa.py_buffer(encoded)])
    return pc.if_else(is_null, None, text.cast(pa.string()))


def _uuids(values: pa.Array) -> pa.StringArray:
    """Hexadecimal, in the usual five groups."""
    plain = values.fill_null(bytes(16))
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    codes = np.frombuffer(plain.cast(pa.large_binary()).buffers()[2], np.uint8)[: 16 * len(plain)]
    codes = codes.reshape(-1, 16)
    hexed = np.stack([digits[codes >> 4], digits[codes & 15]], axis=2).reshape(-1, 32)
    dashed = np.insert(hexed, [8, 12, 16, 20], ord("-"), axis=1)
    places = pa.py_buffer(np.arange(0, 36 * len(plain) + 1, 36, dtype=np.int32))
    text = pa.Array.from_buffers(
        pa.string(), len(plain), [None, places, pa.py_buffer(np.ascontiguousarray(dashed))]
    )
    return pc.if_else(values.is_null(), None, text)

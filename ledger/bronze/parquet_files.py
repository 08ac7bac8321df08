"""Parquet landing files as rows of text (spec section 4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ledger.bronze.arrow_text import is_bytes, plain, text_of
from ledger.bronze.landing import LandingFile
from ledger.bronze.records import understood
from ledger.bronze.tabular import Layout
from ledger.contract import Table
from ledger.errors import IngestError
from ledger.money import SOURCE_MONEY

_ROWS = 16_384
Trust = Literal["text", "distrusted", "impossible"]


@dataclass(frozen=True)
class ParquetFile:
    """A file whose columns are understood: ``names`` are its columns, in order."""

    file: LandingFile
    names: tuple[str, ...]


def parquet_file(table: Table, file: LandingFile) -> ParquetFile:
    """The file's columns; raises :class:`IngestError` when they cannot be the table's."""
    with open(file.path, "rb") as stored:
        return ParquetFile(file, tuple(understood(table, pq.ParquetFile(stored).schema_arrow.names)))


def parquet_rows(table: Table, source: ParquetFile, layout: Layout) -> Iterator[dict[str, pa.Array]]:
    """The file's rows in batches; raises :class:`IngestError` naming a column whose type cannot be the contract's."""
    with open(source.file.path, "rb") as stored, open(source.file.path, "rb") as again:
        micros = pq.ParquetFile(stored, coerce_int96_timestamp_unit="us", pre_buffer=False)
        batches = micros.iter_batches(batch_size=_ROWS)
        old = _int96_columns(micros)
        if not old:
            for batch in batches:
                yield _rows(table, source, layout, batch.columns)
            return
        # Microseconds do not reach all instants that INT96 does: seconds tell which of them are none.
        seconds = pq.ParquetFile(again, coerce_int96_timestamp_unit="s", pre_buffer=False)
        for batch, coarse in zip(batches, seconds.iter_batches(batch_size=_ROWS), strict=True):
            columns = list(batch.columns)
            for place in old:
                columns[place] = _dated(columns[place], coarse.column(place))
            yield _rows(table, source, layout, columns)


def _rows(table: Table, source: ParquetFile, layout: Layout, columns: list[pa.Array]) -> dict[str, pa.Array]:
    texts, distrusted = {}, []
    for name, column in zip(source.names, columns, strict=True):
        values = plain(column)
        is_known = name in layout.known
        if is_known and values.null_count < len(values):
            wanted = table.column(name).type
            trust = trusted(wanted, values.type)
            if trust == "impossible":
                raise IngestError(f"column {name} is {values.type}, which can be no {wanted}")
            if trust == "distrusted":
                distrusted.append(name)
        texts[name] = _named_text(name, values) if is_known and is_bytes(values.type) else text_of(values)
    return layout.rows(texts, distrusted=distrusted)


def trusted(wanted: str, kind: pa.DataType) -> Trust:
    """Use of a type's values for a column of the contract, whose type is ``wanted``.

    Text decides for itself. A binary float is neither money nor an identifier, nor is a decimal with a fraction an
    identifier: such values are not taken over. ``impossible``: none of its values can be one of the column's.
    """
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_floating(kind):
        return "distrusted"
    if pa.types.is_decimal(kind) and kind.scale > 0 and wanted == "string":
        return "distrusted"
    if pa.types.is_null(kind) or is_bytes(kind):
        return "text"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    is_number = pa.types.is_integer(kind) or pa.types.is_decimal(kind)
    is_instant = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    possible = {
        "string": is_number or is_instant or pa.types.is_boolean(kind),
        "timestamp": is_instant,
        "boolean": pa.types.is_boolean(kind),
        SOURCE_MONEY: is_number,
        "bigint": is_number,
        "int": is_number,
    }
    return "text" if possible[wanted] else "impossible"


def _named_text(name: str, values: pa.Array) -> pa.StringArray:
    """Text that its writer did not mark as such (Hive, Impala)."""
    try:
        return values.cast(pa.large_binary()).cast(pa.large_string()).cast(pa.string())
    except pa.ArrowInvalid as error:
        raise IngestError(f"column {name} is {values.type}, and its bytes are no UTF-8 text") from error


def _int96_columns(file: pq.ParquetFile) -> list[int]:
    """The places of the columns that are INT96 instants."""
    leaves = [file.schema.column(i) for i in range(len(file.schema))]
    old = {leaf.path for leaf in leaves if leaf.physical_type == "INT96"}
    return [place for place, name in enumerate(file.schema_arrow.names) if name in old]


def _dated(micros: pa.Array, seconds: pa.Array) -> pa.Array:
    """The microseconds where they are the same instant as the seconds, else the seconds as text."""
    floor = pc.floor_temporal(micros, unit="second").cast(pa.int64())
    same = pc.equal(pc.divide(floor, 1_000_000), seconds.cast(pa.int64()))
    return pc.if_else(same, text_of(micros), text_of(seconds))

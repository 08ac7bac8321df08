"""A landing record before it has types: its values and itself as the text of the source (spec section 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame

from ledger.bronze.metadata import FILE_HASH, SOURCE_FILE, source_columns
from ledger.contract import Table
from ledger.errors import IngestError

FILE_BATCH, FILE_DAY = "_file_batch", "_file_day"
FILE_COLUMNS = (SOURCE_FILE, FILE_HASH, FILE_BATCH, FILE_DAY)
"""Columns by which every record names its file: name, content hash, batch, and the KST day of its landing folder."""

MAX_RECORD_BYTES = 64 << 20
"""A longer line of JSON is no record: the file is refused, and never held in memory whole."""
MAX_ROW_BYTES = 16 << 20
"""The same for a row of CSV, whose parser holds two rows of this size."""
MAX_CELL_BYTES = 1_000_000
"""A longer cell of CSV makes its row unparsable."""
MAX_UNKNOWN = 200
"""Columns beyond the contract that one table grows to; further unknown fields keep their text in ``_raw``."""

# Names that every engine accepts as a Delta column without column mapping; a leading underscore is ours.
COLUMN_NAME = r"[A-Za-z][A-Za-z0-9_]{0,127}"
_BYTE_ORDER_MARK = "\ufeff"
_LONGEST_SHOWN = 200


@dataclass(frozen=True)
class SourceText:
    """Records of several files as text: ``columns`` maps a column to its source text, ``raw`` is the whole record.

    ``df`` also carries each record's FILE_COLUMNS. ``is_record`` is false where the text is no record at all;
    ``extra`` are fields that the contract does not know; ``leftover`` is true where a value fits no column, or is
    of a type that cannot be trusted (a Parquet float is no money), so that the record's text has to be kept.
    """

    df: DataFrame
    columns: dict[str, Column]
    raw: Column
    is_record: Column
    leftover: Column
    extra: tuple[str, ...] = ()


def known_columns(table: Table) -> tuple[str, ...]:
    """The columns that a source record may fill, by name."""
    return tuple(c.name for c in source_columns(table))


def understood(table: Table, header: Sequence[str]) -> list[str]:
    """The column names that a header means: the contract's own, whatever their case, blanks and byte order mark.

    A column without a name is called by its place. Raises :class:`IngestError` when a name is there twice, or when
    the header has none of the table's columns.
    """
    known = {name.lower(): name for name in known_columns(table)}
    stripped = [name.strip(f" \t\r\n{_BYTE_ORDER_MARK}") for name in header]
    names = [known.get(n.lower(), n) or f"column {place}" for place, n in enumerate(stripped, 1)]
    twice = sorted({name for name in names if names.count(name) > 1}) if len({*names}) < len(names) else []
    if twice:
        raise IngestError(f"the header names {', '.join(map(shown_text, twice))} twice")
    if not {*names} & {*known.values()}:
        raise IngestError(f"the header has none of the columns of {table.full_name}: {_first_line(header)}")
    return names


def _first_line(header: Sequence[str]) -> str:
    """The header for a message that others read. A file without one begins with a row, and that is not shown."""
    if any(character.isdigit() for name in header for character in name):
        return f"{len(header)} cells with digits in them, as a row has (is the header missing?)"
    return shown_text(",".join(header))


def columns_for(table: Table, stored: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Those of the unknown field ``names`` that get a string column of their own, in alphabetical order.

    ``stored``: the columns that the Bronze table has by now. A name that differs from one of them in case alone gets
    none, nor does what is beyond MAX_UNKNOWN: the record then keeps its text.
    """
    columns = {name.lower(): name for name in (*stored, *table.column_names)}
    room = MAX_UNKNOWN - len({*columns} - {name.lower() for name in table.column_names})
    chosen = []
    for name in sorted({*names} - {*table.column_names}):
        if columns.get(name.lower()) == name:
            chosen.append(name)
        elif room > 0 and name.lower() not in columns and re.fullmatch(COLUMN_NAME, name):
            columns[name.lower()] = name
            chosen.append(name)
            room -= 1
    return tuple(chosen)


def shown_text(text: str) -> str:
    """A source's text in a message: one line, quoted, not too long."""
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...")

"""CSV and Parquet landing files as text (spec section 4).

The engines' own readers refuse a whole CSV for one ragged row and know no nanosecond timestamps. Arrow reads both,
column by column, as plain strings; a ragged CSV row keeps its text in :data:`BROKEN_ROW`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

BROKEN_ROW = "_broken_row"
_ISO_MICROS = "%Y-%m-%dT%H:%M:%S"


def read_as_text(
    files: Sequence[tuple[str, str, Mapping[str, str]]],
) -> tuple[pa.Table, dict[str, set[str]]]:
    """The rows of all files (path, format, file columns) as strings, and, per column that holds binary floats, the
    names of the files in which it does."""
    tables: list[pa.Table] = []
    floats: dict[str, set[str]] = {}
    for path, format_, file_columns in files:
        table = _read_csv(path) if format_ == "csv" else pq.ParquetFile(path).read()
        for column in table.schema:
            if pa.types.is_floating(column.type):
                floats.setdefault(column.name, set()).add(next(iter(file_columns.values())))
        texts = {name: _text(table.column(name)) for name in table.column_names}
        constants = {
            name: pa.array([value] * table.num_rows, pa.string()) for name, value in file_columns.items()
        }
        tables.append(pa.table({**texts, **constants}))
    return pa.concat_tables(tables, promote_options="default"), floats


def _read_csv(path: str) -> pa.Table:
    """Every cell as text, empty ones null; rows with the wrong number of cells end up in BROKEN_ROW alone."""
    if Path(path).stat().st_size == 0:
        return pa.table({})
    broken: list[str] = []

    def keep(row: pa_csv.InvalidRow) -> str:
        broken.append(row.text)
        return "skip"

    with Path(path).open("rb") as stream:
        header = stream.readline()
    names = [name.strip('"') for name in header.decode("utf-8-sig").rstrip("\r\n").split(",")]
    table = pa_csv.read_csv(
        path,
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=keep),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    )
    if not broken:
        return table
    columns = {
        n: pa.concat_arrays([*table.column(n).chunks, pa.nulls(len(broken), pa.string())])
        for n in table.column_names
    }
    return pa.table({**columns, BROKEN_ROW: pa.array([None] * table.num_rows + broken, pa.string())})


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column's values as the text that a JSON source would have written."""
    if pa.types.is_timestamp(column.type):
        micros = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
        return pc.strftime(micros.cast(pa.timestamp("us", tz="UTC")), format=_ISO_MICROS + "Z")
    if pa.types.is_dictionary(column.type):
        return _text(column.cast(column.type.value_type))
    return column.cast(pa.string())

"""CSV landing files as rows of text (spec section 4): header, cells and rows by one parser, every cell as text."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from ledger.bronze.csv_quotes import scan, swallowed
from ledger.bronze.landing import LandingFile
from ledger.bronze.records import (
    MAX_CELL_BYTES,
    MAX_ROW_BYTES,
    known_columns,
    shown_text,
    understood,
)
from ledger.bronze.source_bytes import chunks, opened
from ledger.bronze.tabular import Layout
from ledger.contract import Table
from ledger.errors import IngestError

_OTHER_SEPARATORS = {";": "a semicolon", "\t": "a tab", "|": "a bar"}
_SMALLEST_BLOCK = 64 << 10


@dataclass(frozen=True)
class CsvFile:
    """A file whose header is understood: ``names`` are its columns, in order."""

    file: LandingFile
    names: tuple[str, ...]
    is_utf8: bool


def csv_file(table: Table, file: LandingFile) -> CsvFile | None:
    """The file's header; None for a file without any text.

    Raises :class:`IngestError` for a quote that is never closed and for a header that cannot be the table's.
    """
    with opened(file) as text:
        seen = scan(chunks(text))
    if seen.is_blank:
        return None
    with opened(file) as text:
        first = next(_batches(file, text, seen.is_utf8, []))
        header = [cells[0].as_py() or "" for cells in first.columns]
    return CsvFile(file, tuple(header_names(table, header)), seen.is_utf8)


def header_names(table: Table, header: list[str]) -> list[str]:
    """The columns that a header means; raises :class:`IngestError` that shows it, and a wrong separator."""
    if len(header) == 1:
        known = {name.lower() for name in known_columns(table)}
        for separator, spoken in _OTHER_SEPARATORS.items():
            cells = header[0].lower().split(separator)
            if len(cells) > 1 and known & {cell.strip(' \ufeff"') for cell in cells}:
                raise IngestError(
                    f"the separator is {spoken}, it has to be a comma; the header is {shown_text(header[0])}"
                )
    return understood(table, header)


def csv_rows(source: CsvFile, layout: Layout) -> Iterator[dict[str, pa.Array]]:
    """The file's rows in batches. A ragged row is nothing but its text.

    A row is no record, and says why, when a cell is too long, is not UTF-8, or has swallowed other rows.
    """
    ragged: list[str] = []
    is_first = True
    with opened(source.file) as text:
        for batch in _batches(source.file, text, source.is_utf8, ragged):
            rows = batch.slice(1) if is_first else batch
            is_first = False
            if rows.num_rows:
                texts = dict(zip(source.names, rows.columns, strict=True))
                yield layout.rows(texts, broken=_broken(source, rows.columns))
            if ragged:
                yield layout.broken_rows([row for row in ragged if row.strip()])
                ragged.clear()
    if ragged:
        yield layout.broken_rows([row for row in ragged if row.strip()])


def _batches(file: LandingFile, text: BinaryIO, is_utf8: bool, ragged: list[str]) -> Iterator[pa.RecordBatch]:
    """All rows, the header among them; the texts of ragged ones go to ``ragged``."""

    def keep(row: pa_csv.InvalidRow) -> str:
        ragged.append(row.text)
        return "skip"

    source = text if is_utf8 else io.BufferedReader(_Mended(text))
    size = MAX_ROW_BYTES if file.compressed or not is_utf8 else file.size + 1
    try:
        yield from pa_csv.open_csv(
            pa.PythonFile(source, mode="r"),
            pa_csv.ReadOptions(
                use_threads=False,
                autogenerate_column_names=True,
                block_size=max(_SMALLEST_BLOCK, min(size, MAX_ROW_BYTES)),
            ),
            pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=keep),
            pa_csv.ConvertOptions(
                default_column_type=pa.string(), strings_can_be_null=True, null_values=[""]
            ),
        )
    except pa.ArrowInvalid as error:
        if "straddling" in str(error):
            raise IngestError(
                f"a row is longer than {MAX_ROW_BYTES >> 20} MiB (MAX_ROW_BYTES), which no row is"
            ) from error
        raise


def _broken(source: CsvFile, cells: list[pa.StringArray]) -> pa.StringArray | None:
    """Why a row is no record; null where it is one, None where all are."""
    reasons: list[tuple[pa.BooleanArray | None, str]] = []
    for place, column in enumerate(cells):
        if not source.is_utf8:
            reasons.append((pc.match_substring(column, "\ufffd"), "not UTF-8"))
        reasons.append((_too_long(column), f"a cell of more than {MAX_CELL_BYTES:,} bytes"))
        reasons.append((swallowed(column, place, len(cells)), "a quoted cell that holds whole rows"))
    broken = None
    for found, reason in reasons:
        if found is not None and pc.any(found).as_py():
            before = pa.nulls(len(found), pa.string()) if broken is None else broken
            broken = pc.if_else(pc.and_(found.fill_null(False), before.is_null()), reason, before)
    return broken


def _too_long(column: pa.StringArray) -> pa.BooleanArray | None:
    if column.nbytes <= MAX_CELL_BYTES:
        return None
    return pc.greater(pc.binary_length(column), MAX_CELL_BYTES)


class _Mended(io.RawIOBase):
    """Bytes that are no UTF-8 become the replacement character, by which their rows are told afterwards."""

    def __init__(self, text: BinaryIO) -> None:
        self._text, self._ready = text, b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            piece = self._text.read(len(buffer))
            self._ready = self._decoder.decode(piece, final=not piece).encode()
            if not piece:
                break
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count

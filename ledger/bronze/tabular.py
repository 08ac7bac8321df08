"""Rows of CSV and Parquet as texts: one layout for all files of a load, whatever columns each of them has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ledger.bronze.arrow_json import object_text, quoted

TEXT, IS_RECORD, LEFTOVER = "_text", "_is_record", "_leftover"


@dataclass(frozen=True)
class Layout:
    """The columns of all rows: those of the contract that a source may fill, then the unknown ones that get a column."""

    known: tuple[str, ...]
    extra: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.known, *self.extra)

    @property
    def schema(self) -> dict[str, pa.DataType]:
        kinds = {TEXT: pa.string(), IS_RECORD: pa.bool_(), LEFTOVER: pa.bool_()}
        return dict.fromkeys(self.columns, pa.string()) | kinds

    def rows(
        self,
        texts: Mapping[str, pa.Array],
        *,
        distrusted: Sequence[str] = (),
        broken: pa.StringArray | None = None,
    ) -> dict[str, pa.Array]:
        """The columns of some rows.

        ``distrusted`` columns are not taken over: a row that has a value there keeps its text. ``broken``: why a row is
        no record, null where it is one; its text then begins with the reason.
        """
        raw = object_text(list(texts), [quoted(text) for text in texts.values()])
        count = len(raw)
        if broken is None:
            is_record: pa.Array = pa.array([True] * count, pa.bool_())
        else:
            is_record = broken.is_null()
            raw = pc.if_else(is_record, raw, pc.binary_join_element_wise(broken, raw, ": "))
        taken = {
            name: text for name, text in texts.items() if name in self.columns and name not in distrusted
        }
        leftover: pa.Array = pa.array([False] * count, pa.bool_())
        for name in texts.keys() - taken.keys():
            leftover = pc.or_(leftover, texts[name].is_valid())
        absent = pa.nulls(count, pa.string())
        return {
            **{name: taken.get(name, absent) for name in self.columns},
            TEXT: raw,
            IS_RECORD: is_record,
            LEFTOVER: leftover,
        }

    def broken_rows(self, texts: Sequence[str]) -> dict[str, pa.Array]:
        """Rows that are nothing but their text."""
        absent, no = pa.nulls(len(texts), pa.string()), pa.array([False] * len(texts), pa.bool_())
        columns = dict.fromkeys(self.columns, absent)
        return {**columns, TEXT: pa.array(texts, pa.string()), IS_RECORD: no, LEFTOVER: no}

"""How many rows a table has, and a few of them: what a finished table shows, in one query for all tables of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import dagster as dg
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import Row

from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.faults import first_line
from ledger.quality.measured import Answer, answers, value_of
from resources import told

_SAMPLE_ROWS = 5
_SAMPLE_COLUMNS = 10
_WHOLE_NUMBERS = ("bigint", "int")


@dataclass(frozen=True)
class Part:
    """The rows of a table that are to be shown: partitions, and which of their rows."""

    table: Table
    scope: Scope | None = None
    where: Column | None = None

    @property
    def shown(self) -> list[str]:
        """The first columns that identify no user."""
        table = self.table
        names = [
            c.name for c in table.columns if c.name not in table.identifying and not c.name.startswith("_")
        ]
        return names[:_SAMPLE_COLUMNS]


@dataclass(frozen=True)
class Shown:
    """The number of rows (None: it could not be told), and a few of them (or why there are none to see)."""

    count: int | None
    sample: dg.TableMetadataValue | str


def counts_and_samples(lakehouse: Lakehouse, parts: Sequence[Part]) -> list[Shown]:
    """Of each part, in their order. One query, and none for what the log tells; a fault is shown and raises nothing."""
    known = [_known_count(lakehouse, part) for part in parts]
    questions = {}
    for n, (part, count) in enumerate(zip(parts, known, strict=True)):
        if count != 0:
            questions[f"sample {n}"] = partial(_few, lakehouse, part)
        if count is None:
            questions[f"count {n}"] = partial(_number, lakehouse, part)
    found = answers(questions)
    return [
        _shown(part, count, found.get(f"count {n}", ()), found.get(f"sample {n}", ()))
        for n, (part, count) in enumerate(zip(parts, known, strict=True))
    ]


def _known_count(lakehouse: Lakehouse, part: Part) -> int | None:
    try:
        count = lakehouse.known_count(part.table, part.scope)
    except Exception:
        return None  # the question will say why
    # Of the rows of a condition the log knows only that there are none.
    return count if part.where is None or count == 0 else None


def _rows(lakehouse: Lakehouse, part: Part) -> DataFrame:
    rows = lakehouse.read(part.table, part.scope)
    return rows if part.where is None else rows.where(part.where)


def _few(lakehouse: Lakehouse, part: Part) -> DataFrame:
    cells = F.array(*[_text(part.table, name) for name in part.shown])
    return _rows(lakehouse, part).limit(_SAMPLE_ROWS).select(cells.alias("cells"))


def _number(lakehouse: Lakehouse, part: Part) -> DataFrame:
    return _rows(lakehouse, part).agg(F.array(F.count(F.lit(1)).cast("string")).alias("cells"))


def _text(table: Table, name: str) -> Column:
    is_nested = table.column(name).type.startswith(("array", "map"))
    return F.to_json(F.col(name)) if is_nested else F.col(name).cast("string")


def _shown(part: Part, count: int | None, counted: Answer, few: Answer) -> Shown:
    try:
        if count is None:
            count = int(value_of(counted)[0]["cells"][0])
        return Shown(count, told.table(part.shown, [_record(part, row) for row in value_of(few)]))
    except Exception as error:
        return Shown(count, f"not evaluated: {told.text(first_line(error))}")


def _record(part: Part, row: Row) -> dict[str, object]:
    """A row's texts under their names; whole numbers are numbers again."""
    cells: dict[str, object] = dict(zip(part.shown, row["cells"], strict=True))
    for name, text in cells.items():
        if text is not None and part.table.column(name).type in _WHOLE_NUMBERS:
            cells[name] = int(str(text))
    return cells

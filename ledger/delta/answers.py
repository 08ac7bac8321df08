"""Small answers, kept for as long as the table is at the commit at which they were given.

State, run log, journal and rules are asked several times in a run, and by the next operation again; most of the time
nothing was written in between, and the log's newest commit says so without a query. An answer is kept under the commit
that was newest *before* it was asked: whatever is committed meanwhile makes the next one ask again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import Row

_KEPT, _KEPT_ROWS = 64, 100_000
Kind = Callable[[str], Any]


def _flag(text: str) -> bool:
    return {"true": True, "false": False}[text]


_FROM_TEXT: Mapping[type, Kind] = {date: date.fromisoformat, bool: _flag}


@dataclass(frozen=True, eq=False)
class Question:
    """A few rows of a table; ``kinds``: the columns that they have, and the Python type of each."""

    ask: Callable[[DataFrame], DataFrame]
    kinds: Mapping[str, type]

    def __call__(self, table: DataFrame) -> DataFrame:
        return self.ask(table)


def question(**kinds: type) -> Callable[[Callable[[DataFrame], DataFrame]], Question]:
    """Make a question of a function of a module, which stands for what it asks."""
    return lambda ask: Question(ask, kinds)


class Answers:
    """Rows by (table, question), each with the commit at which it was asked. Safe to use from several threads.

    Bounded in answers and in rows: the files of a landing with thousands a day are many, and processes live for days.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[Hashable, tuple[Row, ...]]] = OrderedDict()
        self._lock = threading.Lock()

    def kept(self, key: Hashable, commit: Hashable) -> tuple[Row, ...] | None:
        """The rows that were given at this commit."""
        with self._lock:
            asked_at, rows = self._kept.get(key, (None, ()))
            if asked_at != commit:
                return None
            self._kept.move_to_end(key)
            return rows

    def keep(self, key: Hashable, commit: Hashable, rows: tuple[Row, ...]) -> None:
        """``commit`` was the table's newest one before the rows were asked for."""
        with self._lock:
            self._kept[key] = (commit, rows)
            self._kept.move_to_end(key)
            held = sum(len(rows) for _, rows in self._kept.values())
            while len(self._kept) > _KEPT or held > _KEPT_ROWS:
                _, (_, dropped) = self._kept.popitem(last=False)
                held -= len(dropped)


ANSWERS = Answers()
"""Of this process: its operations follow each other, each with a Lakehouse of its own."""


def collect_together(asked: Sequence[tuple[Question, DataFrame]]) -> list[tuple[Row, ...]]:
    """The rows of several questions in one query. They travel as texts, as their columns are not the same."""
    frames = [
        frame.select(
            F.lit(number).alias("number"), F.array(*[F.col(n).cast("string") for n in q.kinds]).alias("cells")
        )
        for number, (q, frame) in enumerate(asked)
    ]
    found: list[list[Row]] = [[] for _ in asked]
    for row in reduce(DataFrame.unionAll, frames).collect():
        kinds = asked[row["number"]][0].kinds
        found[row["number"]].append(
            Row(
                **{n: _typed(text, kind) for (n, kind), text in zip(kinds.items(), row["cells"], strict=True)}
            )
        )
    return [tuple(rows) for rows in found]


def _typed(text: str | None, kind: type) -> Any:
    return None if text is None else _FROM_TEXT.get(kind, kind)(text)

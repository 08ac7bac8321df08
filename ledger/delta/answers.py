"""Small answers, kept for as long as the table is at the commit at which they were given.

State, run log, journal and rules are asked several times in a run, and by the next operation again; most of the time
nothing was written in between, and the log's newest commit says so without a query. An answer is kept under the commit
that was newest *before* it was asked: whatever is committed meanwhile makes the next one ask again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from pyspark.sql import DataFrame
from pyspark.sql.types import Row

_KEPT = 64


class Answers:
    """Rows by (table, question), each with the commit at which it was asked. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[Hashable, tuple[Row, ...]]] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, question: Hashable, commit: Hashable, query: Callable[[], DataFrame]) -> tuple[Row, ...]:
        """The rows of ``query``, which ``question`` stands for; ``commit`` is the table's newest one."""
        with self._lock:
            asked_at, rows = self._kept.get(question, (None, ()))
            if asked_at == commit:
                self._kept.move_to_end(question)
                return rows
        rows = tuple(query().collect())
        with self._lock:
            self._kept[question] = (commit, rows)
            self._kept.move_to_end(question)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return rows


ANSWERS = Answers()
"""Of this process: its operations follow each other, each with a Lakehouse of its own."""

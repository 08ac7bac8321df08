"""Rows in the order in which they were written, whatever the clocks of their writers say (spec sections 3 and 6).

A table that has no column to count in keeps its order in a time: the writer's clock, or the next instant after the newest
one that is stored, put down by compare-and-set. So a clock that stepped back, or a host that is behind, comes last all
the same; what is read off such a column for people is at worst some microseconds after somebody else's wrong clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from pyspark.sql import functions as F

from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse, WriteResult
from ledger.delta.scope import Scope
from ledger.errors import CommitConflictError
from ledger.instants import TICK, after, from_micros
from ledger.window import sql_timestamp

_TRIES = 10


def append_in_order(
    lakehouse: Lakehouse,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    order: str,
    day: date,
    now: datetime,
) -> WriteResult:
    """Append plain values to one day's partition in one commit; all get the same ``order``, later than every stored one.

    One statement where the clock is ahead of what is stored, as it nearly always is. Raises
    :class:`CommitConflictError` when others keep writing.
    """
    scope, at = Scope.of([day]), now
    for _ in range(_TRIES):
        placed = lakehouse.rows(table, [{**row, order: at} for row in rows])
        newest_before = sql_timestamp(at - TICK)
        if lakehouse.append_after(
            table, placed, order=order, newest=newest_before, expected=len(rows), scope=scope
        ):
            return WriteResult(inserted=len(rows))
        at = after(now, newest(lakehouse, table, order=order, day=day))
    raise CommitConflictError(
        "others kept writing rows of the day",
        table=table.full_name,
        partition=str(day),
        action="run it again",
    )


def newest(lakehouse: Lakehouse, table: Table, *, order: str, day: date) -> datetime | None:
    """The greatest ``order`` of the day's rows. One query."""
    found = lakehouse.read(table, Scope.of([day])).agg(F.max(F.unix_micros(order)).alias("at")).collect()
    return from_micros(found[0]["at"])

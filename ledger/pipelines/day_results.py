"""The results of a control for one KST day: what B's operations write, each table's rows in place of the day's former ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table
from ledger.delta.lakehouse import WriteResult
from ledger.delta.merges import Request
from ledger.delta.scope import Scope
from ledger.gold import exception_ledger
from ledger.instants import from_micros
from ledger.pipelines.attempt import Outcome, Restatement, Run
from ledger.pipelines.restatement import note_changes, restated_facts
from ledger.side_by_side import side_by_side
from ledger.silver import ledger_entries
from ledger.window import Window, kst_day


@dataclass(frozen=True)
class DayRows:
    """Rows of one table that replace the day's own, or of those the ones that ``delete_when`` holds for.

    ``differ``: the columns whose difference rewrites a stored row (default: all but the key); ``has_figures``: a rerun
    that changes them restates the day.
    """

    table: Table
    rows: DataFrame
    differ: tuple[str, ...] | None = None
    delete_when: str = "true"
    has_figures: bool = True

    @classmethod
    def of_exceptions(cls, rows: DataFrame, exception_type: str, run_id: str) -> DayRows:
        """One type's exceptions of the day and run; those of other runs and types stay."""
        table = exception_ledger.TABLE
        mine = f"t.domain = 'ledger' AND t.exception_type = '{exception_type}' AND t.run_id = '{run_id}'"
        differ = tuple(c for c in exception_ledger.IDENTITY if c not in table.key)
        return cls(table, rows, differ, mine, has_figures=False)


@dataclass(frozen=True)
class Committed:
    """Rows written per table, and figures per table that were restated."""

    writes: Mapping[str, WriteResult]
    restated_figures: Mapping[str, int]

    def outcome(self, window: Window, restated: Restatement | None) -> Outcome:
        """As the materializations tell it."""
        facts = restated_facts(restated, self.restated_figures)
        return Outcome(window, writes=dict(self.writes), facts=facts, restated=restated)


def commit_day(run: Run, day: date, restated: Restatement | None, results: Sequence[DayRows]) -> Committed:
    """Note what changes in a day that was controlled before, then merge: a rerun leaves what a first run leaves."""
    figures = [result for result in results if result.has_figures] if restated else []
    noted = side_by_side([partial(note_changes, run, restated, r.table, r.rows) for r in figures])
    scope = Scope.of([day])
    written = run.lakehouse.merge_all(
        [Request(r.table, r.rows, scope, differ=r.differ, delete_when=r.delete_when) for r in results]
    )
    return Committed(
        {result.table.full_name: write for result, write in zip(results, written, strict=True)},
        {result.table.name: n for result, n in zip(figures, noted, strict=True)},
    )


def lookback(run: Run, day: date) -> Scope:
    """The day and the lookback before it."""
    return Scope(day - timedelta(days=run.lookback_days), day)


def entries_since(run: Run, frame: DataFrame, ts: str, day: date) -> DataFrame:
    """Ledger entries from the earliest instant of ``frame`` to the day's end: only partitions that can matter."""
    row = frame.agg(F.min(F.unix_micros(ts)).alias("earliest")).collect()[0]
    instant = from_micros(row["earliest"])
    return run.lakehouse.read(ledger_entries.TABLE, Scope(kst_day(instant) if instant else day, day))

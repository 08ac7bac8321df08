"""The journal of changes: what Silver changes and what controls have read, in one order (spec sections 2 and 7).

Silver notes the days that change ahead of its merges (``under_way``) and after them (``done``), and other days that
have to judge again for them (``outdated``). A control remembers the
newest note when it begins to read, and notes it when it has succeeded (``controlled``). So whatever moments they overlap
at, a control either is refused, because a Silver run is not done, or finds a newer note on its day, and is due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.delta.answers import question
from ledger.delta.lakehouse import Lakehouse
from ledger.errors import CommitConflictError
from ledger.instants import from_micros
from ledger.pipelines.registry import PIPELINE_SILVER, PipelineName, needs_of
from ledger.silver import day_changes
from ledger.window import Window

Phase = Literal["under_way", "done", "outdated", "computed", "controlled"]
_TIMES = ("window_start_ts", "window_end_ts", "landing_at", "changed_at")
_MAX_TRIES = 20


@dataclass(frozen=True)
class Note:
    """One row of the journal. ``seq`` 0: not placed yet."""

    phase: Phase
    pipeline_name: PipelineName
    changed_date_kst: date
    run_id: str
    window: Window
    changed_at: datetime
    source_table: str | None = None
    rows_changed: int = 0
    read_from: int | None = None
    landing_at: datetime | None = None
    seq: int = 0

    @property
    def is_change(self) -> bool:
        return self.pipeline_name == PIPELINE_SILVER.name and self.rows_changed > 0


@dataclass(frozen=True)
class Journal:
    """All notes, ascending."""

    notes: tuple[Note, ...]

    @property
    def newest_seq(self) -> int:
        return self.notes[-1].seq if self.notes else 0

    def unfinished(self) -> list[Note]:
        """Notes of Silver runs that are under way, or were left half merged: no later run has done their window."""
        silver = [note for note in self.notes if note.pipeline_name == PIPELINE_SILVER.name]
        done = [note for note in silver if note.phase == "done"]
        return [
            note
            for note in silver
            if note.phase == "under_way"
            and not any(d.seq > note.seq and _covers(d.window, note.window) for d in done)
        ]

    def unfinished_for(self, pipeline: PipelineName, day: date) -> list[Note]:
        """Of these, the ones that change something that the control reads."""
        return [note for note in self.unfinished() if _concerns(note, pipeline, day)]

    def changes_since(self, seq: int, pipeline: PipelineName, day: date) -> list[Note]:
        """Silver's changes, after a position, of tables that the control of the day reads."""
        return [n for n in self.notes if n.seq > seq and n.is_change and _concerns(n, pipeline, day)]

    def read_from(self, pipeline: PipelineName, day: date) -> int | None:
        """The position that the day's newest successful control has read from; None for a day without one."""
        return next((n.read_from for n in reversed(self._of(pipeline, day, "controlled"))), None)

    def computed_from(self, pipeline: PipelineName, day: date, operations: Iterable[str]) -> int:
        """The position that the results of all operations stand on: the earliest of their newest."""
        newest = {n.source_table: n.read_from or 0 for n in self._of(pipeline, day, "computed")}
        return min(newest.get(operation, 0) for operation in operations)

    def due(self, pipeline: PipelineName) -> list[date]:
        """Controlled days, ascending, of which Silver has changed something since their control read it."""
        read_from = {
            n.changed_date_kst: n.read_from or 0
            for n in self.notes
            if (n.pipeline_name, n.phase) == (pipeline, "controlled")
        }
        changed = {n.changed_date_kst: n.seq for n in self.notes if n.is_change and _is_read(n, pipeline)}
        needs, due, before, newest = needs_of(pipeline), [], date.min, 0
        for day in sorted({*read_from, *changed}):
            newest = max(newest if needs.reaches(before, day) else 0, changed.get(day, 0))
            if newest > read_from.get(day, newest):
                due.append(day)
            before = day
        return due

    def silver_of(self, day: date) -> Note | None:
        """The newest ``done`` of a Silver run over the whole KST day."""
        whole = Window.of_day(day)
        return next((n for n in reversed(self.notes) if n.phase == "done" and n.window == whole), None)

    def silver_days_after(self, day: date) -> list[date]:
        """The whole KST days after this one that Silver has done, ascending."""
        done = {n.window for n in self.notes if n.phase == "done" and n.window.date_kst > day}
        return sorted(window.date_kst for window in done if window.is_kst_day)

    def outdated(self) -> list[date]:
        """Days, ascending, that Silver has done from what the run of another day changed afterwards, or meanwhile."""
        settled: dict[date, int] = {}
        for note in self.notes:
            if note.phase == "outdated":
                settled[note.changed_date_kst] = max(
                    settled.get(note.changed_date_kst, 0), self._end_of(note)
                )
        done = {day: self.silver_of(day) for day in settled}
        return sorted(day for day, seq in settled.items() if (last := done[day]) and _began(last) < seq)

    def _end_of(self, note: Note) -> int:
        """The position at which the changes of a Silver note stand in the tables; its own where they were left unfinished."""
        later = (n for n in self.notes if n.phase == "done" and n.seq > note.seq)
        return next((n.seq for n in later if _covers(n.window, note.window)), note.seq)

    def _of(self, pipeline: PipelineName, day: date, phase: Phase) -> list[Note]:
        wanted = (pipeline, day, phase)
        return [n for n in self.notes if (n.pipeline_name, n.changed_date_kst, n.phase) == wanted]


def _began(done: Note) -> int:
    """The position from which the run has read; older warehouses have only that of its end."""
    return done.seq if done.read_from is None else done.read_from


def _covers(outer: Window, inner: Window) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _concerns(note: Note, pipeline: PipelineName, day: date) -> bool:
    return _is_read(note, pipeline) and needs_of(pipeline).reaches(note.changed_date_kst, day)


def _is_read(note: Note, pipeline: PipelineName) -> bool:
    return note.source_table in needs_of(pipeline).tables


def read_journal(lakehouse: Lakehouse) -> Journal:
    """The journal as it stands. At most one query."""
    notes = []
    for row in lakehouse.answer(day_changes.TABLE, note_rows):
        values = row.asDict() | {name: from_micros(row[name]) for name in _TIMES}
        window = Window(values.pop("window_start_ts"), values.pop("window_end_ts"))
        notes.append(Note(window=window, **values))
    return Journal(tuple(sorted(notes, key=lambda n: (n.seq, n.changed_date_kst, n.source_table or ""))))


@question(
    seq=int,
    phase=str,
    pipeline_name=str,
    changed_date_kst=date,
    source_table=str,
    rows_changed=int,
    run_id=str,
    window_start_ts=int,
    window_end_ts=int,
    read_from=int,
    landing_at=int,
    changed_at=int,
)
def note_rows(table: DataFrame) -> DataFrame:
    return table.select(
        *[F.unix_micros(n).alias(n) if n in _TIMES else F.col(n) for n in day_changes.TABLE.column_names]
    )


def append_notes(
    lakehouse: Lakehouse,
    journal: Journal,
    notes: Sequence[Note],
    *,
    unless: Callable[[Journal], None] = lambda journal: None,
) -> Journal:
    """The journal with the notes at its end, in one commit; ``journal`` is what the caller has read.

    Notes that others wrote meanwhile come first; ``unless`` may raise on seeing them. Raises
    :class:`CommitConflictError` when others keep writing.
    """
    for _ in range(_MAX_TRIES):
        placed = [replace(note, seq=journal.newest_seq + 1) for note in notes]
        rows = lakehouse.rows(day_changes.TABLE, [_record(note) for note in placed])
        if lakehouse.append_after(
            day_changes.TABLE, rows, order="seq", newest=str(journal.newest_seq), expected=len(placed)
        ):
            return Journal((*journal.notes, *placed))
        journal = read_journal(lakehouse)
        unless(journal)
    raise CommitConflictError("others kept writing notes", table=day_changes.TABLE.full_name)


def _record(note: Note) -> dict[str, object]:
    values = asdict(note)
    del values["window"]
    return values | {"window_start_ts": note.window.start, "window_end_ts": note.window.end}

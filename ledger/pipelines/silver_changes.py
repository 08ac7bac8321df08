"""Journal notes of Silver around its merges, so that no control can miss a change (spec sections 2 and 7).

``begin`` writes ahead which days change; ``finish`` says that they have. A run that dies in between leaves its days
unfinished: B and C refuse them until Silver has done the window again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from ledger.bronze.landing_file import CHANGES_LIVE_ROWS
from ledger.delta.merge_plan import MergePlan
from ledger.delta.scope import Scope
from ledger.errors import CommitConflictError
from ledger.gold.ledger_supply_balance_daily import issued_flow_per_day
from ledger.journal import Journal, Note, append_notes, read_journal
from ledger.pipelines.attempt import Run
from ledger.pipelines.registry import PIPELINE_SILVER
from ledger.pipelines.silver_candidates import landing_of
from ledger.pipelines.silver_relations import days_to_decide_again
from ledger.silver import day_changes, ledger_daily_flow, ledger_entries
from ledger.window import Window

_ENTRIES = ledger_entries.SILVER.name


@dataclass(frozen=True)
class Changes:
    """Changes that a run is about to make: its notes, the journal that ends with them, and days whose flow may be stale."""

    window: Window
    notes: tuple[Note, ...]
    journal: Journal
    stale_flow_days: tuple[date, ...]


def landing_seen(run: Run, window: Window) -> datetime | None:
    """The newest change of live rows in the window's landing day: what the run does not see makes the day due again.

    None for a window that is no whole KST day, for a day without files, and where another system fills Bronze.
    """
    if run.ingest == "external" or not window.is_kst_day:
        return None
    of_day = [e for e in landing_of(run, window).events or () if e.landing_date_kst == window.date_kst]
    return max((event.at for event in of_day if event.status in CHANGES_LIVE_ROWS), default=None)


def begin(run: Run, window: Window, plans: Sequence[MergePlan]) -> Changes:
    """Note every day that the plans change, and that has to run again for it, ahead of the merges; nothing to change makes
    no note."""
    journal = read_journal(run.lakehouse)
    left_behind = [note for note in journal.unfinished() if window.start <= note.window.start < window.end]
    now = run.clock()
    notes = [
        Note(
            phase="under_way",
            pipeline_name=PIPELINE_SILVER.name,
            changed_date_kst=day,
            run_id=run.run_id,
            window=window,
            changed_at=now,
            source_table=plan.table.full_name,
            rows_changed=rows,
        )
        for plan in plans
        for day, rows in sorted(_days_of(plan, window).items())
    ]
    again = (
        days_to_decide_again(run, window, plans, journal.silver_days_after(window.date_kst)) if notes else []
    )
    outdated = [
        Note("outdated", PIPELINE_SILVER.name, day, run.run_id, window, now, source_table=_ENTRIES)
        for day in again
    ]
    if notes:
        journal = append_notes(run.lakehouse, journal, [*notes, *outdated])
    stale = {n.changed_date_kst for n in (*left_behind, *notes) if n.source_table == _ENTRIES}
    return Changes(window, tuple(notes), journal, tuple(sorted(stale)))


def finish(run: Run, changes: Changes, *, landing_at: datetime | None, read_from: int) -> Journal:
    """Note that the changes are made, and what of the landing and of the journal they rest on.

    Raises :class:`CommitConflictError` where another Silver run wrote notes meanwhile (see :func:`give_up`); the retry
    does the changes again.
    """
    window, now = changes.window, run.clock()
    none = Note("done", PIPELINE_SILVER.name, window.date_kst, run.run_id, window, now, rows_changed=0)
    done = [
        replace(note, phase="done", changed_at=now, landing_at=landing_at, read_from=read_from)
        for note in changes.notes or (none,)
    ]

    def refuse_beside_another_run(journal: Journal) -> None:
        other = _other_run(changes, journal)
        if other and changes.notes:
            raise CommitConflictError(
                f"run {other.run_id} of pipeline_silver was at work at the same time",
                table=day_changes.TABLE.full_name,
                partition=str(window.date_kst),
                action="run Silver for the day again",
            )

    return append_notes(run.lakehouse, changes.journal, done, unless=refuse_beside_another_run)


def give_up(run: Run, changes: Changes) -> None:
    """After a failure between ``begin`` and ``finish``: the days must not count as done.

    They do not, unless another Silver run of the window has written notes meanwhile (its orphan is this one, that woke
    up): nobody can say in which order the rows came then, so the days are noted as under way once more.
    """
    journal = read_journal(run.lakehouse)
    if changes.notes and _other_run(changes, journal):
        append_notes(run.lakehouse, journal, changes.notes)


def _other_run(changes: Changes, journal: Journal) -> Note | None:
    later = (note for note in journal.notes if note.seq > changes.journal.newest_seq)
    return next((note for note in later if note.pipeline_name == PIPELINE_SILVER.name), None)


def _days_of(plan: MergePlan, window: Window) -> dict[date, int]:
    """Rows that change per day; of a table without days all of them, on the window's day."""
    if plan.table.partition_by:
        return plan.partitions
    rows = plan.inserted + plan.updated + plan.deleted
    return {window.date_kst: rows} if rows else {}


def refresh_daily_flow(run: Run, days: Iterable[date]) -> None:
    """Recompute the issued flow of the days, after their entries were merged."""
    days = sorted(days)
    if not days:
        return
    lakehouse, now = run.lakehouse, run.clock()
    entries = lakehouse.read(ledger_entries.TABLE, Scope.of(days))
    found = {row["event_date_kst"]: row for row in issued_flow_per_day(entries).collect()}
    rows = [
        {
            "event_date_kst": day,
            "issued_flow": found[day]["issued_flow"] if day in found else 0,
            "entry_cnt": found[day]["entry_cnt"] if day in found else 0,
            "run_id": run.run_id,
            "refreshed_at": now.isoformat(),
        }
        for day in days
    ]
    lakehouse.merge(ledger_daily_flow.TABLE, lakehouse.rows(ledger_daily_flow.TABLE, rows), scope=Scope())

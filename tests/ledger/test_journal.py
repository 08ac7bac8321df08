"""The journal of changes: one order of what Silver changes and what controls have read (spec sections 2 and 7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from ledger.delta.lakehouse import Lakehouse
from ledger.errors import CommitConflictError
from ledger.journal import Journal, Note, Phase, append_notes, read_journal
from ledger.pipelines.registry import PipelineName
from ledger.silver import day_changes
from ledger.window import Window

DAY = date(2026, 2, 10)
NEXT, LAST = DAY + timedelta(days=1), DAY + timedelta(days=2)
NOON = datetime(2026, 2, 11, 3, 0, 0, 123456, tzinfo=UTC)
ENTRIES, EVENTS, PRODUCTS = "silver.ledger_entries", "silver.order_events", "silver.products"


def silver(seq: int, phase: Phase, day: date, *, changes: date | None = None, table: str = ENTRIES) -> Note:
    """A Silver run over ``day`` that changes a row of ``changes`` (its own day unless told)."""
    note = Note("done", "pipeline_silver", changes or day, "s", Window.of_day(day), NOON, table, 1, seq=seq)
    return replace(note, phase=phase)


def controlled(seq: int, day: date, *, read_from: int, pipeline: PipelineName = "pipeline_b") -> Note:
    note = Note("controlled", "pipeline_b", day, "b", Window.of_day(day), NOON, read_from=read_from, seq=seq)
    return replace(note, pipeline_name=pipeline)


def journal(*notes: Note) -> Journal:
    return Journal(notes)


class TestDue:
    """INV-22: a controlled day is due when Silver noted a change of what it read after it began to read."""

    def test_nothing_is_due_in_an_empty_journal(self) -> None:
        assert journal().due("pipeline_b") == []

    def test_a_change_after_the_reading_makes_the_day_and_every_later_one_due(self) -> None:
        known = journal(
            *[controlled(n, day, read_from=n - 1) for n, day in enumerate((DAY, NEXT, LAST), 1)],
            silver(4, "under_way", NEXT),
        )
        assert known.due("pipeline_b") == [NEXT, LAST]

    def test_a_change_while_the_control_ran_counts(self) -> None:
        assert journal(silver(1, "under_way", DAY), controlled(2, DAY, read_from=0)).due("pipeline_b") == [
            DAY
        ]

    def test_the_end_of_the_change_counts_for_a_control_that_read_halfway(self) -> None:
        """Only with an overridden readiness: it has read a day that was half merged."""
        known = journal(silver(1, "under_way", DAY), silver(2, "done", DAY), controlled(3, DAY, read_from=1))
        assert known.due("pipeline_b") == [DAY]

    def test_a_control_that_read_the_change_is_not_due(self) -> None:
        known = journal(silver(1, "under_way", DAY), silver(2, "done", DAY), controlled(3, DAY, read_from=2))
        assert known.due("pipeline_b") == []

    def test_a_day_that_was_never_controlled_is_not_due(self) -> None:
        """It is not restated, it is controlled for the first time."""
        assert journal(silver(1, "done", DAY)).due("pipeline_b") == []

    def test_only_what_the_control_reads_counts(self) -> None:
        controls = (controlled(1, DAY, read_from=0), controlled(2, DAY, read_from=0, pipeline="pipeline_c"))
        for table, due_b, due_c in ((ENTRIES, [DAY], []), (PRODUCTS, [], [DAY]), (EVENTS, [DAY], [DAY])):
            known = journal(*controls, silver(3, "done", DAY, table=table))
            assert (known.due("pipeline_b"), known.due("pipeline_c")) == (due_b, due_c), table

    def test_c_depends_on_its_day_alone(self) -> None:
        known = journal(
            controlled(1, NEXT, read_from=0, pipeline="pipeline_c"), silver(2, "done", DAY, table=EVENTS)
        )
        assert known.due("pipeline_c") == []

    def test_a_run_that_changed_nothing_makes_nothing_due(self) -> None:
        known = journal(controlled(1, DAY, read_from=0), replace(silver(2, "done", DAY), rows_changed=0))
        assert known.due("pipeline_b") == []


def test_a_day_is_outdated_until_silver_has_done_it_again() -> None:
    """INV-14: by a run of another day; a day that Silver never did is not run again, it is run for the first time."""
    noted = (silver(1, "done", NEXT), silver(2, "outdated", DAY, changes=NEXT), silver(3, "done", DAY))
    assert journal(*noted[1:]).outdated() == []
    assert journal(*noted).outdated() == [NEXT]
    assert journal(*noted, silver(4, "done", NEXT)).outdated() == []
    assert journal(*noted).silver_days_after(DAY) == [NEXT]
    for read_from, outdated in ((1, [NEXT]), (2, [NEXT]), (3, [])):  # before, during and after the other run
        assert journal(*noted, replace(silver(4, "done", NEXT), read_from=read_from)).outdated() == outdated
    died = replace(silver(3, "done", NEXT), read_from=2)
    assert journal(*noted[:2], died).outdated() == [], "the other run's retry says it again"


class TestUnfinished:
    """B and C are refused while a Silver run is under way or was left half merged."""

    def test_a_run_that_is_not_done_is_unfinished(self) -> None:
        known = journal(silver(1, "under_way", NEXT, changes=DAY))
        assert len(known.unfinished_for("pipeline_b", DAY)) == 1
        assert len(known.unfinished_for("pipeline_b", LAST)) == 1, "B reads every earlier day"
        assert known.unfinished_for("pipeline_b", DAY - timedelta(days=1)) == []
        assert known.unfinished_for("pipeline_c", LAST) == []

    def test_the_next_run_of_the_window_settles_it_whether_or_not_it_had_anything_to_change(self) -> None:
        rerun = replace(silver(2, "done", DAY), rows_changed=0, source_table=None)
        assert journal(silver(1, "under_way", DAY, changes=NEXT), rerun).unfinished() == []

    def test_a_run_of_another_window_does_not_settle_it(self) -> None:
        assert journal(silver(1, "under_way", DAY, changes=NEXT), silver(2, "done", NEXT)).unfinished()

    def test_an_earlier_end_does_not_settle_a_later_run(self) -> None:
        known = journal(silver(1, "under_way", DAY), silver(2, "done", DAY), silver(3, "under_way", DAY))
        assert [note.seq for note in known.unfinished()] == [3]


def test_results_stand_on_the_earliest_of_what_their_operations_read() -> None:
    """Recon is not repeated when only supply_ops failed; it has read less."""
    computed = replace(controlled(1, DAY, read_from=1), phase="computed")
    known = journal(
        replace(computed, source_table="recon", read_from=3),
        replace(computed, source_table="supply_ops", read_from=1),
        replace(computed, source_table="supply_ops", read_from=5),
    )
    assert known.computed_from("pipeline_b", DAY, ("recon", "supply_ops")) == 3
    assert known.computed_from("pipeline_b", NEXT, ("recon", "supply_ops")) == 0


def test_notes_are_placed_behind_those_that_others_wrote_meanwhile(lakehouse: Lakehouse) -> None:
    lakehouse.create(day_changes.TABLE)
    stale = read_journal(lakehouse)
    append_notes(lakehouse, stale, [silver(0, "under_way", DAY), silver(0, "under_way", NEXT)])
    known = append_notes(lakehouse, stale, [controlled(0, DAY, read_from=0)])
    assert [(note.seq, note.phase) for note in known.notes] == [
        (1, "under_way"),
        (1, "under_way"),
        (2, "controlled"),
    ]
    assert read_journal(lakehouse) == known


def test_a_note_can_be_withheld_because_of_what_others_wrote(lakehouse: Lakehouse) -> None:
    lakehouse.create(day_changes.TABLE)
    stale = read_journal(lakehouse)
    append_notes(lakehouse, stale, [silver(0, "under_way", DAY)])

    def refuse(journal: Journal) -> None:
        raise CommitConflictError("another run")

    with pytest.raises(CommitConflictError, match="another run"):
        append_notes(lakehouse, stale, [silver(0, "done", NEXT)], unless=refuse)
    assert len(read_journal(lakehouse).notes) == 1

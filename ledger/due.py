"""Which KST days have to run again, and what: the landing changed, or Silver changed what a control has read (spec 2 and 4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from ledger.bronze.landing_file import newest_changes
from ledger.delta.lakehouse import Lakehouse
from ledger.journal import Journal, read_journal
from ledger.pipelines.registry import DAILY, PipelineName


def days_due(lakehouse: Lakehouse) -> dict[PipelineName, list[date]]:
    """The days that are due, ascending, per pipeline, in the order in which these have to run. Two queries."""
    journal = read_journal(lakehouse)
    changes = newest_changes(lakehouse)
    return {p.name: journal.due(p.name) if p.needs else silver_due(journal, changes) for p in DAILY}


def silver_due(journal: Journal, changes: Mapping[date, datetime]) -> list[date]:
    """Days whose live rows, or what their entries relate to, changed after Silver did the whole day.

    ``changes``: the newest change of live rows per landing day.
    """
    due = set(journal.outdated())
    for day, changed_at in changes.items():
        done = journal.silver_of(day)
        if done is not None and (done.landing_at is None or done.landing_at < changed_at):
            due.add(day)
    return sorted(due)

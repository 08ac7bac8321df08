"""Which version of a landing file counts, by the events of its path (spec sections 2 and 4). Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from ledger.bronze.landing_file import (
    LandingEvent,
    Status,
    dead_versions,
    live_versions,
    newest_versions,
)

START = datetime(2026, 2, 3, tzinfo=UTC)
# path: what was said of which content, in this order; the content that counts, and those that do not any more.
SAID: dict[str, tuple[list[tuple[Status, str]], str | None, set[str]]] = {
    "loaded": ([("loaded", "1")], "1", set()),
    "replaced": ([("loaded", "1"), ("superseded", "1"), ("loaded", "2")], "2", {"1"}),
    "back again": (
        [("loaded", "1"), ("superseded", "1"), ("loaded", "2"), ("superseded", "2"), ("loaded", "1")], "1", {"2"}
    ),
    "withdrawn": ([("loaded", "1"), ("withdrawn", "1")], None, {"1"}),
    "withdrawn, then other content": ([("loaded", "1"), ("withdrawn", "1"), ("loaded", "2")], "2", {"1"}),
    "failed after a load": ([("loaded", "1"), ("failed", "2")], "1", set()),
    "skipped after a load": ([("loaded", "1"), ("skipped", "2")], "1", set()),
    "never loaded": ([("failed", "1"), ("skipped", "1")], None, set()),
}  # fmt: skip


def events(*, backwards: bool) -> list[LandingEvent]:
    found = [
        LandingEvent(path, sha256, date(2026, 2, 3), status, "r", START + timedelta(seconds=n))
        for path, (said, _, _) in SAID.items()
        for n, (status, sha256) in enumerate(said)
    ]
    return found[::-1] if backwards else found


def test_live_versions_are_the_newest_loaded_or_none_of_a_withdrawn_path() -> None:
    """In whatever order the events are read."""
    expected = {(path, live) for path, (_, live, _) in SAID.items() if live}
    assert live_versions(events(backwards=False)) == live_versions(events(backwards=True)) == expected


def test_dead_versions_were_loaded_once_and_count_no_more() -> None:
    assert dead_versions(events(backwards=True)) == {
        (path, sha256) for path, (_, _, dead) in SAID.items() for sha256 in dead
    }


def test_newest_versions_are_decided_by_loads_and_withdrawals_alone() -> None:
    found = {
        path: (event.status, event.sha256) for path, event in newest_versions(events(backwards=True)).items()
    }
    assert found == {
        path: next((status, sha256) for status, sha256 in said[::-1] if status in ("loaded", "withdrawn"))
        for path, (said, *_) in SAID.items()
        if path != "never loaded"
    }

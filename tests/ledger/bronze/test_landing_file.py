"""Which version of a landing file counts, by the events of its path (spec sections 2 and 4)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from pyspark.sql import SparkSession

from ledger.bronze.landing_file import (
    TABLE,
    LandingEvent,
    Status,
    dead_versions,
    live_versions,
    newest_change_rows,
    newest_versions,
)
from ledger.instants import from_micros
from tests.ledger.frames import Values, by_first, frame

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


def test_newest_change_rows_are_per_landing_day_and_of_live_rows_alone(spark: SparkSession) -> None:
    """A file that failed or was skipped changes no row that counts."""
    said: list[Values] = [
        {"landing_date_kst": f"2026-02-0{day}", "status": status, "at": START + timedelta(seconds=second)}
        for day, status, second in [
            (1, "loaded", 1), (1, "superseded", 2), (1, "failed", 9),
            (2, "withdrawn", 5), (2, "loaded", 3), (2, "skipped", 8), (3, "failed", 7),
        ]
    ]  # fmt: skip
    found = by_first(newest_change_rows(frame(spark, TABLE, said)))
    assert {str(day): from_micros(at) for day, at in found.items()} == {
        "2026-02-01": START + timedelta(seconds=2),
        "2026-02-02": START + timedelta(seconds=5),
    }

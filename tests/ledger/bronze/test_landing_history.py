"""From what a load found out to the events that it adds (spec section 4). Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from ledger.bronze.landing_file import LandingEvent, Status
from ledger.bronze.landing_history import History, Judged, events_of, withdrawal

DAY, NOW = date(2026, 2, 3), datetime(2026, 2, 3, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=1)


def said(status: Status, sha256: str, *, at: datetime = BEFORE, reason: str | None = None) -> LandingEvent:
    return LandingEvent(
        "p", sha256, DAY, status, "old", at, bytes=9, rows=3, unparsable_rows=1, reason=reason
    )


def judged(status: Literal["loaded", "skipped", "failed"], sha256: str, reason: str | None = None) -> Judged:
    return Judged("p", DAY, status, sha256, bytes=9, rows=3, unparsable_rows=1, reason=reason)


def added(history: list[LandingEvent], *found: Judged) -> list[tuple[str, str, str | None]]:
    events = events_of(History(history), found, run_id="r", now=NOW)
    assert all(event.run_id == "r" for event in events)
    return [(event.status, event.sha256, event.reason) for event in events]


def test_events_of_a_new_file_and_of_one_that_the_history_knows() -> None:
    """An event is said once; a failure for another reason is news."""
    assert added([], judged("loaded", "1")) == [("loaded", "1", None)]
    assert added([said("loaded", "1")], judged("loaded", "1")) == []
    assert added([said("failed", "1", reason="a")], judged("failed", "1", "a")) == []
    assert added([said("failed", "1", reason="a")], judged("failed", "1", "b")) == [("failed", "1", "b")]


def test_events_of_other_content_end_the_version_before_it_first() -> None:
    replaced = [("superseded", "1", "replaced by 2"), ("loaded", "2", None)]
    assert added([said("loaded", "1")], judged("loaded", "2")) == replaced
    assert added([said("loaded", "1")], judged("failed", "2", "why")) == [("failed", "2", "why")]
    failed_since = [said("loaded", "1"), said("failed", "2")]
    assert added(failed_since, judged("loaded", "1")) == [("loaded", "1", None)], "it does not end itself"


def test_events_of_withdrawn_content_withdraw_it_again_with_the_reason_of_then() -> None:
    """Also where other content counts by now: that ends with it."""
    before = [said("loaded", "1"), said("withdrawn", "1", reason="wrong"), said("loaded", "2")]
    assert added(before, judged("loaded", "1")) == [
        ("superseded", "2", "replaced by 1"), ("withdrawn", "1", "wrong")
    ]  # fmt: skip
    assert added([said("loaded", "1"), said("withdrawn", "1")], judged("loaded", "1")) == []


def test_events_are_each_later_than_the_one_before_whatever_the_clock_says() -> None:
    ahead = said("loaded", "1", at=NOW + timedelta(days=1))
    events = events_of(History([ahead]), [judged("loaded", "2")], run_id="r", now=NOW)
    times = [ahead.at, *[event.at for event in events]]
    assert len(times) == 3
    assert times == sorted(set(times))
    (alone,) = events_of(History([]), [judged("loaded", "1")], run_id="r", now=NOW)
    assert alone.at == NOW


def test_withdrawal_takes_the_live_version_back_and_says_who_and_why() -> None:
    live = said("loaded", "1")
    ahead = replace(live, path="q", at=NOW + timedelta(days=1))
    found = withdrawal(live, by="kim", reason="wrong day", run_id="w", history=History([live]), now=NOW)
    assert found == replace(
        live, status="withdrawn", run_id="w", at=NOW, reason="wrong day (withdrawn by kim)"
    )
    later = withdrawal(live, by="kim", reason="x", run_id="w", history=History([live, ahead]), now=NOW)
    assert later.at > ahead.at


def test_history_gives_a_repeated_load_the_numbers_of_the_first() -> None:
    history = History([]).with_events([said("loaded", "1")])
    assert history.of(Judged("p", DAY, "loaded", "1")).rows == 3
    assert history.of(Judged("p", DAY, "failed", "1")).rows is None
    assert history.of(Judged("p", DAY, "loaded", "2")).rows is None
    assert list(history.live) == ["p"]
    assert History([said("loaded", "1"), said("withdrawn", "1")]).live == {}

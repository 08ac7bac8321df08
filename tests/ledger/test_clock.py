"""INV-93: Clocks that step back, stand still or run ahead: order, the watermark, its repair (spec section 3)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ledger.clock import refuse_far_ahead
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.errors import ClockError, ParameterError, ReadinessError
from ledger.gold import pipeline_run_log, pipeline_state, state_repair_log
from ledger.pipelines.registry import PipelineName
from ledger.pipelines.watermark import set_watermark
from ledger.quality.health import RECENT, state_verdicts
from ledger.readiness import check_ready
from ledger.silver import day_changes
from ledger.state import (
    Attempt,
    newest_attempt,
    read_attempts,
    read_state,
    record_failure,
    record_success,
)
from ledger.window import Window

DAY = date(2026, 2, 10)
NOON = datetime(2026, 2, 11, 3, tzinfo=UTC)
MINUTE, TEN_MONTHS = timedelta(minutes=1), timedelta(days=304)


@pytest.fixture
def lake(lakehouse: Lakehouse) -> Lakehouse:
    """Empty state tables."""
    for table in (pipeline_state.TABLE, pipeline_run_log.TABLE, day_changes.TABLE):
        lakehouse.create(table)
    return lakehouse


def attempt(
    pipeline: PipelineName, at: datetime, run_id: str = "r1", window: Window | None = None
) -> Attempt:
    return Attempt(pipeline, run_id, window or Window.of_day(DAY), at, at + MINUTE)


def newest(lake: Lakehouse, pipeline: PipelineName) -> str:
    found = newest_attempt(read_attempts(lake, Scope.of([DAY])), pipeline, DAY)
    assert found is not None
    return found.status


def test_a_failure_whose_clock_is_ten_minutes_behind_closes_the_gate(lake: Lakehouse) -> None:
    """INV-12: what came last is the newest, for the gate, for health and for whoever reads the attempts."""
    record_success(lake, attempt("pipeline_silver", NOON))
    check_ready(lake, "pipeline_b", Window.of_day(DAY))
    record_failure(lake, attempt("pipeline_silver", NOON - 10 * MINUTE, "r2"))
    assert newest(lake, "pipeline_silver") == "failure"
    with pytest.raises(ReadinessError, match="found: failure"):
        check_ready(lake, "pipeline_b", Window.of_day(DAY))
    silver = state_verdicts(lake, NOON + timedelta(hours=1), start=DAY)[1]
    assert (silver.check, silver.passed) == (RECENT, False)
    record_success(lake, attempt("pipeline_silver", NOON - 20 * MINUTE, "r3"))
    check_ready(lake, "pipeline_b", Window.of_day(DAY))


def test_two_runs_at_one_instant_do_not_take_back_each_other_s_state(
    lake: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-10: two hosts whose clocks say the same; the second one read the state before the first one wrote it."""
    record_failure(lake, attempt("pipeline_silver", NOON, "r0"))
    before = read_state(lake, "pipeline_silver")
    record_success(lake, attempt("pipeline_silver", NOON, "r1"))
    reads = iter([before])
    with monkeypatch.context() as patch:
        patch.setattr("ledger.state.read_state", lambda *given: next(reads, None) or read_state(*given))
        record_failure(lake, attempt("pipeline_silver", NOON, "r2"))
    after = read_state(lake, "pipeline_silver")
    assert (after.last_success_ts, after.last_run_id) == (NOON + MINUTE, "r2")


def landing_with(folder: Path, day: date) -> str:
    (folder / "user_wallets" / f"date={day}").mkdir(parents=True)
    return str(folder)


class TestAhead:
    """A clock is believed up to a day after what others vouch for."""

    def test_tables_without_a_success_say_nothing_against_a_clock(self, lake: Lakehouse) -> None:
        refuse_far_ahead(lake, NOON + TEN_MONTHS, landing=None)
        record_failure(lake, attempt("pipeline_a", NOON))
        refuse_far_ahead(lake, NOON + TEN_MONTHS, landing=None)

    def test_ten_months_are_refused_and_a_failure_under_that_clock_vouches_for_nothing(
        self, lake: Lakehouse, tmp_path: Path
    ) -> None:
        record_success(lake, attempt("pipeline_b", NOON))
        landing = landing_with(tmp_path / "landing", DAY)
        refuse_far_ahead(lake, NOON + timedelta(days=1), landing=landing)
        for _ in range(2):
            with pytest.raises(
                ClockError, match="304 days after everything that is known: the newest is the success"
            ):
                refuse_far_ahead(lake, NOON + TEN_MONTHS + MINUTE, landing=landing)
            record_failure(lake, attempt("pipeline_a", NOON + TEN_MONTHS))

    def test_landed_file_vouches_for_its_day(self, lake: Lakehouse, tmp_path: Path) -> None:
        record_success(lake, attempt("pipeline_b", NOON))
        landing = landing_with(tmp_path / "landing", (NOON + TEN_MONTHS).date())
        refuse_far_ahead(lake, NOON + TEN_MONTHS, landing=landing)

    def test_a_person_may_vouch_for_it(self, lake: Lakehouse) -> None:
        """The system was really away for so long: A goes on from there."""
        record_success(lake, attempt("pipeline_b", NOON))
        now = NOON + TEN_MONTHS
        set_watermark(lake, "pipeline_a", now, by="on-call", reason="the site was closed", now=now)
        refuse_far_ahead(lake, now + MINUTE, landing=None)


def test_a_watermark_in_the_future_is_red_and_set_right_by_name(lake: Lakehouse) -> None:
    """INV-10: who decided it and why is recorded; the next default window begins there."""
    ahead = Window(NOON - MINUTE, NOON + TEN_MONTHS)
    record_success(lake, attempt("pipeline_a", NOON, window=ahead), needs_contiguous_window=True)
    red = state_verdicts(lake, NOON, start=DAY)[0]
    assert not red.passed
    assert "the watermark of pipeline_a (2026-12-12T03:00:00Z) lies in the future" in red.says
    assert "ledgerctl watermark pipeline_a --to" in red.says
    set_watermark(lake, "pipeline_a", NOON, by="on-call", reason="the clock was wrong", now=NOON + MINUTE)
    assert state_verdicts(lake, NOON + MINUTE, start=DAY)[0].passed
    assert read_state(lake, "pipeline_a").last_processed_end == NOON
    (repair,) = lake.read(state_repair_log.TABLE).select("pipeline_name", "decided_by", "reason").collect()
    assert tuple(repair) == ("pipeline_a", "on-call", "the clock was wrong")


@pytest.mark.parametrize(
    ("pipeline", "to", "by", "reason", "said"),
    [
        ("pipeline_a", NOON + 2 * MINUTE, "x", "y", "--to: 2026-02-11T03:02:00Z lies in the future"),
        ("pipeline_a", NOON, " ", "y", "--by: it is blank"),
        ("pipeline_a", NOON, "x", "", "--reason: it is blank"),
        ("pipeline_silver", NOON, "x", "y", "the watermark of pipeline_silver is 2026-02-10T15:00:00Z"),
        ("pipeline_b", NOON, "x", "y", "there is none yet"),
    ],
)
def test_a_repair_that_says_more_than_a_person_can_know_is_refused(
    lake: Lakehouse, pipeline: PipelineName, to: datetime, by: str, reason: str, said: str
) -> None:
    """A watermark of Silver says that days were done: nobody sets it forward by hand."""
    record_success(lake, attempt("pipeline_silver", NOON))
    with pytest.raises(ParameterError, match=said):
        set_watermark(lake, pipeline, to, by=by, reason=reason, now=NOON + MINUTE)

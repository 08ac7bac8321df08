"""Pipeline state, run log, readiness, restatement (spec sections 2, 3 and 7)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ledger.delta.lakehouse import Lakehouse
from ledger.errors import ReadinessError
from ledger.gold import pipeline_run_log, pipeline_state
from ledger.instants import from_micros
from ledger.pipelines.registry import PipelineName
from ledger.readiness import check_ready
from ledger.silver import day_changes
from ledger.state import (
    Attempt,
    PipelineState,
    read_state,
    record_failure,
    record_success,
)
from ledger.window import Window

DAY = date(2026, 2, 10)
NOON = datetime(2026, 2, 11, 3, 0, 0, 123456, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def lake(lakehouse: Lakehouse) -> Lakehouse:
    """Empty state tables."""
    for table in (pipeline_state.TABLE, pipeline_run_log.TABLE, day_changes.TABLE):
        lakehouse.create(table)
    return lakehouse


def attempt(pipeline: PipelineName, window: Window | date, at: datetime = NOON, **more: Any) -> Attempt:
    window = window if isinstance(window, Window) else Window.of_day(window)
    values = {"run_id": "r1", "started_at": at, "ended_at": at + MINUTE, **more}
    return Attempt(pipeline_name=pipeline, window=window, **values)


def log(lake: Lakehouse) -> list[tuple[str, date, str, str]]:
    rows = lake.read(pipeline_run_log.TABLE).orderBy("started_at", "status").collect()
    return [(r["pipeline_name"], r["date_kst"], r["run_id"], r["status"]) for r in rows]


def test_a_pipeline_that_never_ran_has_an_empty_state(lake: Lakehouse) -> None:
    assert read_state(lake, "pipeline_b") == PipelineState("pipeline_b")


def test_a_success_sets_everything(lake: Lakehouse) -> None:
    """INV-11"""
    record_success(lake, attempt("pipeline_silver", DAY, rows_read=5, rows_written=4, rows_quarantined=1))
    assert read_state(lake, "pipeline_silver") == PipelineState(
        "pipeline_silver", NOON + MINUTE, Window.of_day(DAY).end, "r1", {}
    )
    assert log(lake) == [("pipeline_silver", DAY, "r1", "success")]
    row = lake.read(pipeline_run_log.TABLE).collect()[0]
    assert (row["rows_read"], row["rows_written"], row["rows_quarantined"]) == (5, 4, 1)


def test_a_failure_sets_only_run_and_time(lake: Lakehouse) -> None:
    """INV-11"""
    record_success(lake, attempt("pipeline_a", DAY), zero_window_counts={"orders": 2})
    before = read_state(lake, "pipeline_a")
    record_failure(
        lake, attempt("pipeline_a", DAY + timedelta(days=1), NOON + HOUR, run_id="r2", message="boom")
    )
    after = read_state(lake, "pipeline_a")
    assert after == PipelineState(
        "pipeline_a", before.last_success_ts, before.last_processed_end, "r2", {"orders": 2}
    )
    updated = lake.read(pipeline_state.TABLE).selectExpr("unix_micros(updated_at) AS t").collect()[0]["t"]
    assert from_micros(updated) == NOON + HOUR + MINUTE
    assert [entry[3] for entry in log(lake)] == ["success", "failure"]


def test_a_failure_before_any_success_leaves_the_watermark_empty(lake: Lakehouse) -> None:
    """INV-11"""
    record_failure(lake, attempt("pipeline_c", DAY))
    assert read_state(lake, "pipeline_c") == PipelineState("pipeline_c", last_run_id="r1")


def test_one_attempt_that_fails_in_two_tasks_is_one_row(lake: Lakehouse) -> None:
    """INV-11: B's tasks fail side by side; another attempt is another row."""
    for _ in range(2):
        record_failure(lake, attempt("pipeline_b", DAY))
    record_failure(lake, attempt("pipeline_b", DAY, NOON + MINUTE))
    assert len(log(lake)) == 2


def test_the_watermark_never_moves_back(lake: Lakehouse) -> None:
    """INV-10: a backfill of an old day does not reopen newer ones."""
    for offset, expected in ((0, 0), (-3, 0), (2, 2), (1, 2), (2, 2)):
        record_success(lake, attempt("pipeline_silver", DAY + timedelta(days=offset)))
        watermark = read_state(lake, "pipeline_silver").last_processed_end
        assert watermark == Window.of_day(DAY + timedelta(days=expected)).end


@pytest.mark.parametrize("record", [record_success, record_failure])
def test_a_run_that_overlaps_another_does_not_take_back_its_success(
    lake: Lakehouse, monkeypatch: pytest.MonkeyPatch, record: Callable[[Lakehouse, Attempt], None]
) -> None:
    """INV-10: two runs of one pipeline side by side (the command line and the schedule); one ends in between."""
    before = read_state(lake, "pipeline_silver")
    record_success(lake, attempt("pipeline_silver", DAY))
    reads = iter([before])  # the first read sees what stood before the other run ended
    with monkeypatch.context() as patch:
        patch.setattr("ledger.state.read_state", lambda *given: next(reads, None) or read_state(*given))
        record(lake, attempt("pipeline_silver", DAY - timedelta(days=1), run_id="old"))
    after = read_state(lake, "pipeline_silver")
    assert after.last_success_ts == NOON + MINUTE
    assert after.last_processed_end == Window.of_day(DAY).end


@pytest.mark.parametrize(
    ("start", "end", "advances"),
    [
        (timedelta(0), HOUR, True),
        (-HOUR, HOUR, True),
        (-HOUR, timedelta(0), False),
        (-2 * HOUR, -HOUR, False),
        (timedelta(microseconds=1), HOUR, False),
        (HOUR, 2 * HOUR, False),
    ],
)
def test_a_s_watermark_advances_from_contiguous_windows_alone(
    lake: Lakehouse, start: timedelta, end: timedelta, advances: bool
) -> None:
    """INV-10: a gap stays visible; the next default window begins where the gap does."""
    mark = datetime(2026, 2, 10, 1, tzinfo=UTC)
    for window in (Window(mark - HOUR, mark), Window(mark + start, mark + end)):
        record_success(lake, attempt("pipeline_a", window), needs_contiguous_window=True)
    assert read_state(lake, "pipeline_a").last_processed_end == (mark + end if advances else mark)


def test_zero_window_counts_are_kept_unless_they_are_given(lake: Lakehouse) -> None:
    """INV-10: an A backfill leaves them alone."""
    record_success(lake, attempt("pipeline_a", DAY), zero_window_counts={"b": 1, "a": 3})
    record_success(lake, attempt("pipeline_a", DAY))
    assert read_state(lake, "pipeline_a").zero_window_counts == {"a": 3, "b": 1}
    text = lake.read(pipeline_state.TABLE).collect()[0]["dq_zero_window_counts"]
    assert json.loads(text) == {"a": 3, "b": 1}
    record_success(lake, attempt("pipeline_a", DAY), zero_window_counts={"a": 0, "b": 0})
    assert read_state(lake, "pipeline_a").zero_window_counts == {"a": 0, "b": 0}


def test_a_long_message_is_cut_and_quotes_survive(lake: Lakehouse) -> None:
    text = 'it\'s "broken" — 지갑\n' + "x" * 5000
    record_failure(lake, attempt("pipeline_b", DAY, message=text))
    stored = lake.read(pipeline_run_log.TABLE).collect()[0]["message"]
    assert text.startswith(stored)
    assert len(stored) >= 1000


class TestReadiness:
    """B and C start on days that Silver has finished, and nowhere else."""

    def refused(self, lake: Lakehouse, days: int = 1) -> str:
        window = Window(Window.of_day(DAY).start, Window.of_day(DAY + timedelta(days=days - 1)).end)
        with pytest.raises(ReadinessError) as caught:
            check_ready(lake, "pipeline_b", window)
        return str(caught.value)

    def test_never_succeeded(self, lake: Lakehouse) -> None:
        """INV-12: also when it has failed, and also when B itself has succeeded."""
        record_failure(lake, attempt("pipeline_silver", DAY))
        record_success(lake, attempt("pipeline_b", DAY))
        text = self.refused(lake)
        assert "required: a success of pipeline_silver; found: it never succeeded" in text
        assert "run pipeline_silver_materialization for 2026-02-10" in text

    def test_not_far_enough(self, lake: Lakehouse) -> None:
        """INV-12: what was required and what was found."""
        record_success(lake, attempt("pipeline_silver", DAY - timedelta(days=1)))
        text = self.refused(lake)
        assert "required: pipeline_silver.last_processed_end >= 2026-02-10T15:00:00+00:00" in text
        assert "found: 2026-02-09T15:00:00+00:00" in text

    def test_a_hole_below_the_watermark(self, lake: Lakehouse) -> None:
        """INV-12: the watermark alone cannot see it."""
        record_success(lake, attempt("pipeline_silver", DAY + timedelta(days=1)))
        assert "newest pipeline_silver run of 2026-02-10 is a success; found: no run" in self.refused(lake)

    def test_the_newest_run_of_the_day_failed(self, lake: Lakehouse) -> None:
        """INV-12: an older success does not help, a later one does."""
        record_success(lake, attempt("pipeline_silver", DAY))
        record_failure(lake, attempt("pipeline_silver", DAY, NOON + HOUR))
        assert "2026-02-10 is a success; found: failure" in self.refused(lake)
        record_success(lake, attempt("pipeline_silver", DAY, NOON + 2 * HOUR))
        check_ready(lake, "pipeline_b", Window.of_day(DAY))

    def test_every_day_of_a_window_counts(self, lake: Lakehouse) -> None:
        """INV-12"""
        for offset in (0, 2):
            record_success(lake, attempt("pipeline_silver", DAY + timedelta(days=offset)))
        assert "run of 2026-02-11 is a success; found: no run" in self.refused(lake, days=3)
        check_ready(lake, "pipeline_b", Window.of_day(DAY))
        check_ready(lake, "pipeline_b", Window.of_day(DAY + timedelta(days=2)))


@pytest.mark.parametrize("instant", [NOON, datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), None])
def test_microseconds_are_exact(instant: datetime | None) -> None:
    micros = (
        None if instant is None else (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    )
    assert from_micros(micros) == instant

"""Late data: what is run again, by cursor cases on a real instance (spec section 2, Convergence)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import freeze_time

from ledger.pipelines.registry import PipelineName
from orchestration.sensors.late_data import DUE, evaluate, withdrawal
from tests.orchestration.records import FAILURE, STARTED, SUCCESS, D, Records, day, requested

SILVER: PipelineName = "pipeline_silver"
SILVER_JOB = "pipeline_silver_materialization"
B_JOB, C_JOB = "pipeline_b_controls", "pipeline_c_analytics"


def due(b: list[int], c: list[int] | None = None) -> dict[str, dict[str, list[str]]]:
    return {DUE: {"pipeline_b": [str(day(n)) for n in b], "pipeline_c": [str(day(n)) for n in c or []]}}


class Watch:
    def __init__(self, records: Records) -> None:
        self.records = records
        self.cursor: str | None = None

    def asks(self) -> list[tuple[str | None, str | None]]:
        self.result = evaluate(self.records.instance, self.cursor)
        self.cursor = self.result.cursor
        return requested(self.result)

    @property
    def reason(self) -> str:
        assert not self.result.run_requests
        return str(self.result.skip_reason)


@pytest.fixture
def watch(records: Records) -> Watch:
    return Watch(records)


def test_first_nothing_new_and_repeated(records: Records, watch: Watch) -> None:
    """INV-35"""
    assert watch.asks() == []
    assert "Silver has not succeeded yet" in watch.reason
    records.success(SILVER, D, **due([]))
    assert watch.asks() == []
    assert "no controlled day was changed" in watch.reason
    assert watch.asks() == []
    assert "no new success" in watch.reason
    records.success(SILVER, D, **due([0, 1], [0]))
    before = watch.cursor
    assert watch.asks() == [(B_JOB, str(day(0))), (B_JOB, str(day(1))), (C_JOB, str(day(0)))]
    keys = [r.run_key for r in watch.result.run_requests or []]
    watch.cursor = before
    watch.asks()
    assert [r.run_key for r in watch.result.run_requests or []] == keys, "idempotent"
    assert watch.asks() == []


def test_a_silver_whose_clock_is_behind_the_control_s_came_after_it_all_the_same(
    records: Records, watch: Watch
) -> None:
    """INV-35: what came after what is the event log's word, not that of two hosts' clocks."""
    records.run("pipeline_b", D, SUCCESS)
    with freeze_time(datetime.now(UTC) - timedelta(minutes=10)):
        records.success(SILVER, D, **due([0]))
    assert watch.asks() == [(B_JOB, str(D))]


def test_only_the_newest_list_counts(records: Records, watch: Watch) -> None:
    """INV-35: every list is whole; successes come in any order of days."""
    records.success(SILVER, day(3), **due([0, 1, 2], [0]))
    records.success(SILVER, day(1), **due([1]))
    assert watch.asks() == [(B_JOB, str(day(1)))]


def test_a_day_that_was_run_since_is_not_run_again(records: Records, watch: Watch) -> None:
    """INV-35: nor one that is at work since; a failed one, or one that began before the change, is."""
    records.run("pipeline_b", day(0), SUCCESS)
    records.run("pipeline_b", day(1), STARTED)
    records.success(SILVER, D, **due([0, 1, 2, 3, 4]))
    records.run("pipeline_b", day(2), SUCCESS)
    records.run("pipeline_b", day(3), STARTED)
    records.run("pipeline_b", day(4), FAILURE)
    assert watch.asks() == [(B_JOB, str(day(n))) for n in (0, 1, 4)]


def test_a_restatement_that_failed_is_due_with_the_next_success(records: Records, watch: Watch) -> None:
    """INV-35: partial: the day stays due until B has succeeded."""
    records.success(SILVER, D, **due([0, 1]))
    assert len(watch.asks()) == 2
    records.run("pipeline_b", day(0), FAILURE)
    records.run("pipeline_b", day(1), SUCCESS)
    assert watch.asks() == []
    records.success(SILVER, day(2), **due([0]))
    assert watch.asks() == [(B_JOB, str(day(0)))]


def test_a_withdrawal_makes_silver_run_though_another_day_succeeds(records: Records, watch: Watch) -> None:
    """INV-35: the list of one kind of event hides none of the other."""
    records.success(SILVER, D, **due([0]))
    records.instance.report_runless_asset_event(withdrawal([day(1)]))
    records.success(SILVER, day(2), **due([0]))
    assert sorted(watch.asks()) == [(B_JOB, str(day(0))), (SILVER_JOB, str(day(1)))]
    assert watch.asks() == []


def test_a_success_without_a_list_asks_for_nothing(records: Records, watch: Watch) -> None:
    """INV-35: one that an older version wrote; and a cursor set by hand breaks nothing."""
    records.success(SILVER, D)
    watch.cursor = "nonsense"
    assert watch.asks() == []


def test_the_requests_can_be_launched(records: Records, watch: Watch) -> None:
    """INV-35: each names a job and a partition of it, and says why."""
    records.success(SILVER, D, **due([0], [0]))
    watch.asks()
    from orchestration.definitions import defs

    for request in watch.result.run_requests or []:
        job = defs.resolve_job_def(str(request.job_name))
        assert isinstance(job.partitions_def, dg.DailyPartitionsDefinition)
        assert job.partitions_def.has_partition_key(str(request.partition_key))
        assert "restatement" in request.tags["ledger/reason"]

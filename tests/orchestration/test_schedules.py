"""Requests of each tick: on time, during a run, after an outage (spec section 3). Nothing is executed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from assets.partitions import TIMEZONE
from assets.run_tags import TICK_TAG
from ledger.pipelines.registry import PipelineName
from ledger.window import Window
from orchestration.definitions import defs
from orchestration.schedules import daily_requests, guardrail_request
from resources.ledger import LedgerResource
from tests.orchestration.records import FAILURE, STARTED, SUCCESS, WAITING, D, Records, day, requested, utc

B: PipelineName = "pipeline_b"
SILVER: PipelineName = "pipeline_silver"
MIDNIGHT = utc(day(1), 0)  # when D has ended


def daily(
    records: Records, pipeline: PipelineName, tick: datetime, late: timedelta = timedelta(seconds=3)
) -> object:
    return daily_requests(records.instance, pipeline, tick, tick + late, catch_up_days=31)


def skip(result: object) -> str:
    assert isinstance(result, dg.SkipReason), result
    return str(result.skip_message)


class TestGuardrail:
    def test_a_tick_runs_up_to_its_instant(self, records: Records) -> None:
        """INV-32: in the partition of the window's last instant, which at midnight is the day that ended."""
        result = guardrail_request(records.instance, MIDNIGHT, MIDNIGHT + timedelta(seconds=2))
        assert isinstance(result, dg.RunRequest)
        assert (result.partition_key, result.tags[TICK_TAG]) == (str(D), MIDNIGHT.isoformat())

    def test_a_tick_during_a_run_is_skipped(self, records: Records) -> None:
        """INV-31: whether it is queued or at work, and whoever launched it."""
        for status in (WAITING, STARTED):
            run = records.run("pipeline_a", D, status)
            reason = skip(guardrail_request(records.instance, MIDNIGHT, MIDNIGHT))
            assert run.run_id[:8] in reason
            assert "the next tick starts at the watermark" in reason
            records.instance.delete_run(run.run_id)
        records.run("pipeline_a", D, FAILURE)
        records.run(SILVER, D, STARTED)
        assert requested(guardrail_request(records.instance, MIDNIGHT, MIDNIGHT))

    def test_of_missed_ticks_only_the_newest_runs(self, records: Records) -> None:
        """INV-32: five minutes to ten after three hours of outage: one run, from the watermark to 09:50."""
        now = utc(D, 9, 55)
        ticks = [utc(D, 9) + n * timedelta(minutes=10) for n in range(6)]
        results = [guardrail_request(records.instance, tick, now) for tick in ticks]
        assert [isinstance(r, dg.RunRequest) for r in results] == [False] * 5 + [True]
        assert "the newest tick's run starts at the watermark" in skip(results[0])


class TestDaily:
    @pytest.mark.parametrize("pipeline", [SILVER, B, "pipeline_c"])
    def test_yesterday_is_run(self, records: Records, pipeline: PipelineName) -> None:
        """INV-32: on time B and C ask for it whether or not Silver is ready: they fail closed, and that is seen."""
        assert [d for _, d in requested(daily(records, pipeline, MIDNIGHT))] == [str(D)]

    def test_a_day_that_was_run_is_not_run_again(self, records: Records) -> None:
        """INV-32: its failure is a verdict; who repairs it starts it."""
        for status in (SUCCESS, FAILURE):
            run = records.run(SILVER, D, status)
            assert "was already run" in skip(daily(records, SILVER, MIDNIGHT))
            records.instance.delete_run(run.run_id)

    def test_a_tick_during_a_run_is_skipped(self, records: Records) -> None:
        """INV-31"""
        records.run(SILVER, day(-20), STARTED)
        assert "the sensor missed_days asks for the day afterwards" in skip(daily(records, SILVER, MIDNIGHT))
        records.run(B, day(-20), WAITING)
        assert "the sensor silver_ready asks" in skip(daily(records, B, MIDNIGHT))

    def test_silver_catches_up_day_by_day(self, records: Records) -> None:
        """INV-32: the newest tick asks for every day of the outage, ascending; an older tick for none."""
        records.run(SILVER, day(-3), SUCCESS)
        late = timedelta(hours=9)
        assert "the newest tick asks" in skip(
            daily(records, SILVER, MIDNIGHT - timedelta(days=1), timedelta(days=1))
        )
        assert [d for _, d in requested(daily(records, SILVER, MIDNIGHT, late))] == [
            str(day(n)) for n in (-2, -1, 0)
        ]

    def test_after_an_outage_b_waits_for_silver(self, records: Records) -> None:
        """INV-32: what Silver has caught up with is run; the rest is left to silver_ready, without a false alarm."""
        records.run(SILVER, day(-3), SUCCESS)
        records.run(B, day(-3), SUCCESS)
        tick, late = utc(day(1), 0, 20), timedelta(hours=9)
        assert "Silver has not done 2026-02-10 yet" in skip(daily(records, B, tick, late))
        records.run(SILVER, day(-2), SUCCESS)
        records.run(SILVER, day(-1), STARTED)
        assert [d for _, d in requested(daily(records, B, tick, late))] == [str(day(-2))]

    def test_history_before_the_first_run_is_left_alone(self, records: Records) -> None:
        """INV-32: a new installation, and one after a long pause, starts with yesterday; a backfill does the rest."""
        records.run(SILVER, day(-31), SUCCESS)
        assert [d for _, d in requested(daily(records, SILVER, MIDNIGHT))] == [str(D)]
        records.run(SILVER, D, SUCCESS)
        assert [d for _, d in requested(daily(records, SILVER, MIDNIGHT + timedelta(days=1)))] == [
            str(day(1))
        ]


def test_every_schedule_is_evaluated_as_the_daemon_does(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-32: through its definition, at a tick of its own cron expression, into a run that can be launched."""
    now = utc(day(1), 0, 50) - timedelta(days=9)  # 2026-02-02; the cleanup's own tick is on the 1st
    repository = defs.get_repository_def()
    for schedule in repository.schedule_defs:
        tick = next(schedule_execution_time_iterator(now.timestamp(), str(schedule.cron_schedule), TIMEZONE))
        monkeypatch.setattr(LedgerResource, "now", lambda self, at=tick: at.astimezone(UTC))
        context = dg.build_schedule_context(
            instance=records.instance,
            scheduled_execution_time=tick,
            repository_def=repository,
            resources={"ledger": LedgerResource()},
        )
        (request,) = schedule.evaluate_tick(context).run_requests or []
        job = defs.resolve_job_def(schedule.job_name)
        partition = request.partition_key
        assert job.partitions_def is None or partition == str(
            Window(tick - timedelta(days=1), tick - timedelta(hours=1)).date_kst
            if schedule.job_name != "pipeline_a_guardrail"
            else Window(tick - timedelta(minutes=10), tick).date_kst
        )
    assert {s.name: s.cron_schedule for s in repository.schedule_defs} == {
        "pipeline_a_every_10_minutes": "*/10 * * * *",
        "pipeline_silver_daily": "0 0 * * *",
        "pipeline_b_daily": "20 0 * * *",
        "pipeline_c_daily": "35 0 * * *",
        "bad_records_retention_monthly": "50 0 1 * *",
        "ledger_health_hourly": "10 * * * *",
    }
    assert {s.execution_timezone for s in repository.schedule_defs} == {"Asia/Seoul"}


@pytest.mark.parametrize("name", ["bad_records_retention_monthly", "ledger_health_hourly"])
def test_schedule_without_a_window_asks_once(
    records: Records, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """INV-31: a run of the job that is still at work, and for the health checks a missed tick, is reason enough."""
    schedule = defs.get_repository_def().get_schedule_def(name)
    tick = next(schedule_execution_time_iterator(MIDNIGHT.timestamp(), str(schedule.cron_schedule), TIMEZONE))

    def evaluated(late: timedelta) -> dg.SkipReason | None:
        monkeypatch.setattr(LedgerResource, "now", lambda _: tick.astimezone(UTC) + late)
        context = dg.build_schedule_context(
            instance=records.instance,
            scheduled_execution_time=tick,
            repository_def=defs.get_repository_def(),
            resources={"ledger": LedgerResource()},
        )
        found = schedule.evaluate_tick(context)
        return None if found.run_requests else dg.SkipReason(found.skip_message)

    assert evaluated(timedelta(seconds=3)) is None
    assert (evaluated(timedelta(hours=1)) is None) == (name != "ledger_health_hourly")
    run = records.instance.create_run_for_job(defs.resolve_job_def(schedule.job_name), status=STARTED)
    assert run.run_id[:8] in skip(evaluated(timedelta(seconds=3)))

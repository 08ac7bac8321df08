"""Silver days that the schedule missed: skipped while a backfill was at work, or longer ago than the scheduler knows."""

from __future__ import annotations

from datetime import datetime, timedelta

import dagster as dg

from configs.settings import Settings
from ledger.window import kst_day
from orchestration.jobs import PIPELINE_JOBS
from orchestration.processes import run_at_work
from orchestration.runs import describe, missed_days
from orchestration.schedules import due_at, request
from resources import told
from resources.ledger import LedgerResource

_SETTLE = timedelta(minutes=10)  # the schedule's own tick comes first


def missed_days_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Silver for days that nobody ran; it needs no cursor, because a day that was run is not missed any more."""

    @dg.sensor(
        name="missed_days",
        job_name=PIPELINE_JOBS["pipeline_silver"],
        minimum_interval_seconds=300,
        default_status=status,
        description="Runs Silver for days that its schedule missed",
    )
    def missed(
        context: dg.SensorEvaluationContext, ledger: LedgerResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        return evaluate(context.instance, ledger.now(), catch_up_days=settings.orchestration.catch_up_days)

    return missed


def evaluate(
    instance: dg.DagsterInstance, now: datetime, *, catch_up_days: int
) -> list[dg.RunRequest] | dg.SkipReason:
    """One run for each missed day, ascending."""
    yesterday = kst_day(now) - timedelta(days=1)
    if now < due_at("pipeline_silver", yesterday) + _SETTLE:
        return dg.SkipReason(told.text(f"{yesterday} is the schedule's turn"))
    running = run_at_work(instance, "pipeline_silver")
    if running:
        return dg.SkipReason(told.text(f"{describe(running)} is still at work"))
    days = missed_days(instance, "pipeline_silver", yesterday, within_days=catch_up_days)
    if not days:
        return dg.SkipReason("no day was missed")
    return [request("pipeline_silver", day, f"missed:{day}", "missed") for day in days]

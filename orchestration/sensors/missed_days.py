"""Silver days that the schedule missed: skipped while a backfill was at work, or longer ago than the scheduler knows."""

from __future__ import annotations

from datetime import datetime, timedelta

import dagster as dg

from configs.settings import Settings
from ledger.pipelines.registry import PIPELINE_SILVER
from ledger.window import kst_day
from orchestration.processes import run_at_work
from orchestration.requests import day_request
from orchestration.runs import describe, missed_days
from resources import told
from resources.ledger import LedgerResource

_SETTLE = timedelta(minutes=10)  # the schedule's own tick comes first


def missed_days_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Silver for days that nobody ran; it needs no cursor, because a day that was run is not missed any more."""

    @dg.sensor(
        name="missed_days",
        job_name=PIPELINE_SILVER.job,
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
    if now < PIPELINE_SILVER.schedule.due_at(yesterday) + _SETTLE:
        return dg.SkipReason(told.text(f"{yesterday} is the schedule's turn"))
    running = run_at_work(instance, PIPELINE_SILVER.name)
    if running:
        return dg.SkipReason(told.text(f"{describe(running)} is still at work"))
    days = missed_days(instance, PIPELINE_SILVER.name, yesterday, within_days=catch_up_days)
    if not days:
        return dg.SkipReason("no day was missed")
    return [day_request(PIPELINE_SILVER.name, day, f"missed:{day}", "missed") for day in days]

"""When the pipelines run: the runbook's cadence, in KST (spec section 3).

After an outage the scheduler offers up to five missed ticks of a partitioned job. Only the newest tick acts: A's run
starts at its watermark, and the daily ones ask for every day that nobody ran. So nothing depends on how many ticks
the scheduler still knows (docs/decisions.md, D-062).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from assets.partitions import TIMEZONE
from assets.retention import RETENTION_JOB
from assets.run_tags import TICK_TAG
from configs.settings import Settings
from ledger.pipelines.registry import BY_NAME, DAILY, PIPELINE_A, Pipeline, PipelineName
from ledger.window import kst_day
from orchestration.jobs import HEALTH_JOB
from orchestration.processes import run_at_work
from orchestration.requests import Launch, day_request, run_request
from orchestration.runs import describe, is_unfinished, missed_days, newest_runs, succeeded_days
from resources import told
from resources.ledger import LedgerResource

_HEALTH_INTERVAL = timedelta(hours=1)
_DAY = timedelta(days=1)
# A tick that is evaluated this much later than it was due comes after an outage.
_LATE = timedelta(minutes=5)
_INSTANT = timedelta(microseconds=1)


def all_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Every schedule; running or stopped as the settings say."""
    status = (
        dg.DefaultScheduleStatus.RUNNING
        if settings.orchestration.automation == "running"
        else dg.DefaultScheduleStatus.STOPPED
    )
    daily = [_daily(pipeline, settings.orchestration.catch_up_days, status) for pipeline in DAILY]
    return [_guardrail(status), *daily, _retention(status), _health(status)]


def guardrail_request(
    instance: dg.DagsterInstance, tick: datetime, now: datetime
) -> dg.RunRequest | dg.SkipReason:
    """A's run for one tick: from its watermark to the tick, in the partition of the window's last instant."""
    if tick + PIPELINE_A.schedule.every <= now:
        return dg.SkipReason(
            told.text(f"missed at {tick:%H:%M}Z: the newest tick's run starts at the watermark")
        )
    running = run_at_work(instance, PIPELINE_A.name)
    if running:
        return dg.SkipReason(
            told.text(f"{describe(running)} is still at work; the next tick starts at the watermark")
        )
    launch = Launch(
        PIPELINE_A.job,
        kst_day(tick - _INSTANT),
        {"run_mode": "incremental"},
        tags={TICK_TAG: tick.isoformat()},
    )
    return run_request(launch, f"tick:{tick.isoformat()}")


def daily_requests(
    instance: dg.DagsterInstance, pipeline: PipelineName, tick: datetime, now: datetime, *, catch_up_days: int
) -> list[dg.RunRequest] | dg.SkipReason:
    """One run for each KST day up to yesterday that nobody ran, ascending."""
    if tick + _DAY <= now:
        return dg.SkipReason(
            told.text(f"missed on {kst_day(tick)}: the newest tick asks for every day that nobody ran")
        )
    needs = BY_NAME[pipeline].needs
    running = run_at_work(instance, pipeline)
    if running:
        return dg.SkipReason(
            told.text(
                f"{describe(running)} is still at work; the sensor"
                f" {'silver_ready' if needs else 'missed_days'} asks for the day afterwards"
            )
        )
    yesterday = kst_day(tick) - _DAY
    days = missed_days(instance, pipeline, yesterday, within_days=catch_up_days)
    if not days:
        return dg.SkipReason(told.text(f"{yesterday} was already run"))
    if needs:
        days = _ready(instance, needs.upstream, days, is_late=now - tick > _LATE, yesterday=yesterday)
        if not days:
            return dg.SkipReason(
                told.text(f"Silver has not done {yesterday} yet: the sensor silver_ready asks for it then")
            )
    return [
        day_request(pipeline, day, f"tick:{day}", "schedule" if day == yesterday else "missed")
        for day in days
    ]


def _ready(
    instance: dg.DagsterInstance,
    upstream: PipelineName,
    days: list[date],
    *,
    is_late: bool,
    yesterday: date,
) -> list[date]:
    """The days that B and C can do. On time, yesterday's run fails closed if Silver is not ready: that is an alarm.

    After an outage Silver's own catch-up is still under way, and a refusal would be noise.
    """
    done = succeeded_days(instance, upstream)
    at_work = {day for day, run in newest_runs(instance, upstream, days).items() if is_unfinished(run)}
    return [day for day in days if (day in done and day not in at_work) or (day == yesterday and not is_late)]


def _guardrail(status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{PIPELINE_A.name}_every_{PIPELINE_A.schedule.minutes}_minutes",
        job_name=PIPELINE_A.job,
        cron_schedule=PIPELINE_A.schedule.cron,
        execution_timezone=TIMEZONE,
        default_status=status,
        description="Guardrail from the last evaluated instant to the tick (runbook, section 2)",
    )
    def tick(context: dg.ScheduleEvaluationContext, ledger: LedgerResource) -> dg.RunRequest | dg.SkipReason:
        return guardrail_request(context.instance, _instant(context), ledger.now())

    return tick


def _daily(pipeline: Pipeline, catch_up_days: int, status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{pipeline.name}_daily",
        job_name=pipeline.job,
        cron_schedule=pipeline.schedule.cron,
        execution_timezone=TIMEZONE,
        default_status=status,
        description="Yesterday (KST), and every day before it that an outage left out (runbook, section 2)",
    )
    def tick(
        context: dg.ScheduleEvaluationContext, ledger: LedgerResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        return daily_requests(
            context.instance, pipeline.name, _instant(context), ledger.now(), catch_up_days=catch_up_days
        )

    return tick


def _retention(status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="bad_records_retention_monthly",
        job_name=RETENTION_JOB,
        cron_schedule="50 0 1 * *",
        execution_timezone=TIMEZONE,
        default_status=status,
        description="Deletes what the retention no longer keeps, after reporting it (runbook, section 7.1)",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return _unless_at_work(context, RETENTION_JOB)

    return tick


def _health(status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    # At ten past: at 01:10 C's half hour is over, so a night that went wrong is red then.
    @dg.schedule(
        name="ledger_health_hourly",
        job_name=HEALTH_JOB,
        cron_schedule="10 * * * *",
        execution_timezone=TIMEZONE,
        default_status=status,
        description="Is every pipeline's last success recent, is a day due for restatement? (runbook, section 4)",
    )
    def tick(context: dg.ScheduleEvaluationContext, ledger: LedgerResource) -> dg.RunRequest | dg.SkipReason:
        if _instant(context) + _HEALTH_INTERVAL <= ledger.now():
            return dg.SkipReason("missed: only the newest tick says how things stand")
        return _unless_at_work(context, HEALTH_JOB)

    return tick


def _unless_at_work(context: dg.ScheduleEvaluationContext, job: str) -> dg.RunRequest | dg.SkipReason:
    running = run_at_work(context.instance, job)
    if running:
        return dg.SkipReason(told.text(f"{describe(running)} is still at work"))
    return run_request(Launch(job), f"tick:{_instant(context).isoformat()}")


def _instant(context: dg.ScheduleEvaluationContext) -> datetime:
    return context.scheduled_execution_time.astimezone(UTC)

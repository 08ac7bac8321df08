"""The pipelines: four frozen values, over which everything loops that there is once per pipeline (spec section 3).

Jobs, pools, schedules, freshness, health, gates, finalizers, sensors, readiness, parameters and the command line's help
are made of them. They are plain data: importing this module loads neither Spark nor Dagster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from ledger.days import KST, day_start, kst_day

# The names as the type checker knows them; a test holds them to PIPELINES.
PipelineName = Literal["pipeline_a", "pipeline_silver", "pipeline_b", "pipeline_c"]
WINDOW_PARAMETERS = ("start_ts", "end_ts", "date_kst_start", "date_kst_end")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Schedule:
    """``at`` a KST time on the day after, or ``every`` few minutes; what it is for is done after ``grace`` (runbook section 4)."""

    grace: timedelta
    at: time = time(0, 0)
    every: timedelta = _DAY

    @property
    def is_daily(self) -> bool:
        return self.every == _DAY

    @property
    def minutes(self) -> int:
        """Length of the interval."""
        return self.every // timedelta(minutes=1)

    @property
    def cron(self) -> str:
        """When a run starts, in KST."""
        return f"{self.at.minute} {self.at.hour} * * *" if self.is_daily else f"*/{self.minutes} * * * *"

    @property
    def deadline_cron(self) -> str:
        """When its day has to be done, in KST; of an interval, when the next one begins."""
        if not self.is_daily:
            return self.cron
        deadline = datetime.combine(date.min, self.at) + self.grace
        return f"{deadline.minute} {deadline.hour} * * *"

    def due_at(self, day: date) -> datetime:
        """The UTC instant at which the run of a KST day starts: on the next one."""
        return day_start(day + _DAY) + timedelta(hours=self.at.hour, minutes=self.at.minute)

    def due_day(self, now: datetime) -> date:
        """The newest KST day that has to be done by now; of an interval, the day that is under way."""
        if not self.is_daily:
            return kst_day(now - self.every - self.grace)
        today = kst_day(now)
        deadline = datetime.combine(today, self.at, tzinfo=KST) + self.grace
        return today - (_DAY if now >= deadline else 2 * _DAY)

    def __str__(self) -> str:
        return f"{self.at:%H:%M} KST" if self.is_daily else f"Every {self.minutes} minutes"


@dataclass(frozen=True)
class Needs:
    """Inputs that another pipeline has to have ready: a gate asks before the start, the journal what changed since.

    ``tables``: full names; the first carries the gate's questions about the other pipeline as a whole. ``reach``:
    whether a KST day stands on its own rows alone, or on those of every earlier day as well.
    """

    upstream: PipelineName
    tables: tuple[str, ...]
    reach: Literal["day", "history"]

    def reaches(self, changed: date, day: date) -> bool:
        """Whether the results of ``day`` stand on the rows of the day ``changed``."""
        return changed <= day if self.reach == "history" else changed == day


@dataclass(frozen=True)
class Pipeline:
    """One pipeline. ``title`` and ``purpose`` are for people; ``operations`` compute and write, in the order of a run.

    ``parameters`` are those that a run of it takes, ``runbook_section`` the one to open when it fails, ``group`` its
    assets'. Where it ``needs`` another pipeline, a gate comes before its operations.
    """

    name: PipelineName
    title: str
    purpose: str
    job: str
    group: str
    operations: tuple[str, ...]
    schedule: Schedule
    runbook_section: str
    parameters: tuple[str, ...]
    needs: Needs | None = None

    @property
    def description(self) -> str:
        """Its job in a sentence or two."""
        gated = (
            f", after {BY_NAME[self.needs.upstream].title}: the gate asks for it first" if self.needs else ""
        )
        return f"{self.purpose} {self.schedule}{gated}. Runbook section {self.runbook_section}."

    @property
    def loads_landing(self) -> bool:
        """Whether it reads Bronze, and so loads the landing days of its windows on its way."""
        return self.needs is None

    @property
    def gate(self) -> str | None:
        """The operation that asks whether it may start."""
        return f"{self.name}_gate" if self.needs else None

    @property
    def job_operations(self) -> tuple[str, ...]:
        """The operations of its job, the gate first."""
        return (*([self.gate] if self.gate else []), *self.operations)

    @property
    def finalizer(self) -> str:
        """The job that records a failure which its own process could not."""
        return f"{self.name}_finalize_failure"


_HALF_AN_HOUR = timedelta(minutes=30)
_TEN_MINUTES = timedelta(minutes=10)
_COMMON = ("run_mode", *WINDOW_PARAMETERS, "run_id")
_OVERRIDE = ("skip_upstream_readiness_check", "skip_reason")

PIPELINE_A = Pipeline(
    name="pipeline_a",
    title="A",
    purpose="A: can the inputs be trusted?",
    job="pipeline_a_guardrail",
    group="guardrail",
    operations=("guardrail",),
    schedule=Schedule(grace=_TEN_MINUTES, every=_TEN_MINUTES),
    runbook_section="6.1",
    parameters=(*_COMMON, "rule_load_mode"),
)
PIPELINE_SILVER = Pipeline(
    name="pipeline_silver",
    title="Silver",
    purpose="What is clean, what is quarantined and why?",
    job="pipeline_silver_materialization",
    group="silver",
    operations=("materialize_silver",),
    schedule=Schedule(grace=_HALF_AN_HOUR, at=time(0, 0)),
    runbook_section="6.2",
    parameters=(*_COMMON, "rule_load_mode"),
)
PIPELINE_B = Pipeline(
    name="pipeline_b",
    title="B",
    purpose="B: does every wallet reconcile, does supply match?",
    job="pipeline_b_controls",
    group="controls",
    operations=("pipeline_b_recon", "pipeline_b_supply_ops", "pipeline_b_finalize_success"),
    schedule=Schedule(grace=_HALF_AN_HOUR, at=time(0, 20)),
    runbook_section="6.3",
    parameters=(*_COMMON, "rule_load_mode", *_OVERRIDE),
    needs=Needs(
        upstream="pipeline_silver",
        tables=("silver.ledger_entries", "silver.wallet_snapshot", "silver.order_events"),
        reach="history",
    ),
)
PIPELINE_C = Pipeline(
    name="pipeline_c",
    title="C",
    purpose="C: payments without personal data, for analysts.",
    job="pipeline_c_analytics",
    group="analytics",
    operations=("analytics",),
    schedule=Schedule(grace=_HALF_AN_HOUR, at=time(0, 35)),
    runbook_section="6.4",
    parameters=(*_COMMON, *_OVERRIDE),
    needs=Needs(
        upstream="pipeline_silver",
        tables=("silver.order_events", "silver.order_items", "silver.products"),
        reach="day",
    ),
)

PIPELINES = (PIPELINE_A, PIPELINE_SILVER, PIPELINE_B, PIPELINE_C)
"""In the order in which they run on a day."""
DAILY = tuple(pipeline for pipeline in PIPELINES if pipeline.schedule.is_daily)
CONTROLS = tuple(pipeline for pipeline in PIPELINES if pipeline.needs)
BY_NAME: Mapping[str, Pipeline] = {pipeline.name: pipeline for pipeline in PIPELINES}
BY_JOB: Mapping[str, Pipeline] = {pipeline.job: pipeline for pipeline in PIPELINES}


def needs_of(name: PipelineName) -> Needs:
    """The inputs of a pipeline that a gate guards."""
    needs = BY_NAME[name].needs
    assert needs is not None, f"{name} needs no other pipeline"
    return needs

"""``ledgerctl backfill``: a range of KST days, each with its own verdict; a failed day does not lose the others."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import dagster as dg

from configs.settings import Settings
from ledger.errors import ParameterError
from orchestration.jobs import PIPELINE_JOBS
from orchestration.launch import Launch, Launched, execute, plan

logger = logging.getLogger("ledger.run")
_LONGEST_DAYS = 3700
DAILY_JOBS = tuple(PIPELINE_JOBS.values())


@dataclass
class DayVerdict:
    """One KST day: the runs that were made, ascending in the day's order; it stops at the first that fails."""

    day: date
    runs: list[Launched] = field(default_factory=list)

    @property
    def failed(self) -> Launched | None:
        return next((run for run in self.runs if not run.success), None)

    def as_dict(self) -> dict[str, object]:
        failed = self.failed
        return {
            "date_kst": self.day.isoformat(),
            "success": failed is None,
            "failed_job": failed.launch.job if failed else None,
            "step": failed.step if failed else None,
            "reason": failed.reason if failed else None,
            "runs": [
                {"job": r.launch.job, "dagster_run_id": r.dagster_run_id, "success": r.success}
                for r in self.runs
            ],
        }

    def __str__(self) -> str:
        failed = self.failed
        return f"{self.day}  {f'FAILED at {failed.launch.job}: {failed.reason}' if failed else 'done'}"


def plan_backfill(
    first: date, last: date, jobs: Sequence[str], parameters: Mapping[str, str], settings: Settings
) -> list[list[Launch]]:
    """The runs of every day, in the order of the pipelines. Starts no Spark.

    Raises :class:`ParameterError` naming the parameter that is wrong, before anything runs.
    """
    if last < first:
        raise ParameterError(
            f"parameter to: {last} is before from {first}", action="give the earlier day first"
        )
    days = (last - first).days + 1
    if days > _LONGEST_DAYS:
        raise ParameterError(f"parameter to: {days} days are more than {_LONGEST_DAYS}")
    for job in jobs:
        if job not in DAILY_JOBS:
            raise ParameterError(
                f"parameter job: {job!r} has no daily runs", action=f"one of {', '.join(DAILY_JOBS)}"
            )
    chosen = [job for job in DAILY_JOBS if job in (jobs or DAILY_JOBS)]
    wanted = (first + timedelta(days=n) for n in range(days))
    return [[launch for job in chosen for launch in plan(job, parameters, day.isoformat())] for day in wanted]


def run_backfill(planned: Sequence[Sequence[Launch]], instance: dg.DagsterInstance) -> Iterator[DayVerdict]:
    """Run day by day; the verdict of each as it is known."""
    for number, launches in enumerate(planned, 1):
        verdict = DayVerdict(_day_of(launches))
        for launch in launches:
            logger.info("day %d of %d: %s ...", number, len(planned), launch)
            verdict.runs.append(execute(launch, instance))
            if not verdict.runs[-1].success:
                break
        logger.info("%s", verdict)
        yield verdict


def _day_of(launches: Sequence[Launch]) -> date:
    day = launches[0].day
    assert day is not None, "a daily run has its day"
    return day

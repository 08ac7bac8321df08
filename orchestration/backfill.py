"""``ledgerctl backfill``: a range of KST days, one by one; a failed day does not lose the others."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import dagster as dg

from configs.settings import Settings
from ledger.days import days_between
from ledger.pipelines.registry import PIPELINES
from ledger.shown import shown
from orchestration.launch import Launch, Launched, execute, plan

logger = logging.getLogger("ledger.run")
DAILY_JOBS = tuple(pipeline.job for pipeline in PIPELINES)


@dataclass
class DayRuns:
    """The runs that were made of one KST day, in the day's order; it stops at the first that fails."""

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
        return f"{self.day}  {shown(f'FAILED at {failed.launch.job}: {failed.reason}') if failed else 'done'}"


def plan_backfill(
    first: date, last: date, jobs: Sequence[str], parameters: Mapping[str, str], settings: Settings
) -> list[list[Launch]]:
    """The runs of every day, in the order of the pipelines. Starts no Spark.

    Raises :class:`ParameterError` naming the parameter that is wrong, before anything runs.
    """
    wanted = days_between(first, last)
    chosen = [job for job in DAILY_JOBS if job in (jobs or DAILY_JOBS)]
    return [[launch for job in chosen for launch in plan(job, parameters, day.isoformat())] for day in wanted]


def run_backfill(planned: Sequence[Sequence[Launch]], instance: dg.DagsterInstance) -> Iterator[DayRuns]:
    """Run day by day; each day's runs as they are known."""
    for number, launches in enumerate(planned, 1):
        made = DayRuns(_day_of(launches))
        for launch in launches:
            logger.info("day %d of %d: %s ...", number, len(planned), launch)
            made.runs.append(execute(launch, instance))
            if not made.runs[-1].success:
                break
        logger.info("%s", made)
        yield made


def _day_of(launches: Sequence[Launch]) -> date:
    day = launches[0].day
    assert day is not None, "a daily run has its day"
    return day

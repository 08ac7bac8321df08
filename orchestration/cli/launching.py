"""``run``, ``day``, ``backfill``, ``ingest``: launch, wait, and say what now stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import click

from configs.settings import Settings, load_settings
from ledger.days import days_between
from ledger.errors import ParameterError
from ledger.jobs import refuse_parameters
from ledger.pipelines.registry import PIPELINE_SILVER
from orchestration.cli.arguments import Day, Job, Partition
from orchestration.cli.command import Command
from orchestration.cli.jobs_help import jobs_text
from orchestration.cli.options import DAY, params, strict


@click.command(
    "run",
    cls=Command,
    help="run one job, as the runbook's 'databricks bundle run'",
    more=jobs_text,
    examples=[
        "ledgerctl run pipeline_silver_materialization --partition 2026-02-01",
        "ledgerctl run pipeline_b_controls --params run_mode=backfill,date_kst_start=2026-02-01,date_kst_end=2026-02-01",
        "ledgerctl run ledger_health",
    ],
)
@click.argument("job", metavar="job", type=Job(), help="job name, listed below")
@params
@click.option("--partition", metavar="PARTITION", type=Partition(), help=DAY)
@click.option("--checks", is_flag=True, help="print what the run's checks say")
@strict
def run(
    job: str, parameters: dict[str, str], partition: str | None, checks: bool, strict: bool, as_json: bool
) -> int:
    refuse_parameters(job, (name for name, value in parameters.items() if value))
    _strict_is_possible(load_settings(), strict=strict)
    from orchestration.cli.outcome import execute_all, finish
    from orchestration.launch import plan

    told = execute_all(plan(job, parameters, partition), checks=checks)
    days = [t.run.launch.day for t in told if t.run.launch.day and t.run.launch.job != "bronze_ingest"]
    return finish(told, days, as_json=as_json, strict=strict)


@click.command(
    "day",
    cls=Command,
    help="a whole KST day: ingest, A, Silver, B, C",
    examples=["ledgerctl day 2026-02-01", "ledgerctl day 2026-02-01 --run-id rerun_20260211 --strict"],
)
@click.argument("day", metavar="day", type=Day("day"), help=DAY)
@click.option("--run-id", metavar="RUN_ID", help="run id shared by the day's pipelines")
@strict
def day(day: date, run_id: str | None, strict: bool, as_json: bool) -> int:
    settings = load_settings()
    _strict_is_possible(settings, strict=strict)
    from orchestration.cli.outcome import execute_all, finish
    from orchestration.launch import day_launches, plan, preparations

    given = {"run_id": run_id} if run_id else {}
    plan(PIPELINE_SILVER.job, given, day.isoformat())  # refuses a wrong day or run id before Spark starts
    told = execute_all(preparations(settings))
    if told and not told[-1].run.success:
        return finish(told, [], as_json=as_json)
    told += execute_all(day_launches(day, settings, run_id))
    return finish(told, [day], as_json=as_json, strict=strict)


@click.command(
    "backfill",
    cls=Command,
    help="a range of KST days, each with its verdict",
    examples=[
        "ledgerctl backfill --from 2026-02-01 --to 2026-02-28",
        "ledgerctl backfill --from 2026-02-01 --to 2026-02-03 --job pipeline_b_controls --params run_id=rerun_b",
    ],
)
@click.option(
    "--from", "start", required=True, metavar="D", type=Day("from"), help="first KST day, YYYY-MM-DD"
)
@click.option(
    "--to", "end", required=True, metavar="D", type=Day("to"), help="last KST day, inclusive, YYYY-MM-DD"
)
@click.option(
    "--job",
    "jobs",
    multiple=True,
    metavar="JOB",
    type=Job(daily=True),
    help="only this job (may be repeated)",
)
@params
@strict
def backfill(
    start: date, end: date, jobs: Sequence[str], parameters: dict[str, str], strict: bool, as_json: bool
) -> int:
    days_between(start, end)
    settings = load_settings()
    _strict_is_possible(settings, strict=strict)
    from orchestration.backfill import plan_backfill, run_backfill
    from orchestration.cli.outcome import execute_all, finish, finish_backfill
    from orchestration.launch import dagster_instance, preparations

    planned = plan_backfill(start, end, jobs, parameters, settings)
    prepared = execute_all(preparations(settings))
    if prepared and not prepared[-1].run.success:
        return finish(prepared, [], as_json=as_json)
    with dagster_instance() as instance:
        made = list(run_backfill(planned, instance))
    return finish_backfill(made, as_json=as_json, strict=strict)


@click.command(
    "ingest",
    cls=Command,
    help="load one landing day into Bronze",
    examples=["ledgerctl ingest 2026-02-01"],
)
@click.argument("day", metavar="day", type=Day("day"), help=DAY)
def ingest(day: date, as_json: bool) -> int:
    from orchestration.cli.outcome import execute_all, finish
    from orchestration.launch import plan, preparations

    launches = plan("bronze_ingest", {}, day.isoformat())
    told = execute_all(preparations(load_settings()))
    if not told or told[-1].run.success:
        told += execute_all(launches)
    return finish(told, [], as_json=as_json)


def _strict_is_possible(settings: Settings, *, strict: bool) -> None:
    if strict and not settings.has_local_tables:
        raise ParameterError("--strict: this process has no tables to judge by", action="leave --strict out")

"""``run``, ``day``, ``backfill``, ``ingest``: launch, wait, and say what now stands. Returns the exit code."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from configs.settings import Settings, load_settings
from ledger.errors import ParameterError
from ledger.shown import shown
from orchestration.cli import arguments as given
from orchestration.cli.days import NOT_WELL, code_of, verdict_table
from orchestration.cli.looking import tables
from orchestration.cli.output import say_json
from orchestration.cli.terminal import say, tell

if TYPE_CHECKING:
    from operations.evidence import Evidence
    from operations.verdicts import DayVerdict
    from orchestration.evaluations import Evaluation
    from orchestration.launch import Launched

HEALTH_JOB, SYNC_JOB = "ledger_health", "sync_dim_rule_scd2"
_SYNCED = ("rules_opened", "rules_closed", "rules_unchanged")


@dataclass
class Told:
    """A run's news beyond how it ended; read while the instance is open."""

    run: Launched
    checks: list[Evaluation] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)
    next_step: str | None = None

    def as_dict(self) -> dict[str, object]:
        launch = self.run.launch
        found: dict[str, object] = {
            "job": launch.job,
            "partition": launch.day,
            "dagster_run_id": self.run.dagster_run_id,
            "success": self.run.success,
            "step": self.run.step,
            "reason": self.run.reason,
        }
        checks = [vars(check) for check in self.checks]
        return {**found, **self.facts, **({"checks": checks} if checks else {})}


def run(arguments: argparse.Namespace) -> int:
    from orchestration.launch import plan

    _strict_is_possible(arguments, load_settings())
    launches = plan(arguments.job, given.run_parameters(arguments.params), arguments.partition)
    told = _execute_all(launches, checks=arguments.checks or arguments.job == HEALTH_JOB)
    days = [t.run.launch.day for t in told if t.run.launch.day and t.run.launch.job != "bronze_ingest"]
    return _finish(arguments, told, days)


def day(arguments: argparse.Namespace) -> int:
    from orchestration.launch import day_launches, plan, preparations

    settings, day = load_settings(), given.kst_date("day", arguments.day)
    _strict_is_possible(arguments, settings)
    run_id = {"run_id": arguments.run_id} if arguments.run_id else {}
    plan(
        "pipeline_silver_materialization", run_id, day.isoformat()
    )  # refuses a wrong day or run id before Spark starts
    told = _execute_all(preparations(settings))
    if told and not told[-1].run.success:
        return _finish(arguments, told, [])
    told += _execute_all(day_launches(day, settings, arguments.run_id))
    return _finish(arguments, told, [day])


def backfill(arguments: argparse.Namespace) -> int:
    from orchestration.backfill import plan_backfill, run_backfill
    from orchestration.launch import dagster_instance, preparations

    settings = load_settings()
    _strict_is_possible(arguments, settings)
    first, last = given.kst_date("from", arguments.start), given.kst_date("to", arguments.end)
    parameters = given.run_parameters(arguments.params)
    planned = plan_backfill(first, last, arguments.job, parameters, settings)
    prepared = _execute_all(preparations(settings))
    if prepared and not prepared[-1].run.success:
        return _finish(arguments, prepared, [])
    with dagster_instance() as instance:
        made = list(run_backfill(planned, instance))
    judged, unreadable = _verdicts_or_why([each.day for each in made], evidence=False)
    stand = [found for found, _ in judged]
    failed = [each for each in made if each.failed]
    if arguments.json:
        by_day = {found.date_kst: _as_dict(found) for found in stand}
        days = [{**each.as_dict(), "verdict": by_day.get(each.day)} for each in made]
        say_json({"success": not failed, "days": days})
    else:
        say("\n".join(str(each) for each in made))
        say(f"{len(made)} days: {len(made) - len(failed)} done, {len(failed)} failed")
        _say_verdicts(stand)
    if failed:
        tell(f"failed: {', '.join(str(each.day) for each in failed)}; the other days are done")
    if unreadable:
        tell(unreadable)
    if failed or unreadable:
        return 1
    return code_of(stand) if arguments.strict else 0


def ingest(arguments: argparse.Namespace) -> int:
    from orchestration.launch import plan, preparations

    launches = plan("bronze_ingest", {}, given.kst_date("day", arguments.day).isoformat())
    told = _execute_all(preparations(load_settings()))
    if not told or told[-1].run.success:
        told += _execute_all(launches)
    return _finish(arguments, told, [])


def _strict_is_possible(arguments: argparse.Namespace, settings: Settings) -> None:
    if arguments.strict and not settings.has_local_tables:
        raise ParameterError("--strict: this process has no tables to judge by", action="leave --strict out")


def _execute_all(launches: Iterable[Any], *, checks: bool = False) -> list[Told]:
    """Run one after the other; the first failure stops."""
    from orchestration.launch import dagster_instance, execute

    log, told = logging.getLogger("ledger.run"), []
    with dagster_instance() as instance:
        for launch in launches:
            log.info("%s ...", launch)
            told.append(_told(execute(launch, instance), instance, checks=checks))
            log.info("%s %s", launch, "done" if told[-1].run.success else "FAILED")
            if not told[-1].run.success:
                break
    return told


def _told(made: Launched, instance: Any, *, checks: bool) -> Told:
    from orchestration.cli.hints import next_step
    from orchestration.evaluations import error_kind, evaluations, materialized_facts

    told = Told(made)
    if checks:
        told.checks = evaluations(instance, made.dagster_run_id)
    if made.launch.job == SYNC_JOB:
        told.facts = materialized_facts(instance, made.dagster_run_id, _SYNCED)
    if not made.success:
        kind = error_kind(instance, made.dagster_run_id)
        told.next_step = next_step(made.launch, kind, made.dagster_run_id)
    return told


def _finish(arguments: argparse.Namespace, told: Sequence[Told], days: Sequence[date]) -> int:
    """Every run's news, and the days as they stand: the tables' word, not the runs'."""
    failed = next((t for t in told if not t.run.success), None)
    stand, unreadable = _verdicts_or_why(days, evidence=True)
    if arguments.json:
        from orchestration.report import day_dict

        runs = [each.as_dict() for each in told]
        say_json({"success": failed is None, "runs": runs, "days": [day_dict(*each) for each in stand]})
    else:
        _say_runs(told, quiet=bool(stand))
        _say_days(stand)
    if failed is not None:
        run = failed.run
        tell(shown(f"{run.launch} failed at {run.step or 'start'}: {run.reason}"))
        if failed.next_step:
            tell(f"next: {failed.next_step}")
    if unreadable:
        tell(unreadable)
    if failed is not None or unreadable:
        return 1
    if any(c.status == "RED" for t in told if t.run.launch.job == HEALTH_JOB for c in t.checks):
        return NOT_WELL
    return code_of([found for found, _ in stand]) if getattr(arguments, "strict", False) else 0


def _verdicts_or_why(
    days: Sequence[date], *, evidence: bool
) -> tuple[list[tuple[DayVerdict, Evidence]], str | None]:
    """The days as they stand; or why that cannot be read, which must not hide how the runs ended."""
    from ledger.pipelines.attempt import first_line

    try:
        return _verdicts(days, load_settings(), evidence=evidence), None
    except Exception as error:
        return [], shown(f"the verdict cannot be read: {first_line(error)}")


def _verdicts(
    days: Sequence[date], settings: Settings, *, evidence: bool
) -> list[tuple[DayVerdict, Evidence]]:
    """The days as they stand now; none where this process has no tables."""
    from operations.evidence import Evidence, evidence_of
    from operations.verdicts import day_verdicts

    wanted = list(dict.fromkeys(days))
    if not wanted or not settings.has_local_tables:
        return []
    with tables() as lakehouse:
        return [
            (found, evidence_of(lakehouse, found) if evidence else Evidence())
            for found in day_verdicts(lakehouse, wanted)
        ]


def _say_runs(told: Sequence[Told], *, quiet: bool) -> None:
    for each in told:
        if not quiet:
            say(f"{each.run.launch}: {'done' if each.run.success else 'failed'}")
        for name, value in each.facts.items():
            say(shown(f"{name.replace('_', ' ')} {value}"))
        for check in each.checks:
            say(str(check))


def _say_days(stand: Sequence[tuple[DayVerdict, Evidence]]) -> None:
    from orchestration.report import day_text

    for found, evidence in stand:
        say(day_text(found, evidence))


def _say_verdicts(stand: Sequence[DayVerdict]) -> None:
    from orchestration.report import tally

    if stand:
        say(verdict_table(stand))
        say(tally(stand))


def _as_dict(found: DayVerdict) -> dict[str, object]:
    from orchestration.report import as_dict

    return as_dict(found)

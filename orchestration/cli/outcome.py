"""How the runs of a command ended, what now stands, and the exit code: the tables' word, not the runs'."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

import dagster as dg

from configs.settings import Settings, load_settings
from ledger.faults import first_line
from ledger.shown import shown
from operations.evidence import Evidence, evidence_of
from operations.verdicts import DayVerdict, day_verdicts
from orchestration.backfill import DayRuns
from orchestration.cli.days import NOT_WELL, code_of, say_day, say_verdicts
from orchestration.cli.hints import next_step
from orchestration.cli.lakehouse import tables
from orchestration.cli.output import say_json
from orchestration.cli.terminal import say, tell
from orchestration.evaluations import Evaluation, error_kind, evaluations, materialized_facts
from orchestration.jobs import HEALTH_JOB
from orchestration.launch import Launch, Launched, dagster_instance, execute
from orchestration.planning import SYNC_JOB
from orchestration.report import as_dict, day_dict, tally
from resources.spark import begin

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


def execute_all(launches: Iterable[Launch], *, checks: bool = False) -> list[Told]:
    """Run one after the other; the first failure stops."""
    log, told = logging.getLogger("ledger.run"), []
    begin(load_settings().spark)  # it starts while Dagster opens its instance and loads the definitions
    with dagster_instance() as instance:
        for launch in launches:
            log.info("%s ...", launch)
            told.append(_told(execute(launch, instance), instance, checks=checks))
            log.info("%s %s", launch, "done" if told[-1].run.success else "FAILED")
            if not told[-1].run.success:
                break
    return told


def _told(made: Launched, instance: dg.DagsterInstance, *, checks: bool) -> Told:
    told = Told(made)
    if checks or made.launch.job == HEALTH_JOB:
        told.checks = evaluations(instance, made.dagster_run_id)
    if made.launch.job == SYNC_JOB:
        told.facts = materialized_facts(instance, made.dagster_run_id, _SYNCED)
    if not made.success:
        kind = error_kind(instance, made.dagster_run_id)
        told.next_step = next_step(made.launch, kind, made.dagster_run_id)
    return told


def finish(told: Sequence[Told], days: Sequence[date], *, as_json: bool, strict: bool = False) -> int:
    """Every run's news, and the days as they stand. Returns the exit code."""
    failed = next((t for t in told if not t.run.success), None)
    stand, unreadable = _verdicts_or_why(days, evidence=True)
    if as_json:
        runs = [each.as_dict() for each in told]
        say_json({"success": failed is None, "runs": runs, "days": [day_dict(*each) for each in stand]})
    else:
        _say_runs(told, quiet=bool(stand))
        for each in stand:
            say_day(*each)
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
    return code_of([found for found, _ in stand]) if strict else 0


def finish_backfill(made: Sequence[DayRuns], *, as_json: bool, strict: bool) -> int:
    """Every day's runs and verdict. Returns the exit code."""
    judged, unreadable = _verdicts_or_why([each.day for each in made], evidence=False)
    stand = [found for found, _ in judged]
    failed = [each for each in made if each.failed]
    if as_json:
        by_day = {found.date_kst: as_dict(found) for found in stand}
        days = [{**each.as_dict(), "verdict": by_day.get(each.day)} for each in made]
        say_json({"success": not failed, "days": days})
    else:
        say("\n".join(str(each) for each in made))
        say(f"{len(made)} days: {len(made) - len(failed)} done, {len(failed)} failed")
        if stand:
            say_verdicts(stand)
            say(tally(stand))
    if failed:
        tell(f"failed: {', '.join(str(each.day) for each in failed)}; the other days are done")
    if unreadable:
        tell(unreadable)
    if failed or unreadable:
        return 1
    return code_of(stand) if strict else 0


def _verdicts_or_why(
    days: Sequence[date], *, evidence: bool
) -> tuple[list[tuple[DayVerdict, Evidence]], str | None]:
    """The days as they stand; or why that cannot be read, which must not hide how the runs ended."""
    try:
        return _verdicts(days, load_settings(), evidence=evidence), None
    except Exception as error:
        return [], shown(f"the verdict cannot be read: {first_line(error)}")


def _verdicts(
    days: Sequence[date], settings: Settings, *, evidence: bool
) -> list[tuple[DayVerdict, Evidence]]:
    """The days as they stand now; none where this process has no tables."""
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

"""What each command of ``ledgerctl`` does: launch, wait, report. Returns the exit code.

Spark and Dagster are imported where they are used: ``--help`` and bad usage need neither.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from configs.settings import load_settings
from ledger.errors import ParameterError

_PARAMETER_SEPARATOR = re.compile(r",(?=[a-z_]+=)")
_NEXT_STEP = {
    "bronze_ingest": "replace the file named above, then run the same command again",
    "pipeline_a_guardrail": "docs/runbook.md section 6.1",
    "pipeline_silver_materialization": "docs/runbook.md section 6.2; ledgerctl show silver.bad_records",
    "pipeline_b_controls": "docs/runbook.md section 6.3; ledgerctl state",
    "pipeline_c_analytics": "docs/runbook.md section 6.4; ledgerctl state",
}


def run(arguments: argparse.Namespace) -> int:
    from orchestration.launch import plan

    launches = plan(arguments.job, _parameters(arguments.params), arguments.partition)
    ran = _execute_all(launches)
    days = [r.launch.day for r in ran if r.launch.day and r.launch.job != "bronze_ingest"]
    return _finish(arguments, ran, days, None)


def day(arguments: argparse.Namespace) -> int:
    from orchestration.launch import day_launches, plan, preparations

    settings, day = load_settings(), _date("day", arguments.day)
    run_id = {"run_id": arguments.run_id} if arguments.run_id else {}
    plan(
        "pipeline_silver_materialization", run_id, day.isoformat()
    )  # refuses a wrong day or run id before Spark starts
    ran = _execute_all(preparations(settings))
    if ran and not ran[-1].success:
        return _finish(arguments, ran, [], None)
    ran += _execute_all(day_launches(day, settings, arguments.run_id))
    return _finish(arguments, ran, [day], arguments.run_id)


def backfill(arguments: argparse.Namespace) -> int:
    from orchestration.backfill import plan_backfill, run_backfill
    from orchestration.launch import dagster_instance, execute, preparations
    from orchestration.report import to_json

    settings = load_settings()
    first, last = _date("from", arguments.start), _date("to", arguments.end)
    planned = plan_backfill(first, last, arguments.job, _parameters(arguments.params), settings)
    with dagster_instance() as instance:
        for launch in preparations(settings):
            made = execute(launch, instance)
            if not made.success:
                return _finish(arguments, [made], [], None)
        verdicts = list(run_backfill(planned, instance))
    failed = [verdict for verdict in verdicts if verdict.failed]
    if arguments.json:
        print(to_json({"success": not failed, "days": [verdict.as_dict() for verdict in verdicts]}))
    else:
        print("\n".join(str(verdict) for verdict in verdicts))
        print(f"{len(verdicts)} days: {len(verdicts) - len(failed)} done, {len(failed)} failed")
    if failed:
        days = ", ".join(str(verdict.day) for verdict in failed)
        print(f"ledgerctl: failed: {days}; the other days are done", file=sys.stderr)
    return 1 if failed else 0


def ingest(arguments: argparse.Namespace) -> int:
    from orchestration.launch import plan, preparations

    launches = plan("bronze_ingest", {}, _date("day", arguments.day).isoformat())
    ran = _execute_all(preparations(load_settings()))
    ran += _execute_all(launches)
    return _finish(arguments, ran, [], None)


def show(arguments: argparse.Namespace) -> int:
    from ledger.merge import Scope
    from ledger.tables import by_name
    from orchestration.report import render_rows, to_json
    from resources.environments import ledger_of

    table = by_name(arguments.table)
    day = _date("--date", arguments.date) if arguments.date else None
    if day and not table.partition_by:
        raise ParameterError(f"--date: {table.full_name} has no date partition", action="leave --date out")
    settings = load_settings()
    with ledger_of(settings).lakehouse(settings) as lakehouse:
        df = lakehouse.read(table, Scope.of([day]) if day else None).limit(arguments.limit)
        rows = [row.asDict() for row in df.collect()]
    print(to_json(rows) if arguments.json else render_rows(table, rows))
    return 0


def state(arguments: argparse.Namespace) -> int:
    from ledger.due import days_due
    from ledger.gold import pipeline_state
    from ledger.pipelines.restatement import restatements
    from orchestration.report import render_restatement, render_rows, to_json
    from resources.environments import ledger_of

    settings = load_settings()
    with ledger_of(settings).lakehouse(settings) as lakehouse:
        rows = [r.asDict() for r in lakehouse.read(pipeline_state.TABLE).orderBy("pipeline_name").collect()]
        due = {pipeline: [day.isoformat() for day in days] for pipeline, days in days_due(lakehouse).items()}
        restated = restatements(lakehouse)
    if arguments.json:
        print(
            to_json(
                {
                    "pipelines": rows,
                    "due": due,
                    "due_for_restatement": due["pipeline_b"],
                    "restatements": restated,
                }
            )
        )
    else:
        print(render_rows(pipeline_state.TABLE, rows))
        for found in restated:
            print(render_restatement(found))
        print(f"due for Silver: {', '.join(due['pipeline_silver']) or 'none'}")
        print(f"due for restatement: {', '.join(due['pipeline_b']) or 'none'}")
        print(f"due for C: {', '.join(due['pipeline_c']) or 'none'}")
    return 0


def mock(arguments: argparse.Namespace) -> int:
    from mock_data.generator import generate
    from orchestration.report import render_generation, to_json

    settings = load_settings()
    if "://" in settings.lakehouse.landing:
        raise ParameterError(
            "mock writes local files; lakehouse.landing is a URI", action="set it to a folder"
        )
    faults = [name.strip() for name in arguments.faults.split(",") if name.strip()]
    log = logging.getLogger("ledger.mock")
    try:
        report = generate(
            Path(settings.resolved(settings.lakehouse.landing)),
            _date("--from", arguments.start),
            arguments.days,
            arguments.users,
            arguments.entries,
            arguments.seed,
            faults,
            lambda what, rows: log.info("%s: %s rows", what, f"{rows:,}"),
        )
    except ValueError as error:
        raise ParameterError(f"mock: {error}") from None
    print(to_json(report.to_dict()) if arguments.json else render_generation(report))
    return 0


def _execute_all(launches: Iterable[Any]) -> list[Any]:
    """Run one after the other; the first failure stops."""
    from orchestration.launch import dagster_instance, execute

    log, ran = logging.getLogger("ledger.run"), []
    with dagster_instance() as instance:
        for launch in launches:
            log.info("%s ...", launch)
            ran.append(execute(launch, instance))
            log.info("%s %s", launch, "done" if ran[-1].success else "FAILED")
            if not ran[-1].success:
                break
    return ran


def _finish(
    arguments: argparse.Namespace, ran: Sequence[Any], days: Sequence[date], run_id: str | None
) -> int:
    from orchestration.report import render, summarize, to_json
    from resources.environments import ledger_of

    failed = next((r for r in ran if not r.success), None)
    summaries = []
    settings = load_settings()
    if days and settings.has_local_tables and (failed is None or failed.launch.job != "bootstrap_catalog"):
        with ledger_of(settings).lakehouse(settings) as lakehouse:
            summaries = [summarize(lakehouse, day, run_id) for day in dict.fromkeys(days)]
    if arguments.json:
        runs = [
            {
                "job": r.launch.job,
                "partition": r.launch.day,
                "dagster_run_id": r.dagster_run_id,
                "success": r.success,
                "step": r.step,
                "reason": r.reason,
            }
            for r in ran
        ]
        print(to_json({"success": failed is None, "runs": runs, "days": [s.as_dict() for s in summaries]}))
    else:
        for summary in summaries:
            print(render(summary))
        if not summaries:
            for r in ran:
                print(f"{r.launch}: {'done' if r.success else 'failed'}")
    if failed is None:
        return 0
    print(f"ledgerctl: {failed.launch} failed at {failed.step or 'start'}: {failed.reason}", file=sys.stderr)
    if failed.launch.job in _NEXT_STEP:
        print(f"ledgerctl: next: {_NEXT_STEP[failed.launch.job]}", file=sys.stderr)
    return 1


def _parameters(texts: Sequence[str]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for pair in (p for text in texts for p in _PARAMETER_SEPARATOR.split(text) if p.strip()):
        name, equals, value = pair.partition("=")
        if not equals:
            raise ParameterError(f"--params: {pair!r} is not of the form name=value")
        if name.strip() in parameters:
            raise ParameterError(f"parameter {name.strip()}: given twice")
        parameters[name.strip()] = value.strip()
    return parameters


def _date(name: str, text: str) -> date:
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise ParameterError(f"parameter {name}: {text!r} is not a day such as 2026-02-01") from None

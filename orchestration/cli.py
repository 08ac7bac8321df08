"""``ledgerctl``, the operator's command. Exit 0: success; 1: a pipeline failed; 2: bad usage or settings."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from configs.settings import SETTING_PREFIX, load_settings
from ledger.errors import LedgerError, ParameterError, SettingsError
from ledger.pipelines.attempt import first_line

_PARAMETER_SEPARATOR = re.compile(r",(?=[a-z_]+=)")
_NEXT_STEP = {
    "bronze_ingest": "replace the file named above, then run the same command again",
    "pipeline_a_guardrail": "docs/runbook.md section 6.1",
    "pipeline_silver_materialization": "docs/runbook.md section 6.2; ledgerctl show silver.bad_records",
    "pipeline_b_controls": "docs/runbook.md section 6.3; ledgerctl state",
    "pipeline_c_analytics": "docs/runbook.md section 6.4; ledgerctl state",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; never lets a traceback reach the operator."""
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    _show_progress()
    try:
        with _settings_given(arguments.settings):
            return int(arguments.command(arguments))
    except (ParameterError, SettingsError) as error:
        print(f"ledgerctl: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ledgerctl: interrupted; the same command run again continues safely", file=sys.stderr)
        return 1
    except Exception as error:
        if os.environ.get("LEDGERCTL_DEBUG"):
            raise
        print(f"ledgerctl: {error if isinstance(error, LedgerError) else first_line(error)}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ledgerctl", description="Operate the ledger controls.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Any, help_: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help_, description=help_)
        sub.set_defaults(command=function)
        sub.add_argument(
            "--set", dest="settings", action="append", default=[], metavar="a.b=v", help="override a setting"
        )
        sub.add_argument("--json", action="store_true", help="machine-readable output on standard output")
        return sub

    run = command("run", _run, "run one job, as the runbook's 'databricks bundle run'")
    run.add_argument("job", help="job name")
    run.add_argument("--params", action="append", default=[], metavar="k=v,k=v", help="run parameters")
    run.add_argument("--partition", help="KST day, YYYY-MM-DD")
    day = command("day", _day, "a whole KST day: ingest, A, Silver, B, C")
    day.add_argument("day", help="KST day, YYYY-MM-DD")
    day.add_argument("--run-id", help="run id shared by the day's pipelines")
    ingest = command("ingest", _ingest, "load one landing day into Bronze")
    ingest.add_argument("day", help="KST day, YYYY-MM-DD")
    show = command("show", _show, "print rows of a table")
    show.add_argument("table", help="<schema>.<table>")
    show.add_argument("--date", help="partition (KST day)")
    show.add_argument("--limit", type=_positive, default=20)
    command("state", _state, "where every pipeline stands, and the days due for restatement")
    mock = command("mock", _mock, "write generated landing files")
    mock.add_argument("--from", dest="start", required=True, help="first KST day")
    for name, default in (("days", 1), ("users", 100), ("entries", 6000)):
        mock.add_argument(f"--{name}", type=_positive, default=default)
    mock.add_argument("--seed", type=int, default=1)
    mock.add_argument("--faults", default="", metavar="a,b", help="faults planted in the last day")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


# -- commands -----------------------------------------------------------------------------------------------------


def _run(arguments: argparse.Namespace) -> int:
    from orchestration.launch import plan

    launches = plan(arguments.job, _parameters(arguments.params), arguments.partition)
    ran = _execute_all(launches)
    days = [r.launch.day for r in ran if r.launch.day and r.launch.job != "bronze_ingest"]
    return _finish(arguments, ran, days, None)


def _day(arguments: argparse.Namespace) -> int:
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


def _ingest(arguments: argparse.Namespace) -> int:
    from orchestration.launch import plan, preparations

    launches = plan("bronze_ingest", {}, _date("day", arguments.day).isoformat())
    ran = _execute_all(preparations(load_settings()))
    ran += _execute_all(launches)
    return _finish(arguments, ran, [], None)


def _show(arguments: argparse.Namespace) -> int:
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


def _state(arguments: argparse.Namespace) -> int:
    from ledger.gold import pipeline_state
    from ledger.state import days_due_for_restatement
    from orchestration.report import render_rows, to_json
    from resources.environments import ledger_of

    settings = load_settings()
    with ledger_of(settings).lakehouse(settings) as lakehouse:
        rows = [r.asDict() for r in lakehouse.read(pipeline_state.TABLE).orderBy("pipeline_name").collect()]
        due = [day.isoformat() for day in days_due_for_restatement(lakehouse)]
    if arguments.json:
        print(to_json({"pipelines": rows, "due_for_restatement": due}))
    else:
        print(render_rows(pipeline_state.TABLE, rows))
        print(f"due for restatement: {', '.join(due) or 'none'}")
    return 0


def _mock(arguments: argparse.Namespace) -> int:
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


# -- shared -------------------------------------------------------------------------------------------------------


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


@contextmanager
def _settings_given(texts: Sequence[str]) -> Iterator[None]:
    """Settings of the command line, for this command; they win over the environment."""
    before = dict(os.environ)
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise SettingsError(f"--set: {text!r} is not of the form section.key=value")
        os.environ[SETTING_PREFIX + name.strip().replace(".", "__").upper()] = value
    try:
        yield
    finally:
        if texts:
            os.environ.clear()
            os.environ.update(before)


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


class _Elapsed(logging.Formatter):
    """Progress lines with the time since the command started."""

    def __init__(self) -> None:
        super().__init__()
        self._start = time.monotonic()

    def format(self, record: logging.LogRecord) -> str:
        return f"[{timedelta(seconds=int(time.monotonic() - self._start))}] {record.getMessage()}"


def _show_progress() -> None:
    logger = logging.getLogger("ledger")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Elapsed())
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


if __name__ == "__main__":
    sys.exit(main())

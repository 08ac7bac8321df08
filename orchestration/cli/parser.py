"""The commands and their arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestration.cli import days, files, launching, looking, repairing
from orchestration.cli.arguments import limit, positive

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction["_Parser"]

_SETTINGS = "settings of"
_DAY = "KST day, YYYY-MM-DD"
_STATUSES = ("loaded", "skipped", "failed", "superseded", "withdrawn")


class _Parser(argparse.ArgumentParser):
    """Its help may end in a text that is put together only when somebody asks for it."""

    more_help: Callable[[], str] | None = None

    def format_help(self) -> str:
        return super().format_help() + (f"\n{self.more_help()}\n" if self.more_help else "")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    whole = _Parser(prog="ledgerctl", description="Operate the ledger controls.")
    whole.set_defaults(json=False)
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    _launching(commands)
    _judging(commands)
    _looking(commands)
    _repairing(commands)
    _files(commands)
    return whole


def settings_given(arguments: argparse.Namespace) -> list[str]:
    """Every ``--set`` of the command line, those of an action after those of its command."""
    return [text for name, texts in vars(arguments).items() if name.startswith(_SETTINGS) for text in texts]


def _command(
    commands: _Commands, name: str, function: Callable[[argparse.Namespace], int], help_: str
) -> _Parser:
    sub = commands.add_parser(name, help=help_, description=help_)
    sub.set_defaults(command=function)
    # An action below a command has names of its own, or its defaults would undo what was given to the command.
    dest = f"{_SETTINGS} {sub.prog}"
    sub.add_argument(
        "--set", dest=dest, action="append", default=[], metavar="a.b=v", help="override a setting"
    )
    unset = argparse.SUPPRESS
    sub.add_argument(
        "--json", action="store_true", default=unset, help="machine-readable output on standard output"
    )
    return sub


def _launching(commands: _Commands) -> None:
    run = _command(commands, "run", launching.run, "run one job, as the runbook's 'databricks bundle run'")
    run.more_help = _jobs
    run.add_argument("job", help="job name, listed below")
    run.add_argument("--params", action="append", default=[], metavar="k=v,k=v", help="run parameters")
    run.add_argument("--partition", help=_DAY)
    run.add_argument("--checks", action="store_true", help="print what the run's checks say")
    day = _command(commands, "day", launching.day, "a whole KST day: ingest, A, Silver, B, C")
    day.add_argument("day", help=_DAY)
    day.add_argument("--run-id", help="run id shared by the day's pipelines")
    backfill = _command(
        commands, "backfill", launching.backfill, "a range of KST days, each with its verdict"
    )
    backfill.add_argument("--from", dest="start", required=True, metavar="D", help="first KST day")
    backfill.add_argument("--to", dest="end", required=True, metavar="D", help="last KST day, inclusive")
    backfill.add_argument("--job", action="append", default=[], help="only this job (may be repeated)")
    backfill.add_argument("--params", action="append", default=[], metavar="k=v,k=v", help="run parameters")
    for judged in (run, day, backfill):
        judged.add_argument("--strict", action="store_true", help="exit 3 when a day does not add up")
    ingest = _command(commands, "ingest", launching.ingest, "load one landing day into Bronze")
    ingest.add_argument("day", help=_DAY)


def _judging(commands: _Commands) -> None:
    verdict = _command(commands, "verdict", days.verdict, "does the money of a KST day add up? exit 3 if not")
    verdict.add_argument("day", help=_DAY)
    verdicts = _command(
        commands, "verdicts", days.verdicts, "the same, a line per day (default: this month, to yesterday)"
    )
    verdicts.add_argument("--from", dest="start", metavar="D", help="first KST day")
    verdicts.add_argument("--to", dest="end", metavar="D", help="last KST day, inclusive")


def _looking(commands: _Commands) -> None:
    show = _command(commands, "show", looking.show, "print rows of a table, sorted by key")
    show.add_argument("table", help="<schema>.<table>")
    show.add_argument("--date", help=_DAY)
    show.add_argument(
        "--day-of",
        choices=("business", "partition"),
        help="what --date means where the two differ: the day of a quarantined row's window (default), or of its detection",
    )
    show.add_argument(
        "--where", action="append", default=[], metavar="col=value", help="only these rows (may be repeated)"
    )
    show.add_argument("--columns", metavar="a,b", help="only these columns")
    show.add_argument("--order", metavar="col,-col", help="another order; - is descending")
    show.add_argument("--count", action="store_true", help="only how many rows")
    show.add_argument("--csv", action="store_true", help="for a spreadsheet (RFC 4180)")
    _limited(show)
    _command(commands, "state", looking.state, "where every pipeline stands, and the days that are due")
    runs = _command(commands, "runs", looking.runs, "the attempts of the pipelines, newest last")
    runs.add_argument("--date", help=_DAY)
    _limited(runs)
    quarantine = _command(
        commands,
        "quarantine",
        looking.quarantine,
        "rejected rows by table and reason, each with what is wrong",
    )
    quarantine.add_argument("--date", help=f"{_DAY}, of the evaluated window")
    quarantine.add_argument("--table", help="Silver table, or its source")
    quarantine.add_argument("--reason", help="first rule that the row breaks")
    quarantine.add_argument("--run-id", help="all rows of this run, not only those that stand")
    _limited(quarantine)


def _decided(command: argparse.ArgumentParser, why: str) -> None:
    """Who takes the decision that is recorded, and the reason."""
    command.add_argument("--by", required=True, metavar="WHO", help="who decides it")
    command.add_argument("--reason", required=True, metavar="WHY", help=why)


def _repairing(commands: _Commands) -> None:
    watermark = _command(
        commands,
        "watermark",
        repairing.watermark,
        "set right up to where a pipeline is done (after a wrong clock)",
    )
    watermark.add_argument("pipeline", help="pipeline_a, pipeline_silver, pipeline_b or pipeline_c")
    watermark.add_argument("--to", required=True, metavar="INSTANT", help="UTC, such as 2026-02-01T15:00:00Z")
    _decided(watermark, "why it is wrong")


def _files(commands: _Commands) -> None:
    landing = _command(commands, "landing", files.landing, "what became of the landing files")
    landing.add_argument("--date", help=f"{_DAY}, of the landing folder")
    landing.add_argument("--status", choices=_STATUSES)
    _limited(landing)
    actions = landing.add_subparsers(metavar="ACTION")
    withdraw = _command(actions, "withdraw", files.withdraw, "take back a file that should never have come")
    withdraw.add_argument("path", help="<table>/date=YYYY-MM-DD/<file>, relative to the landing root")
    _decided(withdraw, "why it should not have come")
    drop = _command(
        actions,
        "drop-columns",
        files.drop_columns,
        "drop columns that a flood of unknown fields made; what they held goes to _raw",
    )
    drop.add_argument("table", help="Bronze table, bronze.<name>")
    drop.add_argument(
        "--most",
        type=positive,
        default=100,
        metavar="N",
        help="unknown columns that stay, the fullest (default: 100)",
    )
    drop.add_argument("--keep", default="", metavar="a,b", help="columns that stay whatever they hold")
    drop.add_argument("--dry-run", action="store_true", help="only say what would go")
    _decided(drop, "why they should not be there")
    mock = _command(commands, "mock", files.mock, "write generated landing files")
    mock.add_argument("--from", dest="start", required=True, help="first KST day")
    for name, default in (("days", 1), ("users", 100), ("entries", 6000)):
        mock.add_argument(f"--{name}", type=positive, default=default)
    mock.add_argument("--seed", type=int, default=1)
    mock.add_argument("--faults", default="", metavar="a,b", help="faults planted in the last day")


def _limited(sub: _Parser) -> None:
    sub.add_argument(
        "--limit", type=limit, default=20, metavar="N", help="rows to print, or 'all' (default: 20)"
    )


def _jobs() -> str:
    from orchestration.cli.jobs_help import jobs_text

    return jobs_text()

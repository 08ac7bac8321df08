"""``ledgerctl``, the operator's command. Exit 0: success; 1: a pipeline failed; 2: bad usage or settings."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from configs.settings import SETTING_PREFIX
from ledger.errors import LedgerError, ParameterError, SettingsError
from ledger.pipelines.attempt import first_line
from orchestration import commands
from orchestration.interrupts import MESSAGE, interruptible
from resources.shared_host import keep_files_private

_GC_THRESHOLD = 100_000


def console_script() -> int:
    """The console script: :func:`main`, sparing garbage collections over what lives as long as the process."""
    gc.set_threshold(_GC_THRESHOLD)
    code = main(may_exit=True)
    gc.freeze()  # leaving would look at every object of Dagster's once more, for most of a second
    return code


def main(argv: Sequence[str] | None = None, *, may_exit: bool = False) -> int:
    """Run one command; never lets a traceback reach the operator. ``may_exit``: see :func:`interruptible`."""
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    _show_progress()
    keep_files_private()
    try:
        with _settings_given(arguments.settings), interruptible(may_exit=may_exit):
            return int(arguments.command(arguments))
    except (ParameterError, SettingsError) as error:
        print(f"ledgerctl: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may be gone
            print(MESSAGE, file=sys.stderr)
        return 1
    except Exception as error:
        if os.environ.get("LEDGERCTL_DEBUG"):
            raise
        print(f"ledgerctl: {error if isinstance(error, LedgerError) else first_line(error)}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ledgerctl", description="Operate the ledger controls.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Any, help_: str) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(name, help=help_, description=help_)
        sub.set_defaults(command=function)
        sub.add_argument(
            "--set", dest="settings", action="append", default=[], metavar="a.b=v", help="override a setting"
        )
        sub.add_argument("--json", action="store_true", help="machine-readable output on standard output")
        return sub

    run = command("run", commands.run, "run one job, as the runbook's 'databricks bundle run'")
    run.add_argument("job", help="job name")
    run.add_argument("--params", action="append", default=[], metavar="k=v,k=v", help="run parameters")
    run.add_argument("--partition", help="KST day, YYYY-MM-DD")
    day = command("day", commands.day, "a whole KST day: ingest, A, Silver, B, C")
    day.add_argument("day", help="KST day, YYYY-MM-DD")
    day.add_argument("--run-id", help="run id shared by the day's pipelines")
    backfill = command("backfill", commands.backfill, "a range of KST days, each with its own verdict")
    backfill.add_argument("--from", dest="start", required=True, metavar="D", help="first KST day")
    backfill.add_argument("--to", dest="end", required=True, metavar="D", help="last KST day, inclusive")
    backfill.add_argument("--job", action="append", default=[], help="only this job (may be repeated)")
    backfill.add_argument("--params", action="append", default=[], metavar="k=v,k=v", help="run parameters")
    ingest = command("ingest", commands.ingest, "load one landing day into Bronze")
    ingest.add_argument("day", help="KST day, YYYY-MM-DD")
    show = command("show", commands.show, "print rows of a table")
    show.add_argument("table", help="<schema>.<table>")
    show.add_argument("--date", help="partition (KST day)")
    show.add_argument("--limit", type=_positive, default=20)
    command("state", commands.state, "where every pipeline stands, and the days due for restatement")
    mock = command("mock", commands.mock, "write generated landing files")
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
    sys.exit(console_script())

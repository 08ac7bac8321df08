"""One command from its arguments to its exit code; no traceback reaches the operator."""

from __future__ import annotations

import gc
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from configs.settings import SETTING_PREFIX
from ledger.errors import LedgerError, ParameterError, SettingsError
from ledger.shortages import is_panic, require
from ledger.shown import escape_log_records
from orchestration.cli import terminal
from orchestration.cli.parser import parser, settings_given
from resources.interrupts import MESSAGE, interruptible
from resources.shared_host import keep_files_private

_GC_THRESHOLD = 100_000


def console_script() -> int:
    """The console script: :func:`main`, sparing garbage collections over what lives as long as the process."""
    terminal.keep_descriptors()
    gc.set_threshold(_GC_THRESHOLD)
    code = main(may_exit=True)
    gc.freeze()  # leaving would look at every object of Dagster's once more, for most of a second
    return code


def main(argv: Sequence[str] | None = None, *, may_exit: bool = False) -> int:
    """Run one command. ``may_exit``: see :func:`resources.interrupts.interruptible`."""
    terminal.prepare()
    try:
        return _run(argv, may_exit=may_exit)
    except (ParameterError, SettingsError) as error:
        terminal.tell(str(error))
        return 2
    except KeyboardInterrupt:
        terminal.tell(MESSAGE.removeprefix("ledgerctl: "))
        return 1
    except Exception as error:
        if os.environ.get("LEDGERCTL_DEBUG"):
            raise
        terminal.tell(str(error) if isinstance(error, LedgerError) else _first_line(error))
        return 1
    except BaseException as error:
        if not is_panic(error):
            raise
        terminal.tell(_first_line(error))
        return 1


def _run(argv: Sequence[str] | None, *, may_exit: bool) -> int:
    try:
        arguments = parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    except SystemExit as stop:  # the help, or bad usage
        terminal.flush()
        return int(stop.code or 0)
    _show_progress()
    keep_files_private()
    require()
    with _overriding(settings_given(arguments)), interruptible(may_exit=may_exit):
        return int(arguments.command(arguments))


def _joined(argv: Sequence[str]) -> list[str]:
    """``--order -amount`` as one word: argparse would take the second for an option."""
    joined: list[str] = []
    for word in argv:
        if joined and joined[-1] == "--order" and word.startswith("-"):
            joined[-1] = f"--order={word}"
        else:
            joined.append(word)
    return joined


def _first_line(error: BaseException) -> str:
    from ledger.pipelines.attempt import first_line

    return first_line(error)


@contextmanager
def _overriding(texts: Sequence[str]) -> Iterator[None]:
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
        elapsed = timedelta(seconds=int(time.monotonic() - self._start))
        return f"[{elapsed}] {record.getMessage()}"


def _show_progress() -> None:
    escape_log_records()
    logger = logging.getLogger("ledger")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Elapsed())
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False

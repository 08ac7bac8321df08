"""One command from its arguments to its exit code; no traceback reaches the operator."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

import click

from ledger.errors import LedgerError, ParameterError, SettingsError
from ledger.shortages import is_panic
from orchestration.cli import terminal
from orchestration.cli.command import Call
from orchestration.cli.commands import LEDGERCTL
from orchestration.cli.usage import refusal
from resources.interrupts import MESSAGE

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
        return _run(list(sys.argv[1:] if argv is None else argv), Call(may_exit))
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


def _run(argv: list[str], call: Call) -> int:
    """As click's own ``main`` would, but that it speaks and exits by itself, also where nobody reads any more."""
    try:
        with LEDGERCTL.make_context("ledgerctl", argv, obj=call) as ctx:
            return int(LEDGERCTL.invoke(ctx))
    except click.exceptions.Exit as end:  # the help
        return end.exit_code
    except click.UsageError as error:
        raise refusal(error) from None


def _first_line(error: BaseException) -> str:
    from ledger.faults import first_line

    return first_line(error)

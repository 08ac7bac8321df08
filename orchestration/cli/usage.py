"""Bad usage in one line: the argument, what is wrong with it, and what to do."""

from __future__ import annotations

import click

from ledger.errors import ParameterError


def refusal(error: click.UsageError) -> ParameterError:
    """The error of click as one of ours, which says it as every other refusal is said."""
    ctx = error.ctx
    help_ = f"{ctx.command_path if ctx else 'ledgerctl'} --help"
    if isinstance(error, click.NoSuchOption):
        full = _meant(error)
        return ParameterError(
            f"{error.option_name}: no such option",
            action=f"did you mean {' or '.join(full)}?" if full else f"{help_} lists the options",
        )
    if isinstance(error, click.MissingParameter):
        return ParameterError(f"{_name(error.param)}: missing", action=help_)
    if isinstance(error, click.BadParameter):
        return ParameterError(f"{_name(error.param)}: {error.message.rstrip('.')}", action=help_)
    if isinstance(error, click.NoSuchCommand):
        known = ctx.command.list_commands(ctx) if ctx and isinstance(ctx.command, click.Group) else []
        return ParameterError(
            f"{error.command_name!r}: no such command", action=f"one of {', '.join(known)}; {help_}"
        )
    return ParameterError(error.format_message().rstrip("."), action=help_)


def _name(param: click.Parameter | None) -> str:
    """As it is written: ``--from``; an argument by its name."""
    return max(param.opts, key=len) if param else "argument"


def _meant(error: click.NoSuchOption) -> list[str]:
    """Options that the text begins, or else resembles."""
    params = error.ctx.command.params if error.ctx else []
    begun = [name for param in params for name in param.opts if name.startswith(error.option_name)]
    return begun or error.possibilities or []

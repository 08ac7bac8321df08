"""The common part of every command of ``ledgerctl``: its help, ``--json``, ``--set``, and surroundings in which it works.

A command's function returns its exit code. A group's own function works only where no action below it is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import click

from orchestration.cli import terminal
from orchestration.cli.surroundings import prepared

_WIDEST_HELP = 112


@dataclass
class Call:
    """One call of ``ledgerctl``: what a group was given holds for its action, too."""

    may_exit: bool = False
    settings: list[str] = field(default_factory=list)
    as_json: bool = False


class _Formatter(click.HelpFormatter):
    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, prefix or "usage: ")

    def write_heading(self, heading: str) -> None:
        super().write_heading(heading.lower())


class _Context(click.Context):
    formatter_class = _Formatter


class Helped(click.Command):
    """A command whose help ends in what it says ``more``, put together when somebody asks, and in examples."""

    context_class = _Context

    def __init__(
        self,
        *arguments: Any,
        examples: Sequence[str] = (),
        more: Callable[[], str] | None = None,
        **attributes: Any,
    ) -> None:
        # In the list of commands it stands whole, where click would cut a long one.
        attributes.setdefault("short_help", attributes.get("help"))
        attributes["context_settings"] = {"max_content_width": _WIDEST_HELP, "show_default": True}
        attributes["add_help_option"] = False
        super().__init__(*arguments, **attributes)
        self.examples, self.more = examples, more
        self.params.append(
            click.Option(
                ["-h", "--help"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_say_help,
                help="show this help and exit",
            )
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Also where click does not say whose argument is wrong."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """An option that has to be given is part of the usage."""
        needed = [p.get_help_spec(ctx) for p in self.params if isinstance(p, click.Option) and p.required]
        return [*needed, *super().collect_usage_pieces(ctx)]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.more:
            formatter.write(f"\n{self.more()}\n")
        if self.examples:
            with formatter.section("examples"):
                for example in self.examples:
                    formatter.write(f"  {example}\n")


class Command(Helped):
    """A command that works: it takes ``--set`` and ``--json``."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.params[-1:-1] = [  # the help stays the last
            click.Option(
                ["--set"],
                multiple=True,
                metavar="a.b=v",
                expose_value=False,
                callback=_settings,
                help="override a setting, for this command (may be repeated)",
            ),
            click.Option(
                ["--json", "as_json"],
                is_flag=True,
                callback=_as_json,
                help="machine-readable output on standard output",
            ),
        ]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuses an option in the place of another one's value, which click would take for it."""
        options = {name: p for p in self.params if isinstance(p, click.Option) for name in p.opts}
        for word, following in pairwise(args):
            if word in options and not options[word].is_flag and following.partition("=")[0] in options:
                raise click.BadOptionUsage(
                    word, f"Option {word!r} needs a value, {following} is an option", ctx
                )
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.invoked_subcommand:
            return None
        call = ctx.ensure_object(Call)
        with prepared(call.settings, may_exit=call.may_exit):
            return super().invoke(ctx)


class _Ordered(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were added, which is that of an operator's day."""
        return list(self.commands)


class CommandGroup(_Ordered, Command):
    """A command that has actions below it."""

    command_class = Command


class Root(_Ordered, Helped):
    """``ledgerctl``: does nothing without a command."""

    def __init__(self, name: str, **attributes: Any) -> None:
        super().__init__(name, no_args_is_help=False, subcommand_metavar="COMMAND ...", **attributes)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args:
            raise click.UsageError(f"COMMAND: missing; one of {', '.join(self.commands)}", ctx)
        return super().parse_args(ctx, args)


def _say_help(ctx: click.Context, _: click.Parameter, given: bool) -> None:
    if given and not ctx.resilient_parsing:
        text = f"{ctx.get_help()}\n"
        if terminal.shows_styles():
            from orchestration.cli.styled import help_text

            text = help_text(text)
        terminal.write(text)
        ctx.exit()


def _settings(ctx: click.Context, _: click.Parameter, given: Sequence[str]) -> None:
    ctx.ensure_object(Call).settings += given


def _as_json(ctx: click.Context, _: click.Parameter, given: bool) -> bool:
    call = ctx.ensure_object(Call)
    call.as_json |= given
    return call.as_json

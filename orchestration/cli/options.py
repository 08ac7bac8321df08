"""Options that several commands share, each with one meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from orchestration.cli.arguments import LIMIT, Day, run_parameters

DAY = "KST day, YYYY-MM-DD"
_Function = TypeVar("_Function", bound=Callable[..., Any])

limited = click.option("--limit", type=LIMIT, default=20, metavar="N", help="rows to print, or 'all'")
strict = click.option("--strict", is_flag=True, help="exit 3 when a day does not add up")
params = click.option(
    "--params",
    "parameters",
    multiple=True,
    metavar="k=v,k=v",
    callback=lambda _ctx, _param, texts: run_parameters(texts),
    help="run parameters (may be repeated)",
)


def on_date(meaning: str = DAY) -> Callable[[_Function], _Function]:
    """``--date``, and which day of a row it means."""
    return click.option("--date", "day", metavar="DATE", type=Day("--date"), help=meaning)


def decided(why: str) -> Callable[[_Function], _Function]:
    """``--by`` and ``--reason``: who takes the decision that is recorded, and the reason."""

    def both(function: _Function) -> _Function:
        reason = click.option("--reason", required=True, metavar="WHY", help=why)
        return click.option("--by", required=True, metavar="WHO", help="who decides it")(reason(function))

    return both

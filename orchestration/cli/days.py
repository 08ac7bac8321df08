"""``verdict`` and ``verdicts``: does the money of these KST days add up? Exit 3 when not all of them do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import click

from ledger.days import days_between, kst_day
from ledger.errors import ParameterError
from orchestration.cli.arguments import Day
from orchestration.cli.command import Command
from orchestration.cli.lakehouse import tables
from orchestration.cli.output import say_json, say_table
from orchestration.cli.terminal import say, shows_styles, write

if TYPE_CHECKING:
    from operations.evidence import Evidence
    from operations.verdicts import DayVerdict

NOT_WELL = 3


@click.command(
    "verdict",
    cls=Command,
    help="does the money of a KST day add up? exit 3 if not",
    examples=["ledgerctl verdict 2026-02-01", "ledgerctl verdict 2026-02-01 --json"],
)
@click.argument("day", metavar="day", type=Day("day"), help="KST day, YYYY-MM-DD")
def verdict(day: date, as_json: bool) -> int:
    _refuse_future("day", day)
    from operations.evidence import evidence_of
    from operations.verdicts import day_verdicts
    from orchestration.report import day_dict

    with tables() as lakehouse:
        (found,) = day_verdicts(lakehouse, [day])
        evidence = evidence_of(lakehouse, found)
    if as_json:
        say_json(day_dict(found, evidence))
    else:
        say_verdicts([found])
        say_day(found, evidence)
    return code_of([found])


@click.command(
    "verdicts",
    cls=Command,
    help="does the money add up? a line per KST day (default: this month, to yesterday); exit 3 if not on all",
    short_help="the same, a line per day (default: this month, to yesterday)",
    examples=["ledgerctl verdicts", "ledgerctl verdicts --from 2026-02-01 --to 2026-02-28"],
)
@click.option("--from", "start", metavar="D", type=Day("from"), help="first KST day, YYYY-MM-DD")
@click.option("--to", "end", metavar="D", type=Day("to"), help="last KST day, inclusive, YYYY-MM-DD")
def verdicts(start: date | None, end: date | None, as_json: bool) -> int:
    days = _asked(start, end, _today())
    from operations.verdicts import day_verdicts
    from orchestration.report import as_dict, tally

    with tables() as lakehouse:
        found = day_verdicts(lakehouse, days)
    if as_json:
        say_json([as_dict(each) for each in found])
    else:
        say_verdicts(found)
        say(tally(found))
    return code_of(found)


def say_verdicts(found: Sequence[DayVerdict]) -> None:
    """One line per KST day, in the order given."""
    from orchestration.report import COLUMNS, as_dict

    say_table(COLUMNS, [as_dict(each) for each in found])


def say_day(found: DayVerdict, evidence: Evidence) -> None:
    """The day in a few lines, of which the first says whether the money adds up."""
    from orchestration.report import day_text

    text = day_text(found, evidence)
    if not shows_styles():
        say(text)
        return
    from orchestration.cli.styled import headed

    write(headed(text, is_good=found.adds_up))


def code_of(found: Sequence[DayVerdict]) -> int:
    """0 when every day adds up, else 3."""
    return 0 if all(each.adds_up for each in found) else NOT_WELL


def _asked(first: date | None, last: date | None, today: date) -> list[date]:
    """The days asked for; by default the month of yesterday, up to yesterday: the newest day that can be done."""
    last = last or max(first or date.min, today - timedelta(days=1))
    _refuse_future("to", last)
    return days_between(first or last.replace(day=1), last)


def _refuse_future(name: str, day: date) -> None:
    if day > _today():
        raise ParameterError(f"parameter {name}: {day} has not begun", action="choose a KST day up to today")


def _today() -> date:
    return kst_day(datetime.now(UTC))

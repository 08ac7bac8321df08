"""``verdict`` and ``verdicts``: does the money of these KST days add up? Exit 3 when not all of them do."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from ledger.errors import ParameterError
from orchestration.cli import arguments as given
from orchestration.cli.looking import tables
from orchestration.cli.output import say_json, table_text
from orchestration.cli.terminal import say

if TYPE_CHECKING:
    from operations.verdicts import DayVerdict

NOT_WELL = 3


def verdict(arguments: argparse.Namespace) -> int:
    from operations.evidence import evidence_of
    from operations.verdicts import day_verdicts
    from orchestration.report import day_dict, day_text

    day = given.kst_date("day", arguments.day)
    _refuse_future("day", day)
    with tables() as lakehouse:
        (found,) = day_verdicts(lakehouse, [day])
        evidence = evidence_of(lakehouse, found)
    if arguments.json:
        say_json(day_dict(found, evidence))
    else:
        say(verdict_table([found]))
        say(day_text(found, evidence))
    return code_of([found])


def verdicts(arguments: argparse.Namespace) -> int:
    from operations.verdicts import day_verdicts
    from orchestration.report import as_dict, tally

    days = _asked(
        given.optional_date("from", arguments.start), given.optional_date("to", arguments.end), _today()
    )
    with tables() as lakehouse:
        found = day_verdicts(lakehouse, days)
    if arguments.json:
        say_json([as_dict(each) for each in found])
    else:
        say(verdict_table(found))
        say(tally(found))
    return code_of(found)


def verdict_table(found: Sequence[DayVerdict]) -> str:
    """One line per KST day, in the order given."""
    from orchestration.report import COLUMNS, as_dict

    return table_text(COLUMNS, [as_dict(each) for each in found])


def code_of(found: Sequence[DayVerdict]) -> int:
    """0 when every day adds up, else 3."""
    return 0 if all(each.adds_up for each in found) else NOT_WELL


def _asked(first: date | None, last: date | None, today: date) -> list[date]:
    """The days asked for; by default the month of yesterday, up to yesterday: the newest day that can be done."""
    from orchestration.backfill import days_between

    last = last or max(first or date.min, today - timedelta(days=1))
    _refuse_future("to", last)
    return days_between(first or last.replace(day=1), last)


def _refuse_future(name: str, day: date) -> None:
    if day > _today():
        raise ParameterError(f"parameter {name}: {day} has not begun", action="choose a KST day up to today")


def _today() -> date:
    from ledger.window import kst_day

    return kst_day(datetime.now(UTC))

"""``mock``: generated landing files, for a trial or a demonstration."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path

import click

from configs.settings import Settings, load_settings
from ledger.days import LAST_DAY
from ledger.errors import ParameterError
from orchestration.cli.arguments import POSITIVE, Day, names
from orchestration.cli.command import Command
from orchestration.cli.output import say_json
from orchestration.cli.terminal import say


@click.command(
    "mock",
    cls=Command,
    help="write generated landing files",
    examples=["ledgerctl mock --from 2026-02-01 --days 3 --users 200 --entries 6000 --seed 7 --faults drift"],
)
@click.option(
    "--from", "start", required=True, metavar="D", type=Day("--from"), help="first KST day, YYYY-MM-DD"
)
@click.option("--days", type=POSITIVE, default=1, metavar="N", help="KST days")
@click.option("--users", type=POSITIVE, default=100, metavar="N", help="users, with a wallet each")
@click.option("--entries", type=POSITIVE, default=6000, metavar="N", help="ledger entries a day")
@click.option("--seed", type=int, default=1, metavar="N", help="equal seeds make equal files")
@click.option(
    "--faults", default="", metavar="a,b", show_default=False, help="faults planted in the last day"
)
def mock(start: date, days: int, users: int, entries: int, seed: int, faults: str, as_json: bool) -> int:
    settings = load_settings()
    root = _root(settings)
    if start.toordinal() + days > LAST_DAY.toordinal():
        raise ParameterError(f"mock: --days {days} from {start} end after {LAST_DAY}")
    from mock_data.generator import check_arguments, generate
    from mock_data.manifest import ForeignFileError, Manifest

    planted = names(faults)
    log = logging.getLogger("ledger.mock")
    try:
        check_arguments(days, users, entries, planted)
        manifest = Manifest.read(root)
        manifest.reserve(start, days)
        report = generate(
            root,
            start,
            days,
            users,
            entries,
            seed,
            planted,
            lambda what, rows: log.info("%s: %s rows", what, f"{rows:,}"),
        )
        manifest.note(report)
    except ForeignFileError as error:
        raise ParameterError(str(error)) from None
    except ValueError as error:
        raise ParameterError(f"mock: {error}") from None
    if as_json:
        say_json(report.to_dict())
    else:
        say(report.text())
    return 0


def _root(settings: Settings) -> Path:
    """The landing root, for files that are made up."""
    if settings.is_prod:
        raise ParameterError("mock: it writes no made-up files in production", action="unset PIPELINE_ENV")
    if "://" in settings.lakehouse.landing:
        raise ParameterError(
            "mock writes local files; lakehouse.landing is a URI", action="set it to a folder"
        )
    return Path(settings.resolved(settings.lakehouse.landing))

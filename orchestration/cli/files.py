"""``landing`` and ``mock``: files under the landing root."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from configs.settings import load_settings
from ledger.errors import ParameterError
from orchestration.cli import arguments as given
from orchestration.cli.looking import say_rows, tables
from orchestration.cli.output import say_json
from orchestration.cli.terminal import say

_FILE_COLUMNS = (
    "landing_date_kst",
    "path",
    "status",
    "live",
    "rows",
    "unparsable_rows",
    "reason",
    "run_id",
    "at",
)


def landing(arguments: argparse.Namespace) -> int:
    from operations.landing import read_files

    day = given.optional_date("--date", arguments.date)
    with tables() as lakehouse:
        files = read_files(lakehouse, day, arguments.status)
    shown = files if arguments.limit is None else files[: arguments.limit]
    say_rows(arguments, "bronze.landing_file", _FILE_COLUMNS, shown, len(files))
    return 0


def mock(arguments: argparse.Namespace) -> int:
    from mock_data.generator import check_arguments, generate
    from mock_data.manifest import ForeignFileError, Manifest

    settings = load_settings()
    if settings.is_prod:
        raise ParameterError("mock: it writes no made-up files in production", action="unset PIPELINE_ENV")
    if "://" in settings.lakehouse.landing:
        raise ParameterError(
            "mock writes local files; lakehouse.landing is a URI", action="set it to a folder"
        )
    root = Path(settings.resolved(settings.lakehouse.landing))
    start = given.kst_date("--from", arguments.start)
    faults = [name.strip() for name in arguments.faults.split(",") if name.strip()]
    log = logging.getLogger("ledger.mock")
    try:
        check_arguments(arguments.days, arguments.users, arguments.entries, faults)
        manifest = Manifest.read(root)
        manifest.reserve(start, arguments.days)
        report = generate(
            root,
            start,
            arguments.days,
            arguments.users,
            arguments.entries,
            arguments.seed,
            faults,
            lambda what, rows: log.info("%s: %s rows", what, f"{rows:,}"),
        )
        manifest.note(report)
    except ForeignFileError as error:
        raise ParameterError(str(error)) from None
    except ValueError as error:
        raise ParameterError(f"mock: {error}") from None
    if arguments.json:
        say_json(report.to_dict())
    else:
        say(report.text())
    return 0

"""``landing`` and ``mock``: files under the landing root."""

from __future__ import annotations

import argparse
import logging
import uuid
from datetime import UTC, datetime
from pathlib import Path

from configs.settings import Settings, load_settings
from ledger.days import LAST_DAY
from ledger.errors import ParameterError
from ledger.shown import shown
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
    first = files if arguments.limit is None else files[: arguments.limit]
    say_rows(arguments, "bronze.landing_file", _FILE_COLUMNS, first, len(files))
    return 0


def withdraw(arguments: argparse.Namespace) -> int:
    """Take back a file that should never have come, and say what is due because of it."""
    from ledger.bronze.withdraw import withdraw as take_back
    from ledger.due import days_due
    from orchestration.instance import dagster_instance
    from orchestration.sensors.late_data import withdrawal

    path = _below_landing(load_settings(), arguments.path)
    with tables() as lakehouse:
        event = take_back(
            lakehouse,
            path,
            by=arguments.by,
            reason=arguments.reason,
            run_id=f"withdraw-{uuid.uuid4()}",
            now=datetime.now(UTC),
        )
        days = days_due(lakehouse)
    with dagster_instance() as instance:
        instance.report_runless_asset_event(withdrawal(days["pipeline_silver"]))
    due = {pipeline: [str(day) for day in found] for pipeline, found in days.items()}
    if arguments.json:
        say_json({"withdrawn": vars(event), "due": due})
        return 0
    say(shown(f"withdrawn: {event.path} ({event.rows or 0} rows count no more), sha256 {event.sha256}"))
    day = str(event.landing_date_kst)
    if day in due["pipeline_silver"]:
        say(f"{day} is due: ledgerctl backfill --from {day} --to {day}; later days: ledgerctl state")
    return 0


def drop_columns(arguments: argparse.Namespace) -> int:
    """Take back the columns of a flood of unknown fields, and say which stay."""
    from ledger.bronze.column_drop import drop, plan_drop
    from ledger.tables import BRONZE

    table = next((table for table in BRONZE if table.full_name == arguments.table), None)
    if table is None:
        raise ParameterError(
            f"table: {shown(arguments.table)} is no Bronze table that is loaded from the landing",
            action=f"one of {', '.join(table.full_name for table in BRONZE)}",
        )
    with tables() as lakehouse:
        planned = plan_drop(lakehouse, table, most=arguments.most, keep=given.names(arguments.keep))
        if not arguments.dry_run:
            drop(lakehouse, table, planned, by=arguments.by, reason=arguments.reason)
    if arguments.json:
        say_json({**vars(planned), "dry_run": arguments.dry_run})
        return 0
    verb = "would be dropped" if arguments.dry_run else "dropped"
    say(f"{planned.table}: {len(planned.dropped):,} columns {verb}, what they hold goes to _raw")
    say(f"kept: {', '.join(map(shown, planned.kept)) or 'none'}")
    return 0


def _below_landing(settings: Settings, path: str) -> str:
    """The path relative to the landing root, also where it was given as it lies on this machine."""
    root = settings.resolved(settings.lakehouse.landing).rstrip("/")
    return path.removeprefix(f"{root}/")


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
    if start.toordinal() + arguments.days > LAST_DAY.toordinal():
        raise ParameterError(f"mock: --days {arguments.days} from {start} end after {LAST_DAY}")
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

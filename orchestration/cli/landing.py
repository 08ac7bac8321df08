"""``landing``: what became of the landing files, and taking back what should never have come."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime

import click

from configs.settings import Settings, load_settings
from ledger.errors import ParameterError
from ledger.pipelines.registry import PIPELINE_SILVER
from ledger.shown import shown
from orchestration.cli import arguments as given
from orchestration.cli.command import CommandGroup
from orchestration.cli.lakehouse import tables
from orchestration.cli.options import DAY, decided, limited, on_date
from orchestration.cli.output import say_json, say_rows
from orchestration.cli.terminal import say

_COLUMNS = (
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
_STATUSES = ("loaded", "skipped", "failed", "superseded", "withdrawn")


@click.group(
    "landing",
    cls=CommandGroup,
    invoke_without_command=True,
    subcommand_metavar="[ACTION ...]",
    help="what became of the landing files",
    examples=["ledgerctl landing --date 2026-02-01 --status failed", "ledgerctl landing withdraw --help"],
)
@on_date(f"{DAY}, of the landing folder")
@click.option("--status", type=click.Choice(_STATUSES), help="only files of which this became")
@limited
def landing(day: date | None, status: str | None, limit: int | None, as_json: bool) -> int:
    from operations.landing import read_files

    with tables() as lakehouse:
        files = read_files(lakehouse, day, status)
    first = files if limit is None else files[:limit]
    say_rows("bronze.landing_file", _COLUMNS, first, len(files), as_json=as_json)
    return 0


@landing.command(
    "withdraw",
    help="take back a file that should never have come",
    examples=[
        "ledgerctl landing withdraw orders/date=2026-02-01/part-0.jsonl --by kim --reason 'sent by mistake'"
    ],
)
@click.argument("path", metavar="path", help="<table>/date=YYYY-MM-DD/<file>, relative to the landing root")
@decided("why it should not have come")
def withdraw(path: str, by: str, reason: str, as_json: bool) -> int:
    """Take back a file that should never have come, and say what is due because of it."""
    from ledger.bronze.withdraw import withdraw as take_back
    from ledger.due import days_due
    from orchestration.instance import dagster_instance
    from orchestration.sensors.late_data import withdrawal

    path = _below_landing(load_settings(), path)
    run_id, now = f"withdraw-{uuid.uuid4()}", datetime.now(UTC)
    with tables() as lakehouse:
        event = take_back(lakehouse, path, by=by, reason=reason, run_id=run_id, now=now)
        days = days_due(lakehouse)
    with dagster_instance() as instance:
        instance.report_runless_asset_event(withdrawal(days[PIPELINE_SILVER.name]))
    due = {pipeline: [str(day) for day in found] for pipeline, found in days.items()}
    if as_json:
        say_json({"withdrawn": vars(event), "due": due})
        return 0
    say(shown(f"withdrawn: {event.path} ({event.rows or 0} rows count no more), sha256 {event.sha256}"))
    day = str(event.landing_date_kst)
    if day in due[PIPELINE_SILVER.name]:
        say(f"{day} is due: ledgerctl backfill --from {day} --to {day}; later days: ledgerctl state")
    return 0


@landing.command(
    "drop-columns",
    help="drop columns that a flood of unknown fields made; what they held goes to _raw",
    examples=[
        "ledgerctl landing drop-columns bronze.orders_raw --by kim --reason 'a test client' --dry-run",
        "ledgerctl landing drop-columns bronze.orders_raw --by kim --reason 'a test client' --most 20",
    ],
)
@click.argument("table", metavar="table", help="Bronze table, bronze.<name>")
@click.option(
    "--most",
    type=given.POSITIVE,
    default=100,
    metavar="N",
    help="unknown columns that stay, the fullest",
)
@click.option(
    "--keep", default="", metavar="a,b", show_default=False, help="columns that stay whatever they hold"
)
@click.option("--dry-run", is_flag=True, help="only say what would go")
@decided("why they should not be there")
def drop_columns(table: str, most: int, keep: str, dry_run: bool, by: str, reason: str, as_json: bool) -> int:
    """Take back the columns of a flood of unknown fields, and say which stay."""
    from ledger.bronze.column_drop import drop, plan_drop
    from ledger.tables import BRONZE

    bronze = next((each for each in BRONZE if each.full_name == table), None)
    if bronze is None:
        raise ParameterError(
            f"table: {shown(table)} is no Bronze table that is loaded from the landing",
            action=f"one of {', '.join(each.full_name for each in BRONZE)}",
        )
    with tables() as lakehouse:
        planned = plan_drop(lakehouse, bronze, most=most, keep=given.names(keep))
        if not dry_run:
            drop(lakehouse, bronze, planned, by=by, reason=reason)
    if as_json:
        say_json({**vars(planned), "dry_run": dry_run})
        return 0
    verb = "would be dropped" if dry_run else "dropped"
    say(f"{planned.table}: {len(planned.dropped):,} columns {verb}, what they hold goes to _raw")
    say(f"kept: {', '.join(map(shown, planned.kept)) or 'none'}")
    return 0


def _below_landing(settings: Settings, path: str) -> str:
    """The path relative to the landing root, also where it was given as it lies on this machine."""
    root = settings.resolved(settings.lakehouse.landing).rstrip("/")
    return path.removeprefix(f"{root}/")

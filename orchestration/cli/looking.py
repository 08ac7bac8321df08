"""``show``, ``state``, ``runs``, ``quarantine``: what the tables hold. They change nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

import click

from ledger.errors import ParameterError
from ledger.pipelines.registry import PIPELINE_B
from ledger.shown import shown
from orchestration.cli import arguments as given
from orchestration.cli.command import Command
from orchestration.cli.lakehouse import tables
from orchestration.cli.options import DAY, limited, on_date
from orchestration.cli.output import how_many, say_csv, say_json, say_rows, say_table
from orchestration.cli.terminal import say

if TYPE_CHECKING:
    from operations.quarantine import Quarantine


@click.command(
    "show",
    cls=Command,
    help="print rows of a table, sorted by key",
    examples=[
        "ledgerctl show gold.exception_ledger --date 2026-02-01 --where severity=CRITICAL --csv",
        "ledgerctl show silver.ledger_entries --columns tx_id,amount --order -amount --limit 5",
    ],
)
@click.argument("table", metavar="table", help="<schema>.<table>")
@on_date()
@click.option(
    "--day-of",
    type=click.Choice(["business", "partition"]),
    help="what --date means where the two differ: the day of a quarantined row's window (default), or of its detection",
)
@click.option(
    "--where",
    multiple=True,
    metavar="col=value",
    callback=lambda _ctx, _param, texts: given.conditions(texts),
    help="only these rows (may be repeated)",
)
@click.option("--columns", metavar="a,b", help="only these columns")
@click.option("--order", metavar="col,-col", help="another order; - is descending")
@click.option("--count", is_flag=True, help="only how many rows")
@click.option("--csv", "as_csv", is_flag=True, help="for a spreadsheet (RFC 4180)")
@limited
def show(
    table: str,
    day: date | None,
    day_of: Literal["business", "partition"] | None,
    where: Sequence[tuple[str, str]],
    columns: str | None,
    order: str | None,
    count: bool,
    as_csv: bool,
    limit: int | None,
    as_json: bool,
) -> int:
    if as_csv and as_json:
        raise ParameterError("--csv: the output is JSON already", action="give one of --csv and --json")
    if day_of and not day:
        raise ParameterError("--day-of: it says what --date means", action="give --date as well")
    from ledger.tables import by_name
    from operations.rows import typed
    from operations.tables import Question, select

    question = Question(
        by_name(table), day, day_of or "business", where, given.names(columns), given.names(order)
    )
    name = question.table.full_name
    with tables() as lakehouse:
        rows = select(lakehouse, question)
        if count:
            _say_count(name, rows.count(), as_json=as_json)
            return 0
        if as_csv and limit is None:
            say_csv(rows.columns, typed(rows, stream=True))
            return 0
        found = list(typed(rows if limit is None else rows.limit(limit)))
        total = rows.count() if len(found) == limit else len(found)
    say_rows(name, rows.columns, found, total, as_json=as_json, as_csv=as_csv)
    return 0


def _say_count(table: str, count: int, *, as_json: bool) -> None:
    if as_json:
        say_json({"table": table, "count": count})
    else:
        say(str(count))


@click.command(
    "state",
    cls=Command,
    help="where every pipeline stands, and the days that are due",
    examples=["ledgerctl state", "ledgerctl state --json"],
)
def state(as_json: bool) -> int:
    from ledger.clock import future_watermark
    from ledger.due import days_due
    from ledger.gold import pipeline_state
    from ledger.pipelines.restatement import restatements
    from operations.rows import typed
    from resources.ledger import LedgerResource

    with tables() as lakehouse:
        rows = list(typed(lakehouse.read(pipeline_state.TABLE).orderBy("pipeline_name")))
        due = {pipeline: [str(day) for day in days] for pipeline, days in days_due(lakehouse).items()}
        restated = restatements(lakehouse)
    ends = {row["pipeline_name"]: row["last_processed_end"] for row in rows}
    now = LedgerResource().now()
    ahead = {name: end for name, end in ends.items() if isinstance(end, datetime) and end > now}
    if as_json:
        found = {"pipelines": rows, "due": due, "due_for_restatement": due[PIPELINE_B.name]}
        found["watermarks_in_future"] = list(ahead)
        say_json({**found, "restatements": restated})
        return 0
    if rows:
        say_table(list(rows[0]), rows)
    else:
        say(f"{pipeline_state.TABLE.full_name}: no rows")
    for pipeline, end in ahead.items():
        say(future_watermark(pipeline, end))
    for restatement in restated:
        say(_restatement(restatement))
    for what, days in zip(("Silver", "restatement", "C"), due.values(), strict=True):
        say(f"due for {what}: {', '.join(days) or 'none'}")
    return 0


def _restatement(found: Mapping[str, object]) -> str:
    """One restated day in one line: how many figures changed, by how much supply, and because of what."""
    cause = found["caused_by_batches"] or found["caused_by_runs"] or "unknown"
    return shown(
        f"restated {found['date_kst']}: {found['figures']} figures of {found['pipeline_name']} by {found['run_id']},"
        f" supply difference moved by {found['supply_moved']}, because of {cause}"
    )


@click.command(
    "runs",
    cls=Command,
    help="the attempts of the pipelines, newest last",
    examples=["ledgerctl runs --date 2026-02-01", "ledgerctl runs --limit all --json"],
)
@on_date()
@limited
def runs(day: date | None, limit: int | None, as_json: bool) -> int:
    from ledger.gold import pipeline_run_log
    from operations.runs import read_runs

    with tables() as lakehouse:
        found, total = read_runs(lakehouse, day, limit)
    columns = list(found[0]) if found else []
    say_rows(pipeline_run_log.TABLE.full_name, columns, found, total, as_json=as_json)
    return 0


@click.command(
    "quarantine",
    cls=Command,
    help="rejected rows by table and reason, each with what is wrong",
    examples=[
        "ledgerctl quarantine --date 2026-02-01",
        "ledgerctl quarantine --table silver.ledger_entries --reason invalid_amount --limit all",
    ],
)
@on_date(f"{DAY}, of the evaluated window")
@click.option("--table", metavar="TABLE", help="Silver table, or its source")
@click.option("--reason", metavar="REASON", help="first rule that the row breaks")
@click.option("--run-id", metavar="RUN_ID", help="all rows of this run, not only those that stand")
@limited
def quarantine(
    day: date | None,
    table: str | None,
    reason: str | None,
    run_id: str | None,
    limit: int | None,
    as_json: bool,
) -> int:
    from operations.quarantine import Asked, read_quarantine, rows_at_fault

    asked = Asked(day, _silver_table(table), reason, run_id)
    with tables() as lakehouse:
        found = read_quarantine(lakehouse, asked)
        rows = rows_at_fault(lakehouse, asked, found, limit)
    total = (found.standing + found.earlier if asked.run_id else found.standing).total()
    if as_json:
        say_json({"counts": _counts(found), "rows": rows, "total": total})
        return 0
    if not found.standing and not found.earlier:
        say("quarantine: no rows")
        return 0
    say_table(("source_table", "reason", "standing", "earlier"), _counts(found))
    if rows:
        say("")
        say_table(("source_table", "reason", "file", "key", "at_fault", "run_id"), map(_readable, rows))
    say(how_many(len(rows), total))
    return 0


def _silver_table(name: str | None) -> str | None:
    """The Silver table that rows were meant for, also by the name of its source."""
    from ledger.tables import SILVER_TABLES, by_name

    if name is None:
        return None
    table = by_name(name)
    for silver in SILVER_TABLES:
        if table in (silver.contract, *silver.bronze):
            return silver.name
    raise ParameterError(
        f"--table: {table.full_name} has no quarantine",
        action=f"one of {', '.join(silver.name for silver in SILVER_TABLES)}",
    )


def _counts(found: Quarantine) -> list[dict[str, object]]:
    groups = sorted({*found.standing, *found.earlier})
    return [
        {"source_table": t, "reason": r, "standing": found.standing[t, r], "earlier": found.earlier[t, r]}
        for t, r in groups
    ]


def _readable(row: Mapping[str, object]) -> dict[str, object]:
    return {**row, **{name: _pairs(row[name]) for name in ("key", "at_fault")}}


def _pairs(values: object) -> str:
    assert isinstance(values, Mapping)
    return ", ".join(f"{name}={'null' if v is None else repr(v)}" for name, v in values.items())

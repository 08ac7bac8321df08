"""``show``, ``state``, ``runs``, ``quarantine``: what the tables hold. They change nothing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from configs.settings import load_settings
from ledger.errors import ParameterError
from ledger.shown import shown
from orchestration.cli import arguments as given
from orchestration.cli.output import how_many, say_csv, say_json, table_text
from orchestration.cli.terminal import say, tell

if TYPE_CHECKING:
    from ledger.delta.lakehouse import Lakehouse
    from operations.quarantine import Quarantine


@contextmanager
def tables() -> Iterator[Lakehouse]:
    """The tables of the environment. Raises :class:`SettingsError` where this process has no Spark."""
    from resources.environments import ledger_of

    settings = load_settings()
    with ledger_of(settings).lakehouse(settings) as lakehouse:
        yield lakehouse


def show(arguments: argparse.Namespace) -> int:
    from ledger.tables import by_name
    from operations.rows import typed
    from operations.tables import Question, select

    day = given.optional_date("--date", arguments.date)
    if arguments.csv and arguments.json:
        raise ParameterError("--csv: the output is JSON already", action="give one of --csv and --json")
    if arguments.day_of and not day:
        raise ParameterError("--day-of: it says what --date means", action="give --date as well")
    question = Question(
        by_name(arguments.table),
        day,
        arguments.day_of or "business",
        given.conditions(arguments.where),
        given.names(arguments.columns),
        given.names(arguments.order),
    )
    with tables() as lakehouse:
        rows = select(lakehouse, question)
        if arguments.count:
            count = rows.count()
            _say_count(arguments, question.table.full_name, count)
            return 0
        if arguments.csv and arguments.limit is None:
            say_csv(rows.columns, typed(rows, stream=True))
            return 0
        found = list(typed(rows if arguments.limit is None else rows.limit(arguments.limit)))
        cut = arguments.limit is not None and len(found) == arguments.limit
        total = rows.count() if cut else len(found)
    say_rows(arguments, question.table.full_name, rows.columns, found, total)
    return 0


def _say_count(arguments: argparse.Namespace, table: str, count: int) -> None:
    if arguments.json:
        say_json({"table": table, "count": count})
    else:
        say(str(count))


def say_rows(
    arguments: argparse.Namespace,
    what: str,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, object]],
    total: int,
) -> None:
    """Rows as they were asked for, and how many of how many these are."""
    if arguments.json:
        say_json(rows)
    elif getattr(arguments, "csv", False):
        say_csv(columns, rows)
    elif not rows:
        say(f"{what}: no rows")
        return
    else:
        say(table_text(columns, rows))
        say(how_many(len(rows), total))
        return
    if len(rows) < total:  # on standard error: the other is for a machine
        tell(how_many(len(rows), total))


def state(arguments: argparse.Namespace) -> int:
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
    if arguments.json:
        found = {"pipelines": rows, "due": due, "due_for_restatement": due["pipeline_b"]}
        found["watermarks_in_future"] = list(ahead)
        say_json({**found, "restatements": restated})
        return 0
    if rows:
        say(table_text(list(rows[0]), rows))
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


def runs(arguments: argparse.Namespace) -> int:
    from ledger.gold import pipeline_run_log
    from operations.runs import read_runs

    day = given.optional_date("--date", arguments.date)
    with tables() as lakehouse:
        found, total = read_runs(lakehouse, day, arguments.limit)
    say_rows(arguments, pipeline_run_log.TABLE.full_name, list(found[0]) if found else [], found, total)
    return 0


def quarantine(arguments: argparse.Namespace) -> int:
    from operations.quarantine import Asked, read_quarantine, rows_at_fault

    day = given.optional_date("--date", arguments.date)
    asked = Asked(day, _silver_table(arguments.table), arguments.reason, arguments.run_id)
    with tables() as lakehouse:
        found = read_quarantine(lakehouse, asked)
        rows = rows_at_fault(lakehouse, asked, found, arguments.limit)
    total = (found.standing + found.earlier if asked.run_id else found.standing).total()
    if arguments.json:
        say_json({"counts": _counts(found), "rows": rows, "total": total})
        return 0
    if not found.standing and not found.earlier:
        say("quarantine: no rows")
        return 0
    say(table_text(("source_table", "reason", "standing", "earlier"), _counts(found)))
    if rows:
        say("")
        say(table_text(("source_table", "reason", "file", "key", "at_fault", "run_id"), map(_readable, rows)))
    say(how_many(len(rows), total))
    return 0


def _silver_table(name: str | None) -> str | None:
    """The Silver table that rows were meant for, also by the name of its source."""
    from ledger.pipelines.silver_candidates import SOURCES
    from ledger.tables import by_name

    if name is None:
        return None
    table = by_name(name)
    for silver, sources in SOURCES.items():
        if silver == table or table in sources:
            return silver.full_name
    raise ParameterError(
        f"--table: {table.full_name} has no quarantine",
        action=f"one of {', '.join(silver.full_name for silver in SOURCES)}",
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

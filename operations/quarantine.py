"""The quarantine of the KST days: which rows stand rejected, why, from which file, and which value is at fault."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.bronze.landing_file import LandingEvent, Version, live_versions, read_events
from ledger.bronze.metadata import RAW
from ledger.contract import USER_COLUMNS
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.instants import from_micros
from ledger.pipelines.registry import PIPELINE_SILVER
from ledger.silver import bad_records
from ledger.silver.window_rows import UNPARSABLE
from ledger.state import Logged, newest_attempt, read_attempts
from ledger.tables import BRONZE, SILVER_TABLES
from ledger.window import Window
from operations.rows import Values, typed
from operations.tables import ends_on

# Keys of the source tables, those that name people last: what a row has of them identifies it.
_KEYS = sorted(dict.fromkeys(key for table in BRONZE for key in table.key), key=USER_COLUMNS.__contains__)
_GROUP = ("source_table", "reason", "run_id", "_window_start", "_window_end", "_file", "_sha256")


@dataclass(frozen=True)
class Asked:
    """Which part of the quarantine; None: all of it. ``day`` is the KST day of the evaluated window."""

    day: date | None = None
    table: str | None = None
    reason: str | None = None
    run_id: str | None = None


@dataclass(frozen=True)
class Quarantine:
    """Rows by (Silver table, reason): those that stand, and those that only earlier attempts rejected."""

    standing: Counter[tuple[str, str]] = field(default_factory=Counter)
    earlier: Counter[tuple[str, str]] = field(default_factory=Counter)
    groups: tuple[Mapping[str, Any], ...] = ()
    """Condition of the rows to show: those that stand, or all of the run that was asked for."""


def read_quarantine(lakehouse: Lakehouse, asked: Asked) -> Quarantine:
    """The counts. Three queries, whatever the number of days.

    A row stands when the day's newest Silver run rejected it and its file version was live at that run's end: a
    repeated run id keeps the rows that a corrected file had before.
    """
    counted = _rows(lakehouse, asked).groupBy(*_GROUP).agg(F.count(F.lit(1)).alias("n")).collect()
    days = sorted({_day(row) for row in counted})
    if not days:
        return Quarantine()
    attempts = read_attempts(lakehouse, Scope(days[0], days[-1]))
    newest = {day: newest_attempt(attempts, PIPELINE_SILVER.name, day) for day in days}
    died = _deaths(read_events(lakehouse))
    found = Quarantine()
    groups = []
    for row in counted:
        stands = _stands(row, newest[_day(row)], died)
        (found.standing if stands else found.earlier)[row["source_table"], row["reason"]] += row["n"]
        if stands or asked.run_id:
            groups.append({name: row[name] for name in _GROUP})
    return Quarantine(found.standing, found.earlier, tuple(groups))


def rows_at_fault(lakehouse: Lakehouse, asked: Asked, found: Quarantine, limit: int | None) -> list[Values]:
    """The rows that were counted as standing (or of the asked run), each with its file and the value at fault."""
    if not found.groups:
        return []
    schema = ", ".join(f"{n} {'bigint' if n.startswith('_window') else 'string'}" for n in _GROUP)
    chosen = lakehouse.spark.createDataFrame([tuple(g[n] for n in _GROUP) for g in found.groups], schema)
    rows = _rows(lakehouse, asked).alias("r")
    same = [F.col(f"r.{name}").eqNullSafe(F.col(f"c.{name}")) for name in _GROUP]
    rows = rows.join(chosen.alias("c"), same, "left_semi")
    ordered = rows.orderBy("_window_start", "source_table", "reason", "_file", "record_json", "detected_at")
    shown = ordered.select(*bad_records.TABLE.column_names)
    return [_described(row) for row in typed(shown if limit is None else shown.limit(limit))]


def _rows(lakehouse: Lakehouse, asked: Asked) -> DataFrame:
    rows = lakehouse.read(bad_records.TABLE, Scope(start=asked.day) if asked.day else None)
    if asked.day:
        rows = rows.where(ends_on(asked.day))
    for column, value in (("source_table", asked.table), ("reason", asked.reason), ("run_id", asked.run_id)):
        if value is not None:
            rows = rows.where(F.col(column) == F.lit(value))
    return rows.withColumns(
        {
            "_window_start": F.unix_micros("window_start_ts"),
            "_window_end": F.unix_micros("window_end_ts"),
            "_file": F.get_json_object("record_json", "$._source_file"),
            "_sha256": F.get_json_object("record_json", "$._file_sha256"),
        }
    )


def _day(row: Any) -> date:
    start, end = from_micros(row["_window_start"]), from_micros(row["_window_end"])
    assert start is not None, "a required column"
    assert end is not None, "a required column"
    return Window(start, end).date_kst


def _stands(row: Any, newest: Logged | None, died: Mapping[Version, LandingEvent]) -> bool:
    if newest is None:
        return True  # no attempt is recorded yet: what was saved is all there is to say
    if row["run_id"] != newest.run_id:
        return False
    death = died.get((row["_file"], row["_sha256"]))
    if death is None:
        return True
    # A version that the run's own load ended was dead before its evaluation, whatever the clocks say.
    return death.run_id != newest.run_id and death.at > newest.ended_at


def _deaths(events: Iterable[LandingEvent]) -> dict[Version, LandingEvent]:
    """The events by which the versions that are not live any more ceased to be."""
    events = list(events)
    live = live_versions(events)
    return {e.version: e for e in events if e.status in ("superseded", "withdrawn") and e.version not in live}


def _described(row: Values) -> Values:
    record = _record(row["record_json"])
    columns = _at_fault(row["source_table"], row["reason"])
    return {
        "source_table": row["source_table"],
        "reason": row["reason"],
        "file": record.get("_source_file"),
        "key": {name: record[name] for name in _KEYS if record.get(name) is not None},
        "at_fault": {name: record[name] for name in columns if name in record},
        "run_id": row["run_id"],
        "rule_id": row["rule_id"],
        "record": record,
    }


def _at_fault(table: str, reason: str) -> Sequence[str]:
    """The source columns that the reason speaks of; none where this version of the program does not know it."""
    if reason == UNPARSABLE:
        return (RAW,)
    reasons = [
        silver.reasons[reason]
        for silver in SILVER_TABLES
        if silver.name == table and reason in silver.reasons
    ]
    return reasons[0].columns if reasons else ()


def _record(text: str) -> dict[str, Any]:
    """The Bronze row. Numbers stay as their text: what is at fault may be how a number was written."""
    try:
        record = json.loads(text, parse_float=str, parse_int=str)
    except ValueError:
        return {"_raw": text}
    return record if isinstance(record, dict) else {"_raw": text}

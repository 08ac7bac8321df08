"""Small contracts, and rows for them, with which the Lakehouse is tested."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from pyspark.sql import DataFrame

from ledger.contract import Table, opt, req
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope

DAY, NEXT = date(2026, 2, 10), date(2026, 2, 11)

ITEMS = Table(
    schema="silver",
    name="probe_items",
    description="Merged by id, partitioned by day.",
    columns=(
        req("id", "string"),
        req("day", "date"),
        opt("amount", "decimal(38,2)"),
        opt("note", "string"),
        req("run_id", "string"),
    ),
    write="merge",
    grain="one id",
    key=("id",),
    partition_by="day",
)


def appended(table: Table) -> Table:
    """The same stored table by a contract that appends: for rows as another program would leave them."""
    return replace(table, write="append")


APPENDED, REPLACED = appended(ITEMS), replace(ITEMS, write="replace_partition")
PER_MERCHANT = Table(
    schema="gold",
    name="probe_per_merchant",
    description="Merged by a nullable key, rewritten day by day.",
    columns=(req("day", "date"), opt("merchant", "string"), req("total", "bigint")),
    write="merge",
    grain="one merchant and day",
    key=("day", "merchant"),
    partition_by="day",
)
EVENTS = Table(
    schema="silver",
    name="probe_events",
    description="Append only.",
    columns=(req("day", "date"), req("what", "string"), opt("at", "timestamp")),
    write="append",
    grain="one event",
    partition_by="day",
)
FILES = Table(
    schema="bronze",
    name="probe_files",
    description="Loaded from files.",
    columns=(
        opt("id", "string"),
        opt("amount", "decimal(18,2)"),
        opt("_source_file", "string"),
        opt("_file_sha256", "string"),
        opt("ingest_date_kst", "date"),
    ),
    write="append",
    grain="one record",
    key=("id",),
    partition_by="ingest_date_kst",
    nullable_in_storage=True,
)
BOTH_DAYS = Scope.of([DAY, NEXT])


def items(lakehouse: Lakehouse, *rows: tuple[Any, ...]) -> DataFrame:
    """(id, day, amount, note, run_id)"""
    return lakehouse.rows(ITEMS, [dict(zip(ITEMS.column_names, row, strict=True)) for row in rows])


def stored(lakehouse: Lakehouse, table: Table) -> list[tuple[Any, ...]]:
    """All rows of a table, sorted."""
    return sorted((tuple(row) for row in lakehouse.read(table).collect()), key=repr)

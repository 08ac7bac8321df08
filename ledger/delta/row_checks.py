"""Refusals before a read or write: foreign columns and types, missing values, two rows for one key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import Row

from ledger.contract import USER_COLUMNS, Table
from ledger.delta.log_metadata import Layout
from ledger.errors import ContractError, KeyViolationError
from ledger.shown import shown

_SHOWN_OFFENDERS = 3
NameUser = Callable[[str], str]
"""How an error names a person: a stable pseudonym where there is a key for it (spec section 10), else not at all."""


def unnamed(_identifier: str) -> str:
    """Nobody is named."""
    return "(hidden)"


@dataclass(frozen=True)
class Look:
    """One look at rows to be written, beside the stored rows of their keys: of the source ``rows`` per partition."""

    rows: dict[Any, int]
    is_incomplete: bool
    is_given_twice: bool
    is_stored_twice: bool
    has_stored: bool


def check_types(table: Table, df: DataFrame) -> None:
    """Raises :class:`ContractError` for columns that are not the contract's."""
    types = [(f.name, f.dataType.simpleString()) for f in df.schema.fields]
    if types != [(c.name, c.type) for c in table.columns]:
        raise ContractError(f"columns to write are {types}, not the contract's", table=table.full_name)


def check_rows(table: Table, df: DataFrame, *, name_user: NameUser = unnamed) -> None:
    """:func:`check_types`; raises :class:`KeyViolationError` for a null in a required column, and shows the first."""
    check_types(table, df)
    if table.required:
        _refuse_incomplete(table, df.where(_is_incomplete(table)), name_user)


def look(table: Table, source: DataFrame, stored: DataFrame | None = None, *, own: str | None = None) -> Look:
    """Whether the rows may be written, how many there are per partition, and whether their keys are stored. One query.

    ``own``: the stored rows that the source speaks for, whether it has their keys or not; without it the stored keys
    that the source does not have do not matter. Of the stored rows of a key those count that are its own.
    """
    return looks([(table, source, stored, own)])[0]


def looks(asked: Sequence[tuple[Table, DataFrame, DataFrame | None, str | None]]) -> list[Look]:
    """:func:`look` at the rows of several tables. One query."""
    if not asked:
        return []
    frames = [_profile(*one).withColumn("_number", F.lit(n)) for n, one in enumerate(asked)]
    found: list[list[Row]] = [[] for _ in asked]
    for row in reduce(DataFrame.unionAll, frames).collect():
        found[row["_number"]].append(row)
    return [_look(table, rows) for (table, *_), rows in zip(asked, found, strict=True)]


_MARKS = ("_given", "_incomplete", "_there", "_own")


def _profile(table: Table, source: DataFrame, stored: DataFrame | None, own: str | None) -> DataFrame:
    """Per partition (a date, or nothing) the rows given, and the most marks of one key."""
    part = F.col(table.partition_by) if table.partition_by else F.lit(None)
    # Numbers, not booleans: the embedded engine takes the maximum of booleans row by row.
    zero = F.lit(0)
    given = (F.lit(1), F.when(F.expr(_is_incomplete(table)), 1).otherwise(0), zero, zero)
    rows = source.select(*table.key, part.cast("date").alias("_part"), *map(_named, given, _MARKS))
    if stored is not None:
        counts = (zero, zero, F.lit(1), F.expr(f"CASE WHEN {own or 'true'} THEN 1 ELSE 0 END"))
        nowhere = F.lit(None).cast("date").alias("_part")
        if own is None:  # of a long history only the few keys that the source has are grouped
            stored = _of_the_source(table, stored, source)
        rows = rows.unionAll(stored.alias("t").select(*table.key, nowhere, *map(_named, counts, _MARKS)))
    if table.key:
        sums = [F.sum(name).alias(name) for name in _MARKS]
        rows = rows.groupBy(*table.key).agg(F.max("_part").alias("_part"), *sums)
    most = [F.max(name).cast("bigint").alias(name) for name in _MARKS]
    return rows.groupBy("_part").agg(F.sum("_given").cast("bigint").alias("_rows"), *most)


def _look(table: Table, found: Sequence[Row]) -> Look:
    return Look(
        rows={row["_part"]: row["_rows"] for row in found if row["_rows"]},
        is_incomplete=any(row["_incomplete"] for row in found),
        is_given_twice=bool(table.key) and any(row["_given"] > 1 for row in found),
        is_stored_twice=any(row["_own"] > 1 for row in found),
        has_stored=any(row["_there"] for row in found),
    )


def refuse_rows(table: Table, df: DataFrame, seen: Look, name_user: NameUser) -> None:
    """Raises :class:`KeyViolationError` for a null in a required column and for several rows with one key; the error
    shows the first offenders."""
    if seen.is_incomplete:
        _refuse_incomplete(table, df.where(_is_incomplete(table)), name_user)
    if seen.is_given_twice:
        _refuse(table, "several rows for one key", table.key, repeated(table, df), name_user)


def repeated(
    table: Table, rows: DataFrame, *, source: DataFrame | None = None, own: str | None = None
) -> list[Row]:
    """A few of the keys (those of ``source`` alone where it is given) that several of the ``own`` rows share."""
    keys = list(table.key)
    if source is not None:
        rows = _of_the_source(table, rows, source)
    mine = F.expr(f"CASE WHEN {own or 'true'} THEN 1 ELSE 0 END")
    counted = rows.alias("t").groupBy(*keys).agg(F.sum(mine).alias("_rows"))
    return counted.where("_rows > 1").limit(_SHOWN_OFFENDERS).collect()


def _of_the_source(table: Table, stored: DataFrame, source: DataFrame) -> DataFrame:
    """The stored rows whose key the source has."""
    on = [F.col(f"t.{key}").eqNullSafe(F.col(f"s.{key}")) for key in table.key]
    return stored.alias("t").join(source.select(*table.key).alias("s"), on, "left_semi")


def _is_incomplete(table: Table) -> str:
    return " OR ".join(f"{name} IS NULL" for name in table.required) or "false"


def _named(column: Column, name: str) -> Column:
    return column.alias(name)


def _refuse_incomplete(table: Table, incomplete: DataFrame, name_user: NameUser) -> None:
    rows = incomplete.limit(_SHOWN_OFFENDERS).collect()
    _refuse(table, "a null in a required column", table.required, rows, name_user)


def check_values(
    table: Table, records: Sequence[Mapping[str, object]], name_user: NameUser = unnamed
) -> None:
    """Refuse a missing required value as :func:`check_rows` does, of plain values and without a query."""
    incomplete = [r for r in records if any(r.get(name) is None for name in table.required)]
    rows = [Row(**{name: record.get(name) for name in table.required}) for record in incomplete]
    _refuse(table, "a null in a required column", table.required, rows[:_SHOWN_OFFENDERS], name_user)


def refuse_foreign(table: Table, layout: Layout) -> None:
    """Raises :class:`ContractError` for a stored table whose columns, types or partition are not its contract's.

    Bronze may have more columns than its contract (fields that the contract does not know).
    """
    stored = dict(layout.columns)
    problems = [f"{c.name} is missing" for c in table.columns if c.name not in stored]
    problems += [
        f"{c.name} is {stored[c.name]}, not {c.type}"
        for c in table.columns
        if stored.get(c.name, c.type) != c.type
    ]
    if table.schema != "bronze":
        problems += [f"{name} is not in the contract" for name in stored if name not in table.column_names]
    wanted = (table.partition_by,) if table.partition_by else ()
    if layout.partition_by is not None and layout.partition_by != wanted:
        found = ", ".join(layout.partition_by) or "nothing"
        problems.append(f"it is partitioned by {found}, not by {', '.join(wanted) or 'nothing'}")
    if problems:
        raise ContractError(
            "the stored table does not match its contract: " + "; ".join(problems),
            table=table.full_name,
            action="restore the table as it was before another program changed it, or migrate it, then run the same"
            " command again; nothing was read or written",
        )


def refuse_repeated(table: Table, offenders: Sequence[Row], name_user: NameUser = unnamed) -> None:
    """Raises :class:`KeyViolationError` when ``offenders`` (key columns) has stored keys that several rows share."""
    if not offenders:
        return
    raise KeyViolationError(
        f"the stored table has several rows for one key: {_values(table, table.key, offenders, name_user)}",
        table=table.full_name,
        key=", ".join(table.key),
        action="remove the rows that another program wrote, then run the same command again; nothing was written",
    )


def _values(table: Table, columns: Sequence[str], offenders: Sequence[Row], name_user: NameUser) -> str:
    """The offending values, people by their pseudonym: an error goes into events and logs that others read."""

    def said(column: str, value: object) -> str:
        if value is None or column not in table.identifying:
            return f"{column}={'None' if value is None else shown(value)}"
        return f"{column}={name_user(str(value)) if column in USER_COLUMNS else unnamed(str(value))}"

    return "; ".join("(" + ", ".join(said(c, row[c]) for c in columns) + ")" for row in offenders)


def _refuse(
    table: Table, what: str, columns: Sequence[str], offenders: Sequence[Row], name_user: NameUser
) -> None:
    if not offenders:
        return
    raise KeyViolationError(
        f"the write has {what}: {_values(table, columns, offenders, name_user)}",
        table=table.full_name,
        key=", ".join(table.key) or None,
        action="nothing was written; correct the source rows",
    )

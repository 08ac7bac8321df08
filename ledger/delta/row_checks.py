"""Refusals before a read or write: foreign columns and types, missing values, two rows for one key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pyspark.sql import DataFrame
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


def check_rows(table: Table, df: DataFrame, *, keyed: bool, name_user: NameUser = unnamed) -> None:
    """Raises :class:`ContractError` for columns that are not the contract's, :class:`KeyViolationError` for a null
    in a required column and, with ``keyed``, for several rows with one key; the error shows the first offenders."""
    types = [(f.name, f.dataType.simpleString()) for f in df.schema.fields]
    if types != [(c.name, c.type) for c in table.columns]:
        raise ContractError(f"columns to write are {types}, not the contract's", table=table.full_name)
    is_incomplete = " OR ".join(f"{name} IS NULL" for name in table.required) or "false"
    names = table.key or table.required
    if not names:
        return
    # A number, not a boolean: the embedded engine takes the maximum of booleans row by row.
    incomplete = F.when(F.expr(is_incomplete), 1).otherwise(0).alias("_incomplete")
    suspects = df.select(*names, incomplete)
    if keyed and table.key:
        suspects = suspects.groupBy(*names).agg(
            F.count(F.lit(1)).alias("_rows"), F.max("_incomplete").alias("_incomplete")
        )
        offenders = suspects.where("_rows > 1 OR _incomplete = 1").limit(_SHOWN_OFFENDERS).collect()
    else:
        offenders = suspects.where("_incomplete = 1").limit(_SHOWN_OFFENDERS).collect()
    if any(row["_incomplete"] for row in offenders):
        rows = df.where(is_incomplete).limit(_SHOWN_OFFENDERS).collect()
        _refuse(table, "a null in a required column", table.required, rows, name_user)
    _refuse(table, "several rows for one key", table.key, offenders, name_user)


def check_values(
    table: Table, records: Sequence[Mapping[str, object]], name_user: NameUser = unnamed
) -> None:
    """:func:`check_rows` for plain values, without a query."""
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

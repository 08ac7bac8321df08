"""What a write refuses before it starts: foreign columns, missing values, two rows for one key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import Row

from ledger.contract import Table
from ledger.errors import ContractError, KeyViolationError

_SHOWN_OFFENDERS = 3


def check_rows(table: Table, df: DataFrame, *, keyed: bool) -> None:
    """Raises :class:`ContractError` for columns that are not the contract's, :class:`KeyViolationError` for a null
    in a required column and, with ``keyed``, for several rows with one key; the error shows the first offenders."""
    types = [(f.name, f.dataType.simpleString()) for f in df.schema.fields]
    if types != [(c.name, c.type) for c in table.columns]:
        raise ContractError(f"columns to write are {types}, not the contract's", table=table.full_name)
    is_incomplete = " OR ".join(f"{name} IS NULL" for name in table.required) or "false"
    shown = table.key or table.required
    if not shown:
        return
    # A number, not a boolean: the embedded engine takes the maximum of booleans row by row.
    incomplete = F.when(F.expr(is_incomplete), 1).otherwise(0).alias("_incomplete")
    suspects = df.select(*shown, incomplete)
    if keyed and table.key:
        suspects = suspects.groupBy(*shown).agg(
            F.count(F.lit(1)).alias("_rows"), F.max("_incomplete").alias("_incomplete")
        )
        offenders = suspects.where("_rows > 1 OR _incomplete = 1").limit(_SHOWN_OFFENDERS).collect()
    else:
        offenders = suspects.where("_incomplete = 1").limit(_SHOWN_OFFENDERS).collect()
    if any(row["_incomplete"] for row in offenders):
        rows = df.where(is_incomplete).limit(_SHOWN_OFFENDERS).collect()
        _refuse(table, "a null in a required column", table.required, rows)
    _refuse(table, "several rows for one key", table.key, offenders)


def check_values(table: Table, records: Sequence[Mapping[str, object]]) -> None:
    """:func:`check_rows` for plain values, without a query."""
    incomplete = [r for r in records if any(r.get(name) is None for name in table.required)]
    shown = [Row(**{name: record.get(name) for name in table.required}) for record in incomplete]
    _refuse(table, "a null in a required column", table.required, shown[:_SHOWN_OFFENDERS])


def _refuse(table: Table, what: str, columns: Sequence[str], offenders: Sequence[Row]) -> None:
    if not offenders:
        return
    values = "; ".join("(" + ", ".join(f"{c}={row[c]}" for c in columns) + ")" for row in offenders)
    raise KeyViolationError(
        f"the write has {what}: {values}",
        table=table.full_name,
        key=", ".join(table.key) or None,
        action="nothing was written; correct the source rows",
    )

"""Table contracts: columns with types and units, merge key, partition, write strategy (spec section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.errors import ContractError

USER_COLUMNS = frozenset({"user_id", "wallet_id"})
"""The columns that name a person; both mean the same (spec section 1)."""
WriteStrategy = Literal["append", "merge", "replace_partition", "scd2"]


@dataclass(frozen=True)
class Column:
    """One column: SQL type as Spark prints it, whether null is refused, and its meaning with unit."""

    name: str
    type: str
    comment: str = ""
    required: bool = False


def req(name: str, type_: str, comment: str = "") -> Column:
    """A required (not null) column."""
    return Column(name, type_, comment, required=True)


def opt(name: str, type_: str, comment: str = "") -> Column:
    """A nullable column."""
    return Column(name, type_, comment)


@dataclass(frozen=True)
class Table:
    """The contract of one Delta table.

    ``key`` identifies a row for merges and for the duplicate check; empty for append-only tables.
    ``identifying`` names the columns that identify a user and must never be shown in a sample.
    ``nullable_in_storage`` is Bronze: required columns are checked by A and Silver, not by the table.
    """

    schema: str
    name: str
    description: str
    columns: tuple[Column, ...]
    write: WriteStrategy
    grain: str
    key: tuple[str, ...] = ()
    partition_by: str | None = None
    identifying: frozenset[str] = frozenset()
    nullable_in_storage: bool = False

    @property
    def full_name(self) -> str:
        """``<schema>.<table>``, the name that operators use."""
        return f"{self.schema}.{self.name}"

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def required(self) -> tuple[str, ...]:
        return () if self.nullable_in_storage else tuple(c.name for c in self.columns if c.required)

    def column(self, name: str) -> Column:
        """The column of that name; raises :class:`ContractError` when the contract has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise ContractError(f"no column {name!r} in the contract", table=self.full_name)

    def conform(self, df: DataFrame) -> DataFrame:
        """Exactly the contract's columns, in order and type; the last line of every transform.

        Raises :class:`ContractError` naming the columns that ``df`` lacks.
        """
        missing = [name for name in self.column_names if name not in df.columns]
        if missing:
            raise ContractError(f"the transform did not produce {', '.join(missing)}", table=self.full_name)
        return self.cast(df)

    def cast(self, df: DataFrame) -> DataFrame:
        """:meth:`conform` for a frame that is known to have the columns: the engine is not asked for its own."""
        return df.select(*[F.col(c.name).cast(c.type).alias(c.name) for c in self.columns])

    def differs(self, left: str, right: str, columns: tuple[str, ...]) -> SparkColumn:
        """True where any of ``columns`` differs, null-safe, between the aliases ``left`` and ``right``."""
        if not columns:
            return F.lit(False)
        return F.expr(" OR ".join(f"NOT ({left}.{c} <=> {right}.{c})" for c in columns))

"""Whole partitions: one replaced by its new rows, or those before a day deleted."""

from __future__ import annotations

import logging
from datetime import date, timedelta

from pyspark.sql import DataFrame

from ledger.contract import Table
from ledger.delta import commits
from ledger.delta.frames import Frames
from ledger.delta.row_checks import check_types, look, refuse_rows
from ledger.delta.scope import Scope
from ledger.delta.tables import Tables
from ledger.delta.writes import WriteResult, Writes, refuse_other_write
from ledger.errors import ContractError

logger = logging.getLogger(__name__)


class Partitions:
    """Writes that know no single row."""

    def __init__(self, tables: Tables, frames: Frames, writes: Writes) -> None:
        self._tables, self._frames, self._writes = tables, frames, writes

    def replace_partition(self, table: Table, df: DataFrame, partition: object) -> WriteResult:
        """Replace one partition by ``df`` in one commit (``replaceWhere``). One query before it.

        Raises :class:`ContractError` for rows of another partition, :class:`KeyViolationError` as a merge does.
        """
        refuse_other_write(table, "replace_partition")
        if table.partition_by is None:
            raise ContractError("only a partitioned table can replace a partition", table=table.full_name)
        check_types(table, df)
        seen = look(table, df)
        refuse_rows(table, df, seen, self._frames.name_user)
        if any(str(value) != str(partition) for value in seen.rows):
            raise ContractError("rows outside the partition", table=table.full_name, partition=str(partition))
        replaced = f"{table.partition_by} = '{partition}'"
        return self._writes.save(table, df, expected=sum(seen.rows.values()), replace=replaced)

    def delete_before(self, table: Table, day: date) -> None:
        """Delete the partitions before a KST day in one commit (retention).

        Raises :class:`ContractError` when rows of them are still there afterwards.
        """
        scope = Scope(end=day - timedelta(days=1))
        statement = f"DELETE FROM {self._tables.ref(table)} WHERE {scope.condition(str(table.partition_by))}"
        commits.retry_conflicts(lambda: self._tables.spark.sql(statement), table.full_name)
        left = self._tables.count(table, scope)
        if left:
            raise ContractError(
                f"{left} rows before {day} are left after their deletion",
                table=table.full_name,
                action="run the same command again",
            )
        logger.info("%s: partitions before %s deleted", table.full_name, day)

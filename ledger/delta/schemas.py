"""Making a table from its contract, and the columns that Bronze gains."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from ledger.contract import Table
from ledger.delta import commits
from ledger.delta.log_files import add_string_columns
from ledger.delta.merge_sql import quoted
from ledger.delta.tables import Tables
from ledger.errors import StorageError

logger = logging.getLogger(__name__)
_SAFE_STATISTICS = ("string", "date", "timestamp", "bigint", "int")


class Schemas:
    """Commits that change what a table looks like, never what it holds."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def create(self, table: Table) -> bool:
        """Create the table from its contract unless it exists; true when it was created. Loads no data.

        Raises :class:`StorageError` where the warehouse is no folder or cannot be written.
        """
        tables = self._tables
        if tables.exists(table):
            return False
        if tables.has_files_here:
            self._make_folder(table)
        if tables.catalog:
            tables.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {tables.catalog}.{table.schema}")
        columns = ", ".join(
            f"`{c.name}` {c.type}{' NOT NULL' if c.name in table.required else ''} COMMENT '{quoted(c.comment)}'"
            for c in table.columns
        )
        partition = f" PARTITIONED BY (`{table.partition_by}`)" if table.partition_by else ""
        properties = ", ".join(f"'{k}' = '{v}'" for k, v in _properties(table).items())
        name, location = tables.ref(table), ""
        if tables.is_embedded:  # it creates by name only: one of this session, the table itself is its path
            name, location = f"created_{uuid.uuid4().hex}", f" LOCATION '{quoted(tables.path(table))}'"
        statement = (
            f"CREATE TABLE IF NOT EXISTS {name} ({columns}) USING DELTA"
            f" COMMENT '{quoted(table.description)}'{partition}{location} TBLPROPERTIES ({properties})"
        )
        try:
            commits.retry_conflicts(lambda: tables.spark.sql(statement), table.full_name)
        except Exception:
            if not tables.exists(table):
                raise
            return False  # another process has made it meanwhile: a table's first commit can be made once
        return True

    def _make_folder(self, table: Table) -> None:
        try:
            os.makedirs(self._tables.folder, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"the warehouse {self._tables.folder} is no folder and cannot be made one: {error.strerror}",
                table=table.full_name,
                action="set lakehouse.warehouse to a folder that can be written; nothing was written",
            ) from error

    def add_columns(self, table: Table, names: Sequence[str], *, most: int = 2**31) -> bool:
        """Add nullable string columns that the stored table lacks (schema evolution of Bronze).

        False, and none is added, when the table would have more than ``most`` columns: another load took the room.
        """
        before = self._tables.columns(table)
        stored = {name.lower() for name in before}
        missing = [name for name in names if name.lower() not in stored]
        if not missing:
            return True
        if len(before) + len(missing) > most:
            return False
        logger.info("%s: new columns %s", table.full_name, ", ".join(missing))
        return commits.retry_conflicts(
            lambda: self._add_string_columns(table, missing, most), table.full_name
        )

    def _add_string_columns(self, table: Table, names: Sequence[str], most: int) -> bool:
        if self._tables.is_embedded:  # it has no ALTER TABLE
            return add_string_columns(
                self._tables.path(table), table.full_name, names, datetime.now(UTC), most=most
            )
        columns = ", ".join(f"`{name}` string" for name in names)
        self._tables.spark.sql(f"ALTER TABLE {self._tables.ref(table)} ADD COLUMNS ({columns})")
        return True


def _properties(table: Table) -> dict[str, str]:
    """Delta properties of a table.

    No file statistics for decimals: the log keeps them as JSON numbers, and the embedded engine takes a column
    whose smallest and largest value agree from there, rounded to a double (docs/decisions.md, D-007).
    """
    indexed = [c.name for c in table.columns if c.type in _SAFE_STATISTICS and c.name != table.partition_by]
    properties = {"delta.dataSkippingStatsColumns": ",".join(indexed)}
    if table.schema == "bronze":
        properties["delta.appendOnly"] = "true"
    return properties

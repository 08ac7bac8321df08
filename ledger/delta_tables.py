"""Delta tables by contract: where they lie, what they look like, and reading them. Writes are in lakehouse.py."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence

from deltalake import DeltaTable, Field
from deltalake.schema import PrimitiveType
from pyspark.sql import DataFrame, SparkSession

from ledger.contract import Table
from ledger.delta_log import retry_conflicts
from ledger.errors import ContractError
from ledger.merge import Scope, quoted
from ledger.table_logs import FileLog, Place, SqlLog, TableLog

logger = logging.getLogger(__name__)
_SAFE_STATISTICS = ("string", "date", "timestamp", "bigint", "int")


class DeltaTables:
    """Tables at ``<warehouse>/<schema>/<table>``, or ``<catalog>.<schema>.<table>`` when a catalog is set."""

    def __init__(self, spark: SparkSession, *, warehouse: str, catalog: str | None = None) -> None:
        self.spark = spark
        self._warehouse, self._catalog = warehouse.rstrip("/"), catalog
        is_local = catalog is None and "://" not in warehouse
        self.is_embedded = is_local and "connect" in type(spark).__module__
        """Whether the engine is this process's own child and shares its files."""
        self._log: TableLog = FileLog() if is_local else SqlLog(spark, by_name=catalog is not None)

    @property
    def keeps_json_text(self) -> bool:
        """Whether the engine reads strict JSON alone and hands values over as they are written (``json_text``)."""
        return self.is_embedded

    # -- where a table lies ---------------------------------------------------------------------------------------

    def ref(self, table: Table) -> str:
        """How SQL names the table."""
        return self._place(table).ref

    def path(self, table: Table) -> str:
        return f"{self._warehouse}/{table.schema}/{table.name}"

    def exists(self, table: Table) -> bool:
        return self._log.exists(self._place(table))

    def version(self, table: Table) -> int:
        """The table's newest Delta version."""
        return self._log.version(self._place(table))

    def _place(self, table: Table) -> Place:
        path = self.path(table)
        return Place(f"{self._catalog}.{table.full_name}" if self._catalog else f"delta.`{path}`", path)

    # -- schema ---------------------------------------------------------------------------------------------------

    def create(self, table: Table) -> bool:
        """Create the table from its contract unless it exists; true when it was created. Loads no data."""
        if self.exists(table):
            return False
        if self._catalog:
            self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {self._catalog}.{table.schema}")
        columns = ", ".join(
            f"`{c.name}` {c.type}{' NOT NULL' if c.name in table.required else ''} COMMENT '{quoted(c.comment)}'"
            for c in table.columns
        )
        partition = f" PARTITIONED BY (`{table.partition_by}`)" if table.partition_by else ""
        properties = ", ".join(f"'{k}' = '{v}'" for k, v in _properties(table).items())
        name, location = self.ref(table), ""
        if self.is_embedded:  # it creates by name only: one of this session, the table itself is its path
            name, location = f"created_{uuid.uuid4().hex}", f" LOCATION '{quoted(self.path(table))}'"
        try:
            self.spark.sql(
                f"CREATE TABLE IF NOT EXISTS {name} ({columns}) USING DELTA"
                f" COMMENT '{quoted(table.description)}'{partition}{location} TBLPROPERTIES ({properties})"
            )
        except Exception:
            if not self.exists(table):
                raise
            return False  # another process has made it meanwhile: a table's first commit can be made once
        return True

    def validate(self, table: Table) -> None:
        """Compare the stored table with its contract column by column; raises :class:`ContractError`.

        Bronze may have more columns than its contract (fields that the contract does not know).
        """
        stored = {field.name: field.dataType.simpleString() for field in self.read(table).schema.fields}
        problems = [f"{c.name} is missing" for c in table.columns if c.name not in stored]
        problems += [
            f"{c.name} is {stored[c.name]}, not {c.type}"
            for c in table.columns
            if stored.get(c.name, c.type) != c.type
        ]
        if table.schema != "bronze":
            problems += [
                f"{name} is not in the contract" for name in stored if name not in table.column_names
            ]
        if problems:
            raise ContractError(
                "the stored table does not match its contract: " + "; ".join(problems),
                table=table.full_name,
                action="migrate the table or restore it; nothing was changed",
            )

    def add_columns(self, table: Table, names: Sequence[str]) -> None:
        """Add nullable string columns that the stored table lacks (schema evolution of Bronze)."""
        stored = {name.lower() for name in self.read(table).columns}
        missing = [name for name in names if name.lower() not in stored]
        if missing:
            logger.info("%s: new columns %s", table.full_name, ", ".join(missing))
            retry_conflicts(lambda: self._add_string_columns(table, missing), table.full_name)

    def _add_string_columns(self, table: Table, names: Sequence[str]) -> None:
        if self.is_embedded:  # it has no ALTER TABLE
            fields = [Field(name, PrimitiveType("string"), nullable=True) for name in names]
            DeltaTable(self.path(table)).alter.add_columns(fields)
            return
        columns = ", ".join(f"`{name}` string" for name in names)
        self.spark.sql(f"ALTER TABLE {self.ref(table)} ADD COLUMNS ({columns})")

    # -- read -----------------------------------------------------------------------------------------------------

    def read(self, table: Table, scope: Scope | None = None) -> DataFrame:
        """The table, pruned to the partitions of ``scope``; raises :class:`ContractError` when it is missing."""
        if not self.exists(table):
            raise ContractError(
                "the table does not exist", table=table.full_name, action="run bootstrap_catalog"
            )
        if self._catalog:
            df = self.spark.table(f"{self._catalog}.{table.full_name}")
        else:
            df = self.spark.read.format("delta").load(self.path(table))
        if scope is None or table.partition_by is None:
            return df
        return df.where(scope.condition(table.partition_by))

    def count(self, table: Table, scope: Scope | None = None) -> int:
        """The rows of :meth:`read`: by the log where it can tell, else by a query."""
        known = self.known_count(table, scope)
        return self.read(table, scope).count() if known is None else known

    def known_count(self, table: Table, scope: Scope | None = None) -> int | None:
        """The rows of :meth:`read` by the log; None when only a query can tell."""
        return self._log.row_count(self._place(table), table.partition_by, (scope or Scope()).holds)


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

"""Delta tables by contract: where they lie, what they look like, and reading them. Writes are in lakehouse.py."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import Row

from ledger.contract import Table
from ledger.delta.answers import ANSWERS
from ledger.delta.commits import retry_conflicts
from ledger.delta.engine_paths import addressable, refuse_lost_link
from ledger.delta.log import FileLog, Place, SqlLog, TableLog
from ledger.delta.log_files import add_string_columns
from ledger.delta.log_metadata import Layout
from ledger.delta.merge import quoted
from ledger.delta.row_checks import refuse_foreign
from ledger.delta.scope import Scope
from ledger.errors import ContractError, StorageError

logger = logging.getLogger(__name__)
_SAFE_STATISTICS = ("string", "date", "timestamp", "bigint", "int")


class DeltaTables:
    """Tables at ``<warehouse>/<schema>/<table>``, or ``<catalog>.<schema>.<table>`` when a catalog is set."""

    def __init__(self, spark: SparkSession, *, warehouse: str, catalog: str | None = None) -> None:
        self.spark = spark
        self._catalog, self._is_local = catalog, catalog is None and "://" not in warehouse
        self.is_embedded = self._is_local and "connect" in type(spark).__module__
        """Whether the engine is this process's own child and shares its files."""
        self._folder = warehouse.rstrip("/")
        self._warehouse = addressable(self._folder) if self._shares_links() else self._folder
        self._log: TableLog = FileLog() if self._is_local else SqlLog(spark, by_name=catalog is not None)
        self._as_contract: dict[str, Layout] = {}

    @property
    def has_files_here(self) -> bool:
        """Whether this process sees the tables' files, and may commit to their logs."""
        return self._is_local

    @property
    def keeps_json_text(self) -> bool:
        """Whether the engine reads strict JSON alone and hands values over as they are written (``json_text``)."""
        return self.is_embedded

    # -- where a table lies ---------------------------------------------------------------------------------------

    def ref(self, table: Table) -> str:
        """How SQL names the table; raises as :meth:`read` does when it is not as its contract."""
        self._hold_to_contract(table)
        return self._place(table).ref

    def path(self, table: Table) -> str:
        """The table's place, as every engine and reader understands it (``engine_paths``).

        Raises :class:`StorageError` when that is by a link, and the link is gone.
        """
        refuse_lost_link(self._folder, self._warehouse)
        return f"{self._warehouse}/{table.schema}/{table.name}"

    def exists(self, table: Table) -> bool:
        return self._log.exists(self._place(table))

    def version(self, table: Table) -> int:
        """The table's newest Delta version; raises as :meth:`read` does for a table that is not as its contract."""
        self._hold_to_contract(table)
        return self._log.version(self._place(table))

    def _place(self, table: Table) -> Place:
        path = self.path(table)
        return Place(f"{self._catalog}.{table.full_name}" if self._catalog else f"delta.`{path}`", path)

    def _shares_links(self) -> bool:
        """Whether the engine reads this machine's files: workers elsewhere do not see a link of this process."""
        if self.is_embedded or not self._is_local:
            return self.is_embedded
        return str(self.spark.conf.get("spark.master", "")).startswith("local")

    # -- schema ---------------------------------------------------------------------------------------------------

    def create(self, table: Table) -> bool:
        """Create the table from its contract unless it exists; true when it was created. Loads no data.

        Raises :class:`StorageError` where the warehouse is no folder or cannot be written.
        """
        if self.exists(table):
            return False
        if self._is_local:
            self._make_folder(table)
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
        statement = (
            f"CREATE TABLE IF NOT EXISTS {name} ({columns}) USING DELTA"
            f" COMMENT '{quoted(table.description)}'{partition}{location} TBLPROPERTIES ({properties})"
        )
        try:
            retry_conflicts(lambda: self.spark.sql(statement), table.full_name)
        except Exception:
            if not self.exists(table):
                raise
            return False  # another process has made it meanwhile: a table's first commit can be made once
        return True

    def _make_folder(self, table: Table) -> None:
        try:
            os.makedirs(self._folder, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"the warehouse {self._folder} is no folder and cannot be made one: {error.strerror}",
                table=table.full_name,
                action="set lakehouse.warehouse to a folder that can be written; nothing was written",
            ) from error

    def validate(self, table: Table) -> None:
        """Compare the stored table with its contract column by column; raises :class:`ContractError`.

        Bronze may have more columns than its contract (fields that the contract does not know).
        """
        self._as_contract.pop(table.full_name, None)
        self.read(table)

    def _hold_to_contract(self, table: Table, plan: DataFrame | None = None) -> None:
        """Refuse a table that another program gave other columns or types: its rows mean something else then.

        No query: the log tells, once per process and change of the table; elsewhere the ``plan`` that reads it, once.
        """
        layout = self._log.layout(self._place(table), table.full_name)
        known = self._as_contract.get(table.full_name)
        if layout is None and known is None and plan is not None:
            layout = Layout(tuple((f.name, f.dataType.simpleString()) for f in plan.schema.fields))
        if layout is None or layout is known:
            return
        refuse_foreign(table, layout)
        self._as_contract[table.full_name] = layout

    def add_columns(self, table: Table, names: Sequence[str], *, most: int = 2**31) -> bool:
        """Add nullable string columns that the stored table lacks (schema evolution of Bronze).

        False, and none is added, when the table would have more than ``most`` columns: another load took the room.
        """
        before = self.read(table).columns
        stored = {name.lower() for name in before}
        missing = [name for name in names if name.lower() not in stored]
        if not missing:
            return True
        if len(before) + len(missing) > most:
            return False
        logger.info("%s: new columns %s", table.full_name, ", ".join(missing))
        return retry_conflicts(lambda: self._add_string_columns(table, missing, most), table.full_name)

    def _add_string_columns(self, table: Table, names: Sequence[str], most: int) -> bool:
        if self.is_embedded:  # it has no ALTER TABLE
            return add_string_columns(self.path(table), table.full_name, names, datetime.now(UTC), most=most)
        columns = ", ".join(f"`{name}` string" for name in names)
        self.spark.sql(f"ALTER TABLE {self.ref(table)} ADD COLUMNS ({columns})")
        return True

    # -- read -----------------------------------------------------------------------------------------------------

    def read(self, table: Table, scope: Scope | None = None) -> DataFrame:
        """The table, pruned to the partitions of ``scope``.

        Raises :class:`ContractError` when it is missing or not as its contract, :class:`StorageError` when its log is
        damaged.
        """
        if not self.exists(table):
            raise ContractError(
                "the table does not exist", table=table.full_name, action="run bootstrap_catalog"
            )
        if self._catalog:
            df = self.spark.table(f"{self._catalog}.{table.full_name}")
        else:
            df = self.spark.read.format("delta").load(self.path(table))
        self._hold_to_contract(table, df)
        if scope is None or table.partition_by is None:
            return df
        return df.where(scope.condition(table.partition_by))

    def answer(
        self, table: Table, question: Callable[[DataFrame], DataFrame], scope: Scope | None = None
    ) -> tuple[Row, ...]:
        """The few rows that a question to the table gives; without a query while the table's newest commit is known.

        ``question`` is a function of a module, so that it stands for what it asks. Raises as :meth:`read` does.
        """
        asked = question(self.read(table, scope))
        place = self._place(table)
        commit = self._log.newest_commit(place)
        if commit is None:
            return tuple(asked.collect())
        return ANSWERS.ask((place.path, scope, question), commit, lambda: asked)

    def count(self, table: Table, scope: Scope | None = None) -> int:
        """The rows of :meth:`read`: by the log where it can tell, else by a query."""
        known = self.known_count(table, scope)
        return self.read(table, scope).count() if known is None else known

    def known_count(self, table: Table, scope: Scope | None = None) -> int | None:
        """The rows of :meth:`read` by the log; None when only a query can tell."""
        self._hold_to_contract(table)
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

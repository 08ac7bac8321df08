"""The place of a table, whether it is as its contract says, and reading it."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import Row

from ledger.contract import Table
from ledger.delta.answers import ANSWERS, Question, collect_together
from ledger.delta.commits import Commit
from ledger.delta.engine_paths import addressable, refuse_lost_link
from ledger.delta.log import FileLog, Place, SqlLog, TableLog
from ledger.delta.log_metadata import Layout
from ledger.delta.row_checks import refuse_foreign
from ledger.delta.scope import Scope
from ledger.errors import ContractError

logger = logging.getLogger(__name__)


class Tables:
    """Tables at ``<warehouse>/<schema>/<table>``, or ``<catalog>.<schema>.<table>`` when a catalog is set."""

    def __init__(self, spark: SparkSession, *, warehouse: str, catalog: str | None = None) -> None:
        self.spark, self.catalog = spark, catalog
        self.has_files_here = catalog is None and "://" not in warehouse
        """Whether this process sees the tables' files, and may commit to their logs."""
        self.is_embedded = self.has_files_here and "connect" in type(spark).__module__
        """Whether the engine is this process's own child and shares its files."""
        self.folder = warehouse.rstrip("/")
        self._warehouse = addressable(self.folder) if self._shares_links() else self.folder
        self._log: TableLog = FileLog() if self.has_files_here else SqlLog(spark, by_name=catalog is not None)
        self._as_contract: dict[str, Layout] = {}

    # -- where a table lies ---------------------------------------------------------------------------------------

    def ref(self, table: Table) -> str:
        """How SQL names the table; raises as :meth:`read` does when it is not as its contract."""
        self._hold_to_contract(table)
        return self.place(table).ref

    def path(self, table: Table) -> str:
        """The table's place, as every engine and reader understands it (``engine_paths``).

        Raises :class:`StorageError` when that is by a link, and the link is gone.
        """
        refuse_lost_link(self.folder, self._warehouse)
        return f"{self._warehouse}/{table.schema}/{table.name}"

    def exists(self, table: Table) -> bool:
        return self._log.exists(self.place(table))

    def version(self, table: Table) -> int:
        """The table's newest Delta version; raises as :meth:`read` does for a table that is not as its contract."""
        self._hold_to_contract(table)
        return self._log.version(self.place(table))

    def place(self, table: Table) -> Place:
        """The table's name and path, whatever lies there."""
        path = self.path(table)
        return Place(f"{self.catalog}.{table.full_name}" if self.catalog else f"delta.`{path}`", path)

    def commits_since(self, table: Table, version: int) -> list[Commit]:
        """The table's commits after ``version``."""
        return self._log.commits_since(self.place(table), version)

    def _shares_links(self) -> bool:
        """Whether the engine reads this machine's files: workers elsewhere do not see a link of this process."""
        if self.is_embedded or not self.has_files_here:
            return self.is_embedded
        return str(self.spark.conf.get("spark.master", "")).startswith("local")

    # -- as its contract -------------------------------------------------------------------------------------------

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
        layout = self._log.layout(self.place(table), table.full_name)
        known = self._as_contract.get(table.full_name)
        if layout is None and known is None and plan is not None:
            layout = Layout(tuple((f.name, f.dataType.simpleString()) for f in plan.schema.fields))
        if layout is None or layout is known:
            return
        refuse_foreign(table, layout)
        self._as_contract[table.full_name] = layout

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
        if self.catalog:
            df = self.spark.table(f"{self.catalog}.{table.full_name}")
        else:
            df = self.spark.read.format("delta").load(self.path(table))
        self._hold_to_contract(table, df)
        if scope is None or table.partition_by is None:
            return df
        return df.where(scope.condition(table.partition_by))

    def columns(self, table: Table) -> list[str]:
        """The stored columns: by the log where it can tell, else by the engine. Raises as :meth:`read` does."""
        return [name for name, _ in self.column_types(table)]

    def column_types(self, table: Table) -> list[tuple[str, str]]:
        """:meth:`columns`, with their types as Spark prints them."""
        plan = self.read(table)
        layout = self._as_contract.get(table.full_name) if self.has_files_here else None
        columns = (
            layout.columns if layout else [(f.name, f.dataType.simpleString()) for f in plan.schema.fields]
        )
        return [*columns]

    def answer(self, table: Table, question: Question, scope: Scope | None = None) -> tuple[Row, ...]:
        """The few rows that a question to the table gives; without a query while the table's newest commit is known.

        Raises as :meth:`read` does.
        """
        asked, key, commit = self._asked(table, question, scope)
        rows = None if commit is None else ANSWERS.kept(key, commit)
        if rows is None:
            rows = tuple(asked.collect())
            if commit is not None:
                ANSWERS.keep(key, commit, rows)
        return rows

    def ask_together(self, questions: Sequence[tuple[Table, Question, Scope | None]]) -> None:
        """Ask what is not known yet in one query, so that :meth:`answer` finds it. Only speed leans on it."""
        asked = [(question, *self._asked(table, question, scope)) for table, question, scope in questions]
        unknown = [a for a in asked if a[3] is not None and ANSWERS.kept(a[2], a[3]) is None]
        if len(unknown) < 2:
            return
        try:
            answers = collect_together([(question, frame) for question, frame, _, _ in unknown])
        except Exception as error:  # each is asked alone then, and the one at fault says so
            logger.info("%s questions in one query failed: %s", len(unknown), type(error).__name__)
            return
        for (_, _, key, commit), rows in zip(unknown, answers, strict=True):
            ANSWERS.keep(key, commit, rows)

    def _asked(
        self, table: Table, question: Question, scope: Scope | None
    ) -> tuple[DataFrame, Hashable, Hashable | None]:
        """The question as a frame, what stands for it, and the commit that is newest before it is asked."""
        place = self.place(table)
        frame = question(self.read(table, scope))
        return frame, (place.path, scope, question), self._log.newest_commit(place)

    def count(self, table: Table, scope: Scope | None = None) -> int:
        """The rows of :meth:`read`: by the log where it can tell, else by a query."""
        known = self.known_count(table, scope)
        return self.read(table, scope).count() if known is None else known

    def known_count(self, table: Table, scope: Scope | None = None) -> int | None:
        """The rows of :meth:`read` by the log; None when only a query can tell."""
        self._hold_to_contract(table)
        return self._log.row_count(self.place(table), table.partition_by, (scope or Scope()).holds)

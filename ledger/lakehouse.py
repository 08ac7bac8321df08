"""The only module that reads or writes Delta. Commit conflicts are retried here and nowhere else.

Every write asserts the contract before it (columns, types, keys, required values) and its row count after it.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import Row

from ledger.contract import Table
from ledger.delta_log import DeltaLog, retry_conflicts
from ledger.errors import ContractError
from ledger.merge import Change, MergePlan, Scope, merge_statement
from ledger.row_checks import check_rows

logger = logging.getLogger(__name__)
_STAGE = "ledger-stage-"
_SAFE_STATISTICS = ("string", "date", "timestamp", "bigint", "int", "boolean")


@dataclass(frozen=True)
class WriteResult:
    """What one write changed: rows inserted, updated and deleted; zero rows means no commit was made."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def written(self) -> int:
        return self.inserted + self.updated


class Lakehouse:
    """Delta tables at ``<warehouse>/<schema>/<table>``, or ``<catalog>.<schema>.<table>`` when a catalog is set.

    Use as a context manager: staged intermediate results are dropped at the end.
    """

    def __init__(self, spark: SparkSession, *, warehouse: str, catalog: str | None = None) -> None:
        self.spark = spark
        self._warehouse, self._catalog = warehouse.rstrip("/"), catalog
        self._log = DeltaLog(spark, embedded="connect" in type(spark).__module__ and catalog is None)
        self._staged: list[Path | DataFrame] = []

    def __enter__(self) -> Lakehouse:
        _sweep_stages()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        for item in self._staged:
            if isinstance(item, Path):
                shutil.rmtree(item, ignore_errors=True)
            else:
                item.unpersist()
        self._staged.clear()

    @property
    def is_embedded(self) -> bool:
        """Whether the engine lives in this process and shares its files."""
        return self._log.embedded

    def scratch_folder(self) -> Path:
        """A new empty folder of this process, removed when the lakehouse is left."""
        folder = Path(tempfile.mkdtemp(prefix=f"{_STAGE}{os.getpid()}-"))
        self._staged.append(folder)
        return folder

    # -- where a table lies ---------------------------------------------------------------------------------------

    def ref(self, table: Table) -> str:
        """How SQL names the table."""
        return f"{self._catalog}.{table.full_name}" if self._catalog else f"delta.`{self.path(table)}`"

    def path(self, table: Table) -> str:
        return f"{self._warehouse}/{table.schema}/{table.name}"

    def exists(self, table: Table) -> bool:
        if self._catalog:
            return bool(self.spark.catalog.tableExists(f"{self._catalog}.{table.full_name}"))
        return self._log.exists(self.path(table))

    def version(self, table: Table) -> int:
        """The table's newest Delta version."""
        return self._log.last_commit(self.ref(table), self.path(table)).version

    # -- schema ---------------------------------------------------------------------------------------------------

    def create(self, table: Table) -> bool:
        """Create the table from its contract unless it exists; true when it was created. Loads no data."""
        if self.exists(table):
            return False
        if self._catalog:
            self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {self._catalog}.{table.schema}").collect()
        columns = ", ".join(
            f"`{c.name}` {c.type}{' NOT NULL' if c.name in table.required else ''} COMMENT '{_quoted(c.comment)}'"
            for c in table.columns
        )
        partition = f" PARTITIONED BY (`{table.partition_by}`)" if table.partition_by else ""
        properties = ", ".join(f"'{k}' = '{v}'" for k, v in _properties(table).items())
        name = self.ref(table) if self._catalog else f"{table.schema}_{table.name}"
        location = "" if self._catalog else f" LOCATION '{_quoted(self.path(table))}'"
        if not self._catalog:  # a name of this session only; the table itself is its path
            self.spark.sql(f"DROP TABLE IF EXISTS {name}").collect()
        self.spark.sql(
            f"CREATE TABLE IF NOT EXISTS {name} ({columns}) USING DELTA"
            f" COMMENT '{_quoted(table.description)}'{partition}{location} TBLPROPERTIES ({properties})"
        ).collect()
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
            retry_conflicts(
                lambda: self._log.add_string_columns(self.ref(table), self.path(table), missing),
                table.full_name,
            )

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

    def rows(self, table: Table, records: Iterable[Mapping[str, Any]]) -> DataFrame:
        """Plain values as a DataFrame of the table's contract.

        Scalars travel as text and are cast by the contract, so no client library's time zone or decimal
        context can touch them.
        """
        nested = {c.name: c.type for c in table.columns if c.type.startswith(("map", "array"))}
        schema = ", ".join(f"`{c.name}` {nested.get(c.name, 'string')}" for c in table.columns)
        data = [
            tuple(r.get(n) if n in nested or r.get(n) is None else str(r[n]) for n in table.column_names)
            for r in records
        ]
        return table.conform(self.spark.createDataFrame(data, schema))

    def stage(self, df: DataFrame) -> DataFrame:
        """Evaluate once what several writes and counts read. Only speed leans on it, never correctness."""
        if not self.is_embedded:
            kept = df.persist()
            self._staged.append(kept)
            return kept
        folder = self.scratch_folder()
        df.write.mode("overwrite").parquet(str(folder))
        return self.spark.read.schema(df.schema).parquet(str(folder))

    # -- write ----------------------------------------------------------------------------------------------------

    def append(self, table: Table, df: DataFrame, *, expected: int) -> WriteResult:
        """Append ``expected`` rows in one commit; no rows make no commit."""
        if expected == 0:
            return WriteResult()
        check_rows(table, df, keyed=False)
        before = self.version(table)
        retry_conflicts(lambda: self._save(table, df.write.format("delta").mode("append")), table.full_name)
        self._check_commit(table, before, expected)
        return self._report(table, WriteResult(inserted=expected))

    def append_new(
        self, table: Table, df: DataFrame, *, identity: Sequence[str], stored: DataFrame
    ) -> WriteResult:
        """Append the rows of ``df`` that ``stored`` does not already hold; equal rows are told apart by their count.

        ``identity`` names the columns in which a retry's row equals the stored one; the caller prunes ``stored``.
        """
        fresh = self.stage(df)
        existing = stored.select(*identity)
        if existing.limit(1).collect():
            names = list(identity)
            seen = existing.groupBy(*names).agg(F.count(F.lit(1)).alias("_stored"))
            ranked = fresh.withColumn(
                "_rank", F.expr(f"row_number() over (partition by {', '.join(names)} order by 1)")
            )
            match = [F.col(f"n.{n}").eqNullSafe(F.col(f"o.{n}")) for n in names]
            joined = ranked.alias("n").join(seen.alias("o"), match, "left")
            fresh = self.stage(
                joined.where("o._stored IS NULL OR n._rank > o._stored").select("n.*").drop("_rank")
            )
        return self.append(table, table.conform(fresh), expected=fresh.count())

    def insert_files(self, table: Table, df: DataFrame, *, files: Sequence[str], key: str) -> WriteResult:
        """Append the rows of landing files, unless another writer loaded the same files meanwhile (Bronze).

        A merge that only inserts: the transaction log sees that it read the files' rows, so of two concurrent
        loads of one file the second conflicts, retries and inserts nothing. ``df`` has the table's own columns.
        """
        stored = self.read(table).columns
        aligned = df.select(
            *[F.col(n) if n in df.columns else F.lit(None).cast("string").alias(n) for n in stored]
        )
        aligned.createOrReplaceTempView("_source")
        names = ", ".join("'" + _quoted(f) + "'" for f in files)
        statement = (
            f"MERGE INTO {self.ref(table)} t USING _source s ON t._source_file IN ({names})"
            f" AND t._source_file = s._source_file AND t._file_sha256 = s._file_sha256"
            f" AND coalesce(CAST(t.{key} AS STRING), '') = coalesce(CAST(s.{key} AS STRING), '')"
            " WHEN NOT MATCHED THEN INSERT *"
        )
        return self._report(
            table, WriteResult(inserted=retry_conflicts(lambda: self._affected(statement), table.full_name))
        )

    def merge(
        self,
        table: Table,
        source: DataFrame,
        *,
        scope: Scope,
        differ: Sequence[str] | None = None,
        delete_when: str | None = None,
    ) -> WriteResult:
        """Make the stored rows of ``scope`` agree with ``source``: :meth:`plan_merge`, then :meth:`commit_merge`."""
        return self.commit_merge(
            self.plan_merge(table, source, scope=scope, differ=differ, delete_when=delete_when)
        )

    def plan_merge(
        self,
        table: Table,
        source: DataFrame,
        *,
        scope: Scope,
        differ: Sequence[str] | None = None,
        touch: Sequence[str] = (),
        update_when: str = "true",
        delete_when: str | None = None,
    ) -> MergePlan:
        """Check the source (staged, conformed) and find what a merge would change. Writes nothing.

        ``differ``: the columns whose difference rewrites a stored row (default: all but the key); ``touch``:
        columns that are set, alone, where only they differ; ``update_when``: a further condition on the stored
        row ``t`` and the source row ``s``; ``delete_when``: the stored rows that go when the source does not
        have them. Raises :class:`KeyViolationError`.
        """
        check_rows(table, source, keyed=True)
        columns = tuple(differ or [n for n in table.column_names if n not in table.key])
        change = Change(update_when, columns, tuple(touch), delete_when)
        stored = self.read(table, scope)
        if not stored.limit(1).collect():
            return self._all_new(table, source, scope, change)
        target = stored.select(*table.column_names).withColumn("_stored", F.lit(True))
        on = [F.col(f"t.{k}").eqNullSafe(F.col(f"s.{k}")) for k in table.key]
        joined = (
            source.withColumn("_given", F.lit(True))
            .alias("s")
            .join(target.alias("t"), on, "full" if delete_when else "left")
        )
        part = table.partition_by
        parts = [F.col(f"s.{part}").alias("_new_part"), F.col(f"t.{part}").alias("_old_part")] if part else []
        marks = ["s._given", "t._stored", F.expr(change.values_when).alias("_values"), *parts]
        changed = self.stage(
            joined.where(change.any_change).select(*[f"s.{n}" for n in table.column_names], *marks)
        )
        grouping = ["_given", "_stored", "_values", *(["_new_part", "_old_part"] if part else [])]
        counts = tuple(changed.groupBy(*grouping).count().collect())
        rows = changed.where("_given").select(*table.column_names)
        return MergePlan(table, source, scope, rows, change, counts)

    @staticmethod
    def _all_new(table: Table, source: DataFrame, scope: Scope, change: Change) -> MergePlan:
        """The plan for a scope that stores nothing: no join has to find out that every row is new."""
        part = [F.col(table.partition_by).alias("_new_part")] if table.partition_by else []
        counts = source.groupBy(*part).count() if part else source.agg(F.count(F.lit(1)).alias("count"))
        rows = [
            Row(
                _given=True,
                _stored=None,
                _values=True,
                _new_part=row["_new_part"] if part else None,
                _old_part=None,
                count=row["count"],
            )
            for row in counts.collect()
            if row["count"]
        ]
        return MergePlan(table, source, scope, source, change, tuple(rows))

    def commit_merge(self, plan: MergePlan) -> WriteResult:
        """One MERGE commit of what was planned, or none when nothing changes."""
        if not plan.counts:
            return WriteResult()
        table = plan.table
        (plan.source if plan.deleted else plan.changed).createOrReplaceTempView("_source")
        statement = merge_statement(
            table,
            self.ref(table),
            scope=plan.scope,
            change=plan.change,
            deletes=bool(plan.deleted),
        )
        before = self.version(table)
        retry_conflicts(lambda: self._affected(statement), table.full_name)
        commits = self._log.commits_since(self.ref(table), self.path(table), before)
        expected = (plan.inserted, plan.updated + plan.touched, plan.deleted)
        if not any(commit.merged == expected for commit in commits):
            found = [commit.merged for commit in commits]
            raise ContractError(
                f"a merge was to insert, update and delete {expected} rows, the log has {found}",
                table=table.full_name,
                action="another writer changed the same rows: run the same command again",
            )
        return self._report(table, WriteResult(plan.inserted, plan.updated, plan.deleted))

    def replace_partition(self, table: Table, df: DataFrame, partition: object) -> WriteResult:
        """Replace one partition by ``df`` in one commit (``replaceWhere``)."""
        if table.partition_by is None:
            raise ContractError("only a partitioned table can replace a partition", table=table.full_name)
        check_rows(table, df, keyed=bool(table.key))
        stray = (
            df.where(~F.col(table.partition_by).eqNullSafe(F.lit(str(partition)).cast("date")))
            .limit(1)
            .collect()
        )
        if stray:
            raise ContractError("rows outside the partition", table=table.full_name, partition=str(partition))
        expected = df.count()
        before = self.version(table)
        writer = df.write.format("delta").mode("overwrite")
        writer = writer.option("replaceWhere", f"{table.partition_by} = '{partition}'")
        retry_conflicts(lambda: self._save(table, writer), table.full_name)
        if expected:
            self._check_commit(table, before, expected)
        return self._report(table, WriteResult(inserted=expected))

    # -- small helpers --------------------------------------------------------------------------------------------

    def _check_commit(self, table: Table, before: int, expected: int) -> None:
        commits = self._log.commits_since(self.ref(table), self.path(table), before)
        if not any(commit.written == expected for commit in commits):
            raise ContractError(
                f"{expected} rows were to be written, the log has {[c.written for c in commits]}",
                table=table.full_name,
            )

    @staticmethod
    def _report(table: Table, result: WriteResult) -> WriteResult:
        logger.info(
            "%s: +%s ~%s -%s rows",
            table.full_name,
            *[f"{n:,}" for n in (result.inserted, result.updated, result.deleted)],
        )
        return result

    def _save(self, table: Table, writer: Any) -> None:
        if self._catalog:
            writer.saveAsTable(f"{self._catalog}.{table.full_name}")
        else:
            writer.save(self.path(table))

    def _affected(self, statement: str) -> int:
        row = self.spark.sql(statement).collect()[0].asDict()
        return int(row["num_affected_rows"] if "num_affected_rows" in row else row["count"])


def _sweep_stages() -> None:
    """Remove what killed processes left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_STAGE}*"):
        pid = folder.name.removeprefix(_STAGE).partition("-")[0]
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (ValueError, OSError):
            continue  # not ours to judge


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


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")

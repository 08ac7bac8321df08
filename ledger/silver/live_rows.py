"""Which Bronze rows count: those of the landing files' live versions (spec sections 2 and 4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, StringType, StructField, StructType

from ledger.bronze.landing_file import (
    LandingEvent,
    Version,
    dead_versions,
    live_versions,
    newest_versions,
    read_events,
)
from ledger.bronze.metadata import FILE_HASH, SOURCE_FILE, landing_folder
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope

_LIVE = StructType(
    [
        StructField("_live_path", StringType()),
        StructField("_live_sha256", StringType()),
        StructField("_is_live", BooleanType()),
    ]
)


@dataclass(frozen=True)
class Landed:
    """The landing files from the landing day ``since`` on, as they stood when they were read.

    ``events`` None: another system fills Bronze, and every row counts.
    """

    lakehouse: Lakehouse
    since: date
    events: tuple[LandingEvent, ...] | None

    @classmethod
    def read(cls, lakehouse: Lakehouse, since: date) -> Landed:
        """One query, collected: a run judges all its rows by one state of the landing."""
        return cls(lakehouse, since, tuple(read_events(lakehouse, Scope(start=since))))

    def live(self, rows: DataFrame) -> DataFrame:
        """The rows that count. A row without a file came some other way and counts.

        A join with the few live versions, not a list of the dead: rows that no event names (of a load that died) do
        not count either.
        """
        if self.events is None:
            return rows
        return self._marked(rows, f"{SOURCE_FILE} IS NULL OR _is_live")

    def dead(self, rows: DataFrame) -> DataFrame:
        """The rows that do not count; :meth:`has_dead` says without a query whether there ever were any."""
        if self.events is None:
            return rows.where("false")
        return self._marked(rows, f"{SOURCE_FILE} IS NOT NULL AND _is_live IS NULL")

    def has_dead(self, tables: Iterable[Table]) -> bool:
        """Whether a version of a file of these Bronze tables counted once and does not any more."""
        return any(_is_of(table, version) for table in tables for version in self._dead_versions)

    def all_live(self, table: Table) -> bool:
        """Whether every row from ``since`` on counts, by the numbers of rows alone; False when they do not tell."""
        if self.events is None:
            return True
        stored = self.lakehouse.known_count(table, Scope(start=self.since))
        loaded = [e.rows for e in newest_versions(self.events).values() if self._is_live(table, e)]
        return stored is not None and None not in loaded and stored == sum(rows or 0 for rows in loaded)

    @cached_property
    def _live_versions(self) -> frozenset[Version]:
        return live_versions(self.events or ())

    @cached_property
    def _dead_versions(self) -> frozenset[Version]:
        return dead_versions(self.events or ())

    def _is_live(self, table: Table, event: LandingEvent) -> bool:
        return event.status == "loaded" and _is_of(table, event.version)

    def _marked(self, rows: DataFrame, condition: str) -> DataFrame:
        same = (F.col(SOURCE_FILE) == F.col("_live_path")) & (F.col(FILE_HASH) == F.col("_live_sha256"))
        return rows.join(self._live, same, "left").where(condition).drop(*_LIVE.fieldNames())

    @cached_property
    def _live(self) -> DataFrame:
        versions = [(*version, True) for version in sorted(self._live_versions)]
        return self.lakehouse.spark.createDataFrame(versions, _LIVE)


def _is_of(table: Table, version: Version) -> bool:
    return version[0].startswith(f"{landing_folder(table)}/")

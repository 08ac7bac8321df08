"""DataFrames that are no table: plain values, and intermediate results that are evaluated once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from ledger.contract import Table
from ledger.delta_tables import DeltaTables
from ledger.faults import named
from ledger.row_checks import check_values
from ledger.stages import Stages, sweep

_SCRATCH = "temporary files (TMPDIR)"


class Frames(DeltaTables):
    """Delta tables, and frames beside them. As a context manager it drops staged results at the end."""

    def __init__(self, spark: SparkSession, *, warehouse: str, catalog: str | None = None) -> None:
        super().__init__(spark, warehouse=warehouse, catalog=catalog)
        self._stages = Stages()

    def __enter__(self) -> Self:
        sweep()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stages.clear()

    def scratch_folder(self) -> Path:
        """A new empty folder of this process, removed when the lakehouse is left."""
        return self._stages.folder()

    def rows(self, table: Table, records: Iterable[Mapping[str, Any]]) -> DataFrame:
        """Plain values as a DataFrame of the table's contract.

        Scalars travel as text and are cast by the contract, so no client library's time zone or decimal
        context can touch them. Raises :class:`KeyViolationError` for a missing value in a required column.
        """
        records = list(records)
        check_values(table, records)
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
            return self._stages.persist(df)
        folder = self.scratch_folder()
        try:
            df.write.mode("overwrite").parquet(str(folder))
        except PySparkException as error:
            if (fault := named(error, place=_SCRATCH)) is not None:
                raise fault from error
            raise
        return self.spark.read.schema(df.schema).parquet(str(folder))

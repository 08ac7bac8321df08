"""One commit of rows: by a frame or by a statement, retried, held against its own metrics, and told."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from ledger.contract import Table, WriteStrategy
from ledger.delta import commits
from ledger.delta.tables import Tables
from ledger.errors import ContractError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WriteResult:
    """Result of one write: rows inserted, updated and deleted; zero rows means no commit was made."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def written(self) -> int:
        return self.inserted + self.updated


def refuse_other_write(table: Table, *kinds: WriteStrategy) -> None:
    """Raises :class:`ContractError` when the contract says that the table is written in another way."""
    if table.write not in kinds:
        raise ContractError(
            f"the contract says write={table.write!r}, and this is {' or '.join(kinds)}",
            table=table.full_name,
        )


def told(table: Table, result: WriteResult) -> WriteResult:
    """The result, after its line of progress."""
    counts = (f"{n:,}" for n in (result.inserted, result.updated, result.deleted))
    logger.info("%s: +%s ~%s -%s rows", table.full_name, *counts)
    return result


class Writes:
    """The ways in which rows reach a table. Every one of them is retried while another writer's commit wins."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def save(self, table: Table, df: DataFrame, *, expected: int, replace: str | None = None) -> WriteResult:
        """Append the frame, or put it in place of the rows that satisfy ``replace``.

        Raises :class:`ContractError` unless a commit since has written ``expected`` rows.
        """
        before = self._tables.version(table)
        writer = df.write.format("delta").mode("overwrite" if replace else "append")
        writer = writer.option("replaceWhere", replace) if replace else writer
        place = self._tables.place(table)
        save = writer.saveAsTable if self._tables.catalog else writer.save
        target = place.ref if self._tables.catalog else place.path
        commits.retry_conflicts(lambda: save(target), table.full_name)
        made = self._tables.commits_since(table, before) if expected else []
        if expected and not any(commit.written == expected for commit in made):
            raise ContractError(
                f"{expected} rows were to be written, the log has {[c.written for c in made]}",
                table=table.full_name,
            )
        return told(table, WriteResult(inserted=expected))

    def run(self, table: Table, statement: Callable[[str], str], source: DataFrame) -> DataFrame:
        """Run the statement that ``statement`` makes of the name of its source; the answer of the engine.

        The name is the frame's own, and gone with the statement: sessions live for days and are shared by threads.
        """
        name = f"source_{uuid.uuid4().hex}"
        text = statement(name).replace("{", "{{").replace("}", "}}").replace(name, f"{{{name}}}")
        frames: dict[str, Any] = {name: source}
        return commits.retry_conflicts(lambda: self._tables.spark.sql(text, **frames), table.full_name)

    def affected(self, table: Table, statement: Callable[[str], str], source: DataFrame) -> int:
        """:meth:`run`; the rows that it inserted, updated or deleted, by its own answer."""
        row = _first_row(self.run(table, statement, source))
        return int(row["num_affected_rows"] if "num_affected_rows" in row else row["count"])


def _first_row(answer: DataFrame) -> dict[str, Any]:
    """The answer of a statement. A Connect client was sent it with the statement: to collect it would ask once more."""
    relation = getattr(
        getattr(answer, "_plan", None), "_plan", None
    )  # no public name, so it may be gone one day
    if relation is not None and relation.HasField("local_relation"):
        rows = pa.ipc.open_stream(relation.local_relation.data).read_all()
        return dict(rows.slice(0, 1).to_pylist()[0])
    return answer.collect()[0].asDict()

"""Rewriting a table's files under a narrower schema: one commit of our own, exactly after the version that was read.

No engine does this on an append-only table without a protocol that the embedded one cannot read. To Delta it is what a
compaction is: no row comes or goes (``dataChange`` false), what a row says only moves.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from deltalake import DeltaTable
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table
from ledger.delta import commits
from ledger.delta.engine_paths import delta_rs_reads
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.log_files import commit_after, current_metadata
from ledger.delta.log_metadata import without_columns
from ledger.errors import ContractError, StorageError

logger = logging.getLogger(__name__)
_LOG = "_delta_log"


def drop_columns(
    lakehouse: Lakehouse,
    table: Table,
    names: Sequence[str],
    moved: Callable[[DataFrame], DataFrame],
    *,
    why: Mapping[str, str],
) -> None:
    """Drop columns beyond the contract from a table that lies on this machine; ``moved`` keeps what they say elsewhere.

    ``moved`` takes the stored rows and gives them without the columns, as many as there were. A writer that commits
    meanwhile wins, and the table is read anew. Raises :class:`ContractError` where the log cannot be written by us,
    and for columns of the contract.
    """
    if known := sorted(set(names) & set(table.column_names)):
        raise ContractError(f"columns of the contract cannot go: {', '.join(known)}", table=table.full_name)
    path = lakehouse.path(table)
    if not lakehouse.has_files_here or not delta_rs_reads(path):
        raise ContractError(
            "columns are dropped by us only from a table whose files are on this machine",
            table=table.full_name,
            action="elsewhere: ALTER TABLE ... SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name'), then DROP COLUMNS",
        )
    commits.retry_conflicts(lambda: _rewritten(lakehouse, table, names, moved, why), table.full_name)


def fills_any(names: Sequence[str]) -> Column:
    """Whether a row fills one of the columns."""
    return F.coalesce(*[F.col(f"`{name}`") for name in names]).isNotNull()


def _rewritten(
    lakehouse: Lakehouse,
    table: Table,
    names: Sequence[str],
    moved: Callable[[DataFrame], DataFrame],
    why: Mapping[str, str],
) -> None:
    version, root = lakehouse.version(table), Path(lakehouse.path(table))
    before = DeltaTable(str(root), version=version)
    if "deletionVectors" in (before.protocol().reader_features or ()):
        raise StorageError("the table has deletion vectors, which are not ours", table=table.full_name)
    # A folder that readers pass over, on the same disk as the table.
    scratch = root / f"_rewrite-{uuid.uuid4().hex}"
    try:
        stored, partition = lakehouse.read(table), str(table.partition_by)
        filled = [row[0] for row in stored.where(fills_any(names)).select(partition).distinct().collect()]
        if filled:
            there = F.coalesce(F.col(partition).isin(filled), F.lit(False))
            rows = stored.where(there | F.col(partition).isNull() if None in filled else there)
            moved(rows).write.format("delta").partitionBy(partition).save(str(scratch))
        if (
            lakehouse.version(table) != version
        ):  # what was read may have been newer than what would be removed
            raise FileExistsError(f"{table.full_name} has a newer version than {version}")
        added = _added(scratch)
        removed = _removed(before, {None if day is None else str(day) for day in filled})
        counts = [sum(_rows(action) for action in actions) for actions in (removed, added)]
        if counts[0] != counts[1]:
            raise ContractError(
                f"{counts[0]} rows were to be rewritten, {counts[1]} were", table=table.full_name
            )
        for action in added:
            place = unquote(action["path"])
            (root / place).parent.mkdir(exist_ok=True)
            os.replace(scratch / place, root / place)
        narrower = without_columns(current_metadata(str(root), table.full_name), names)
        actions = [
            {"commitInfo": _info(why)},
            {"metaData": narrower},
            *({"remove": {k: v for k, v in action.items() if k != "stats"}} for action in removed),
            *({"add": action} for action in added),
        ]
        commit_after(str(root), version, actions)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _info(why: Mapping[str, str]) -> dict[str, Any]:
    return {
        "timestamp": int(datetime.now(UTC).timestamp() * 1000),
        "operation": "DROP COLUMNS",
        "operationParameters": dict(why),
        "engineInfo": "ledger-controls",
    }


def _added(scratch: Path) -> list[dict[str, Any]]:
    """The ``add`` actions of the one commit that wrote the rows; no row makes no table."""
    found = []
    for commit in sorted((scratch / _LOG).glob("*.json")) if (scratch / _LOG).exists() else ():
        for line in commit.read_text("utf-8").splitlines():
            action = json.loads(line).get("add")
            if action:
                found.append({**action, "dataChange": False})
    return found


def _removed(table: DeltaTable, partitions: set[str | None]) -> list[dict[str, Any]]:
    """A ``remove`` action for every file of the partitions; ``stats`` for our own count."""
    at = int(datetime.now(UTC).timestamp() * 1000)
    found = []
    for row in table.get_add_actions().to_struct_array().to_pylist():
        values = {name: None if value is None else str(value) for name, value in row["partition"].items()}
        if partitions.isdisjoint(values.values()):
            continue
        found.append(
            {
                "path": row["path"],
                "deletionTimestamp": at,
                "dataChange": False,
                "extendedFileMetadata": True,
                "size": row["size_bytes"],
                "partitionValues": values,
                "stats": json.dumps({"numRecords": row["num_records"]}),
            }
        )
    return found


def _rows(action: Mapping[str, Any]) -> int:
    return int(json.loads(action["stats"])["numRecords"])

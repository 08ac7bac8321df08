"""A table's schema by its log: the newest ``metaData`` action, and the columns in it as Spark prints them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

METADATA = '"metaData"'
_TYPES = {"long": "bigint", "integer": "int", "short": "smallint", "byte": "tinyint"}


@dataclass(frozen=True)
class Layout:
    """A table as it is stored: its columns with their types as Spark prints them, and what it is partitioned by.

    ``partition_by`` is None where the columns alone are known.
    """

    columns: tuple[tuple[str, str], ...]
    partition_by: tuple[str, ...] | None = None


def newest_metadata(log: Path, commits: Sequence[int]) -> dict[str, Any] | None:
    """The newest ``metaData`` action of the commits, else of the checkpoint before them."""
    for version in reversed(commits):
        text = (log / f"{version:020}.json").read_text("utf-8", errors="replace")
        if METADATA in text and (found := metadata_in(text)):
            return found
    for file in sorted(log.glob("*.checkpoint*.parquet"), reverse=True):
        actions = pq.read_table(file, columns=["metaData"])["metaData"].drop_null()
        if len(actions):
            return dict(actions[0].as_py(maps_as_pydicts="strict"))
    return None  # kept in a way that only an engine may know


def metadata_in(commit: str) -> dict[str, Any] | None:
    """The ``metaData`` action of a commit's text, None without one."""
    for line in commit.split("\n"):
        action = json.loads(line).get("metaData") if METADATA in line else None
        if action:
            return dict(action)
    return None


def layout(metadata: Mapping[str, Any]) -> Layout:
    """The columns and the partition of a ``metaData`` action."""
    fields = json.loads(metadata["schemaString"])["fields"]
    columns = tuple((field["name"], type_name(field["type"])) for field in fields)
    return Layout(columns, tuple(metadata["partitionColumns"]))


def type_name(kind: Any) -> str:
    """A type of a Delta schema as Spark prints it."""
    if isinstance(kind, str):
        return _TYPES.get(kind, kind)
    if kind["type"] == "array":
        return f"array<{type_name(kind['elementType'])}>"
    if kind["type"] == "map":
        return f"map<{type_name(kind['keyType'])},{type_name(kind['valueType'])}>"
    fields = ",".join(f"{field['name']}:{type_name(field['type'])}" for field in kind["fields"])
    return f"struct<{fields}>"


def without_columns(metadata: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The action without the columns."""
    schema = json.loads(metadata["schemaString"])
    schema["fields"] = [field for field in schema["fields"] if field["name"] not in set(names)]
    return {**metadata, "schemaString": json.dumps(schema)}


def with_string_columns(metadata: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any] | None:
    """The action with those of the nullable string columns that it lacks; None when it lacks none."""
    schema = json.loads(metadata["schemaString"])
    stored = {field["name"].lower() for field in schema["fields"]}
    missing = [name for name in names if name.lower() not in stored]
    schema["fields"] += [{"name": n, "type": "string", "nullable": True, "metadata": {}} for n in missing]
    return {**metadata, "schemaString": json.dumps(schema)} if missing else None

"""The form in which `compare` looks at a row of either side: no clock columns, JSON parsed, UTC."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.oracle.contract import BRONZE, GOLD, HIDDEN, METADATA, SILVER, Row
from tests.oracle.controls import ANY
from tests.oracle.record_json import holds_record

CLOCK_COLUMNS = {
    "generated_at",
    "detected_at",
    "started_at",
    "ended_at",
    "updated_at",
    "last_success_ts",
    "detected_date_kst",
}
# Compared row by row with a predicate of their own, once the rest of the row has found its candidates.
LENIENT: dict[str, Callable[[Any, Any], bool]] = {"record_json": holds_record}
JSON_COLUMNS = {"message", "dq_zero_window_counts"}


def normalize(table: str, name: str, value: Any) -> Any:
    """One value in the form in which both sides are compared."""
    if value is ANY or name in LENIENT:
        return value
    if name in JSON_COLUMNS and table != "gold.pipeline_run_log" and isinstance(value, str):
        value = json.loads(value)
    if table.startswith("bronze.") and isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return freeze(
                json.loads(value)
            )  # a nested value may be re-spelled on its way into a string column
        except ValueError:
            return value
    if name == "dq_zero_window_counts":
        return freeze({key: count for key, count in (value or {}).items() if count})
    if name == "severity_map":
        return freeze(dict(value)) if value else None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    return freeze(value) if isinstance(value, dict | list) else value


def freeze(value: Any) -> Any:
    """A hashable equivalent of parsed JSON."""
    if isinstance(value, dict):
        return tuple(sorted((key, freeze(item)) for key, item in value.items()))
    return tuple(freeze(item) for item in value) if isinstance(value, list) else value


def expected_rows(table: str, rows: list[Row]) -> list[Row]:
    """The oracle's rows as they are compared."""
    schema, name = table.split(".")
    result = []
    for row in rows:
        if schema == "bronze":
            view = {key: value for key, value in row.items() if not key.startswith((HIDDEN, "_"))}
            stamped = set(METADATA) - row["~determined"]
            view |= dict.fromkeys(stamped, ANY)
            if "ingested_at" in stamped:
                view["ingest_date_kst"] = ANY
            view["_raw"] = row["_raw"] is not None
        else:
            columns = (SILVER if schema == "silver" else GOLD)[name]
            view = {key: row[key] for key in columns if key not in CLOCK_COLUMNS}
            if name == "pipeline_state":
                view["has_succeeded"] = row["last_success_ts"] is not None
        result.append({key: normalize(table, key, value) for key, value in view.items()})
    return result


def actual_rows(table: str, rows: list[Row]) -> list[Row]:
    """The real rows as they are compared."""
    schema, name = table.split(".")
    result = []
    for row in rows:
        ignored = set() if schema == "bronze" else CLOCK_COLUMNS
        view = {key: row[key] for key in row if key not in ignored and not key.startswith("_")}
        if schema == "bronze":
            view["_raw"] = row.get("_raw") is not None
        if name == "pipeline_state":
            view["has_succeeded"] = row["last_success_ts"] is not None
        result.append({key: normalize(table, key, value) for key, value in view.items()})
    return result


ARROW_TYPES = {
    "string": ("string", "large_string", "string_view"),
    "bigint": ("int64",),
    "int": ("int32",),
    "boolean": ("bool",),
    "date": ("date32[day]",),
    "double": ("double",),
    "timestamp": ("timestamp[us, tz=UTC]",),
    "money": ("decimal128(18, 2)",),
    "decimal(38,2)": ("decimal128(38, 2)",),
    "decimal(38,6)": ("decimal128(38, 6)",),
}


def schema_problems(table: str, schema: Any) -> list[str]:
    """Columns that are absent or of another type than the contract's."""
    name = table.split(".")[1]
    columns = (BRONZE[name] | METADATA) if table.startswith("bronze.") else {**SILVER, **GOLD}[name]
    problems = []
    for column, kind in columns.items():
        allowed = ARROW_TYPES.get(kind.removesuffix("!"))
        if column not in schema.names:
            problems.append(f"column {column} is missing")
        elif allowed and str(schema.field(column).type) not in allowed:
            problems.append(f"column {column} is {schema.field(column).type}, not {kind}")
    return problems

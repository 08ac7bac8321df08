"""The form in which `compare` looks at a row of either side: no clock columns, JSON parsed, UTC."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.oracle.contract import HIDDEN, METADATA, Row, columns_of
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
# Of a landing file: when, by whose run and in which words are the product's own.
LANDING_FILE_OWN = {"at", "run_id", "reason"}
# Fields that an event of a version may leave out: nothing was read, or its `loaded` event said it.
UNTOLD = dict.fromkeys(("skipped", "failed"), ("rows", "unparsable_rows")) | dict.fromkeys(
    ("superseded", "withdrawn"), ("bytes", "rows", "unparsable_rows")
)
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


def is_rows_of_files(table: str) -> bool:
    """One of the six Bronze tables that hold the rows of the landing files."""
    return table.startswith("bronze.") and table != "bronze.landing_file"


def ignored_columns(table: str) -> set[str]:
    """Clocks; of the landing files what the specification leaves open."""
    if is_rows_of_files(table):
        return set()
    return LANDING_FILE_OWN if table == "bronze.landing_file" else CLOCK_COLUMNS


def expected_rows(table: str, rows: list[Row]) -> list[Row]:
    """The oracle's rows as they are compared."""
    result = []
    for row in rows:
        if is_rows_of_files(table):
            view = {key: value for key, value in row.items() if not key.startswith((HIDDEN, "_"))}
            stamped = set(METADATA) - row["~determined"]
            view |= dict.fromkeys(stamped, ANY)
            view["_raw"] = row["_raw"] is not None
        else:
            view = {key: row[key] for key in columns_of(table) if key not in ignored_columns(table)}
            if table == "bronze.landing_file":
                view |= dict.fromkeys(UNTOLD.get(row["status"], ()), ANY)
            if table == "gold.pipeline_state":
                view["has_succeeded"] = row["last_success_ts"] is not None
        result.append({key: normalize(table, key, value) for key, value in view.items()})
    return result


def actual_rows(table: str, rows: list[Row]) -> list[Row]:
    """The real rows as they are compared."""
    result = []
    ignored = ignored_columns(table)
    for row in rows:
        view = {key: row[key] for key in row if key not in ignored and not key.startswith("_")}
        if is_rows_of_files(table):
            view["_raw"] = row.get("_raw") is not None
        if table == "gold.pipeline_state":
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
    problems = []
    for column, kind in columns_of(table).items():
        allowed = ARROW_TYPES.get(kind.removesuffix("!"))
        if column not in schema.names:
            problems.append(f"column {column} is missing")
        elif allowed and str(schema.field(column).type) not in allowed:
            problems.append(f"column {column} is {schema.field(column).type}, not {kind}")
    return problems

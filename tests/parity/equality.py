"""Two warehouses as they should be: the same tables, columns, types, partitions, properties and business values."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tests.support import CLOCKS, Home, difference, multiset

_QUARANTINE = "silver.bad_records"


def differences(expected: Path, actual: Path) -> str:
    """Differences of the homes' warehouses; empty when they are equal."""
    left, right = Home(expected), Home(actual)
    return "\n".join([*_shapes(left, right), *filter(None, [difference(_content(left), _content(right))])])


def _content(home: Home) -> dict[str, Counter[str]]:
    """The rows; quarantined records by their values, as one engine spells a control character otherwise (D-042)."""
    content = home.content()
    if _QUARANTINE in content:
        rows = [{**row, "record_json": json.loads(row["record_json"])} for row in home.rows(_QUARANTINE)]
        content[_QUARANTINE] = multiset(rows, CLOCKS)
    return content


def _shapes(left: Home, right: Home) -> list[str]:
    tables = sorted({*left.tables(), *right.tables()})
    shapes = [(table, _shape(left, table), _shape(right, table)) for table in tables]
    return [f"{table}: {a} is not {b}" for table, a, b in shapes if a != b]


def _shape(home: Home, table: str) -> object:
    if table not in home.tables():
        return None
    delta = home.delta(table)
    metadata = delta.metadata()
    columns = [(field.name, str(field.type), field.nullable) for field in delta.schema().fields]
    return columns, metadata.partition_columns, dict(metadata.configuration), metadata.description

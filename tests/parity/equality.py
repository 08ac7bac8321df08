"""Two warehouses as they should be: the same tables, columns, types, partitions, properties and business values."""

from __future__ import annotations

from pathlib import Path

from tests.support import Home, difference


def differences(expected: Path, actual: Path) -> str:
    """What the homes' warehouses do not share; empty when they are equal."""
    left, right = Home(expected), Home(actual)
    return "\n".join([*_shapes(left, right), *filter(None, [difference(left.content(), right.content())])])


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

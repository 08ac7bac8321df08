"""The log counts what a query counts, and a created table has its contract (spec section 2)."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable, TableFeatures

from ledger.contract import Table, opt, req
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from tests.ledger.probe_tables import BOTH_DAYS, DAY, ITEMS, NEXT, items

LOOSE = Table(
    schema="silver",
    name="probe_loose",
    description="It's partitioned by a day that may be missing; every type that a contract uses.",
    columns=(
        req("id", "string", "a 'quoted' \\ comment"),
        opt("day", "date"),
        opt("names", "array<string>"),
        opt("shares", "map<string,double>"),
        opt("amount", "decimal(38,2)"),
        opt("count", "bigint"),
        opt("small", "int"),
        opt("at", "timestamp"),
        opt("flag", "boolean"),
        opt("rate", "double"),
    ),
    write="append",
    grain="one id",
    partition_by="day",
)
SCOPES = [
    Scope(),
    Scope.of([DAY]),
    Scope.of([NEXT + timedelta(days=9)]),
    Scope(start=NEXT),
    Scope(end=DAY),
    Scope(end=DAY, null_partition=True),
    Scope(null_partition=True),
    Scope(start=NEXT, days=frozenset([DAY])),
]


@pytest.fixture
def lake(lakehouse: Lakehouse) -> Lakehouse:
    """Three commits to ITEMS, the last one a deletion; LOOSE with a row without a day."""
    lakehouse.create(ITEMS)
    lakehouse.create(LOOSE)
    first = [(f"a{n}", DAY, Decimal(n), "x", "r1") for n in range(5)]
    lakehouse.merge(ITEMS, items(lakehouse, *first), scope=BOTH_DAYS)
    lakehouse.merge(ITEMS, items(lakehouse, ("b", NEXT, None, None, "r1")), scope=BOTH_DAYS)
    lakehouse.merge(ITEMS, items(lakehouse, *first[:3]), scope=Scope.of([DAY]), delete_when="true")
    days: list[dict[str, Any]] = [{"id": "1", "day": DAY}, {"id": "2", "day": NEXT}, {"id": "3"}, {"id": "4"}]
    lakehouse.append(LOOSE, lakehouse.rows(LOOSE, days), expected=4)
    return lakehouse


def test_the_log_counts_what_a_query_counts(lake: Lakehouse) -> None:
    for table in (ITEMS, LOOSE):
        for scope in SCOPES:
            counted = lake.read(table, scope).count()
            assert lake.known_count(table, scope) == lake.count(table, scope) == counted, (table.name, scope)


def test_an_empty_table_is_known_to_be_empty_and_a_missing_one_is_not(lakehouse: Lakehouse) -> None:
    assert lakehouse.known_count(ITEMS) is None
    lakehouse.create(ITEMS)
    assert lakehouse.known_count(ITEMS) == 0
    assert lakehouse.known_count(ITEMS, Scope.of([DAY])) == 0


def test_a_table_with_deletion_vectors_is_counted_by_a_query(lakehouse: Lakehouse) -> None:
    """A file's number of rows is then not what is left of them."""
    lakehouse.create(ITEMS)
    DeltaTable(lakehouse.path(ITEMS)).alter.add_feature(
        TableFeatures.DeletionVectors, allow_protocol_versions_increase=True
    )
    assert "deletionVectors" in (DeltaTable(lakehouse.path(ITEMS)).protocol().reader_features or [])
    assert lakehouse.known_count(ITEMS) is None


def test_a_table_with_a_feature_that_only_the_engine_knows_is_counted_by_a_query(
    lakehouse: Lakehouse,
) -> None:
    lakehouse.create(ITEMS)
    features = {"readerFeatures": ["of-tomorrow"], "writerFeatures": ["of-tomorrow"]}
    protocol = {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}}
    commit = Path(lakehouse.path(ITEMS)) / "_delta_log" / f"{lakehouse.version(ITEMS) + 1:020}.json"
    commit.write_text(json.dumps(protocol), "utf-8")
    assert lakehouse.known_count(ITEMS) is None


def test_a_created_table_has_its_contract(lakehouse: Lakehouse) -> None:
    """Every type also as the engine reads it; comments, the partition, and what may be null."""
    assert lakehouse.create(LOOSE) is True
    lakehouse.validate(LOOSE)
    shape = _shape(lakehouse, LOOSE)
    assert [metadata["comment"] for *_, metadata in shape["columns"]] == [c.comment for c in LOOSE.columns]
    assert shape["partition"] == ["day"]
    assert shape["description"] == LOOSE.description
    assert [name for name, _, nullable, _ in shape["columns"] if not nullable] == ["id"]
    assert lakehouse.create(LOOSE) is False


@pytest.mark.jvm
def test_a_table_created_by_uri_is_the_same(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """INV-46: a warehouse by URI, which only the engine itself can reach."""
    by_uri = Lakehouse(lakehouse.spark, warehouse=tmp_path.as_uri())
    assert not by_uri.has_files_here
    for table in (ITEMS, LOOSE):
        assert by_uri.create(table) is lakehouse.create(table) is True
        assert by_uri.create(table) is False
        assert _shape(Lakehouse(lakehouse.spark, warehouse=str(tmp_path)), table) == _shape(lakehouse, table)
    assert by_uri.known_count(ITEMS) is None
    assert by_uri.count(ITEMS) == 0


def _shape(lake: Lakehouse, table: Table) -> dict[str, Any]:
    delta = DeltaTable(lake.path(table))
    metadata = delta.metadata()
    columns = [(f.name, str(f.type), f.nullable, f.metadata) for f in delta.schema().fields]
    return {
        "columns": columns,
        "partition": metadata.partition_columns,
        "description": metadata.description,
        "properties": dict(metadata.configuration),
    }

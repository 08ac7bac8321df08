"""Contracts: what a table is, and that every table is what the specification says (section 2)."""

from __future__ import annotations

import importlib

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ledger.bronze.landing_file import TABLE as LANDING_FILE
from ledger.contract import Table, opt, req
from ledger.errors import ContractError, ParameterError
from ledger.tables import ALL, BRONZE, GOLD, SILVER, by_name
from tests.oracle import contract as specified

PROBE = Table(
    schema="silver",
    name="probe",
    description="A table for tests.",
    columns=(req("id", "bigint"), opt("amount", "decimal(38,2)"), opt("day", "date")),
    write="merge",
    grain="one id",
    key=("id",),
    partition_by="day",
)
# Section 2 by the oracle's independent hand: table -> column -> type, `!` for required.
SPECIFIED = {
    f"{schema}.{name}": columns
    for schema, tables in (
        ("bronze", {n: {**c, **specified.METADATA} for n, c in specified.BRONZE.items()}),
        ("silver", specified.SILVER),
        ("gold", specified.GOLD),
    )
    for name, columns in tables.items()
}
SPECIFIED["gold.pipeline_run_log"]["date_kst"] = "date!"  # section 2 requires it; the oracle leaves it open
SPECIFIED["bronze.landing_file"] = specified.LANDING_FILE
SOURCE_ORDER = {"_source_extracted_at", "_ingested_at", "_batch_id"}
BRONZE_STAMPS = {"_source_file", "_file_sha256", "_raw", "ingest_date_kst"}


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.full_name)
def test_a_contract_is_consistent(table: Table) -> None:
    """INV-24"""
    names = table.column_names
    assert len(set(names)) == len(names)
    assert set(table.key) <= set(names)
    assert table.partition_by is None or table.partition_by in names
    assert table.description
    assert table.grain
    assert all(column.comment for column in table.columns), "every column says what it means"
    assert bool(table.key) == (table.write in ("merge", "scd2") or table in BRONZE)


def test_every_table_is_one_file() -> None:
    """The module is named as its table, and the contract is its ``TABLE``."""
    assert [importlib.import_module(f"ledger.{table.full_name}").TABLE for table in ALL] == list(ALL)


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.full_name)
def test_no_binary_float_holds_money_or_a_rate(table: Table) -> None:
    """INV-24: only the rule table has doubles, by contract; it converts them through their text."""
    floats = {c.name for c in table.columns if "double" in c.type or "float" in c.type}
    assert floats == ({"threshold", "severity_map"} if table.name == "dim_rule_scd2" else set())


@pytest.mark.parametrize("name", SPECIFIED)
def test_the_columns_are_the_specified_ones(name: str) -> None:
    """INV-24: names, types and required columns are section 2's; nothing but the source order is added."""
    table = by_name(name)
    nested = {"map": "map<string,double>", "array": "array<string>", "money": "decimal(18,2)"}
    expected = {
        column: nested.get(kind.rstrip("!"), kind.rstrip("!")) + ("!" if kind.endswith("!") else "")
        for column, kind in SPECIFIED[name].items()
    }
    ours = SOURCE_ORDER if table.schema == "silver" else BRONZE_STAMPS if table.schema == "bronze" else set()
    actual = {c.name: c.type + ("!" if c.required else "") for c in table.columns if c.name not in ours}
    assert actual == expected


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.full_name)
def test_columns_that_show_who_a_user_is_are_marked(table: Table) -> None:
    """INV-26: a sample in the run's metadata leaves out the marked columns, so the mark must not be missing."""
    telling = {"user_id", "wallet_id", "user_key", "record_json", "message", "_raw"}
    if table.name == "pipeline_run_log":
        telling -= {"message"}  # an error's text
    assert telling & set(table.column_names) <= table.identifying


def test_every_specified_table_exists_once() -> None:
    """INV-24"""
    assert {t.full_name for t in (*BRONZE, LANDING_FILE, *SILVER, *GOLD)} == set(SPECIFIED)
    assert len({t.full_name for t in ALL}) == len(ALL)


def test_bronze_stores_what_it_cannot_accept() -> None:
    """INV-07: Bronze columns are nullable in storage, so that a bad row is kept."""
    assert all(table.required == () for table in BRONZE)
    assert any(column.required for table in BRONZE for column in table.columns)


def test_a_table_is_found_by_either_name() -> None:
    assert by_name("gold.admin_tx_search") is by_name("admin_tx_search")
    with pytest.raises(ParameterError, match=r"unknown table 'nope'.*silver\.products"):
        by_name("nope")


def test_a_column_is_found_or_named() -> None:
    assert PROBE.column("amount").type == "decimal(38,2)"
    with pytest.raises(ContractError, match=r"'nope'.*silver\.probe"):
        PROBE.column("nope")


def test_conform_gives_exactly_the_contract(spark: SparkSession) -> None:
    """INV-24: order, names and types are the contract's, whatever else the frame carries."""
    df = spark.range(1).select(
        F.lit("2026-02-10").alias("day"),
        F.lit("x").alias("more"),
        F.lit("1.5").alias("amount"),
        F.col("id").cast("int"),
    )
    fields = [(f.name, f.dataType.simpleString()) for f in PROBE.conform(df).schema.fields]
    assert fields == [(c.name, c.type) for c in PROBE.columns]


def test_conform_names_what_is_missing(spark: SparkSession) -> None:
    """INV-24"""
    with pytest.raises(ContractError, match=r"did not produce amount, day.*table=silver\.probe"):
        PROBE.conform(spark.range(1))

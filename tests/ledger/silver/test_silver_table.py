"""Each Silver table's own words hold together: contract, sources, reasons, rules (spec sections 2 and 5)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from configs.settings import ROOT
from ledger.rule_loading import load_seed
from ledger.rules import REQUIRED, RuleBook
from ledger.silver import ledger_entries, order_events, wallet_snapshot
from ledger.silver.silver_table import SilverTable
from ledger.silver.source_order import ORDER_COLUMNS
from ledger.silver.window_rows import UNPARSABLE
from ledger.tables import BRONZE, SILVER_TABLES, silver_of, source_of
from tests.ledger.frames import frame, plain

FILLED_LATER = {"run_id", "rule_id"}  # by the run, not by a row
every_table = pytest.mark.parametrize("silver", SILVER_TABLES, ids=lambda silver: silver.contract.name)


@pytest.fixture(scope="module")
def rules() -> RuleBook:
    return RuleBook.of(
        load_seed(ROOT / "mock_data/fixtures/dim_rule_scd2.json"), source="seed", mode="strict"
    )


@every_table
def test_each_source_fills_every_column_of_the_contract(spark: SparkSession, silver: SilverTable) -> None:
    """And gives the place in the source order, the reason and the text to quarantine."""
    wanted = {*silver.contract.column_names, *ORDER_COLUMNS, "_reason", "_record_json"} - FILLED_LATER
    for source in silver.sources:
        judged = frame(spark, source.table, [], _reason=None, _record_json=None)
        for name in ("_reason", "_record_json"):
            judged = judged.withColumn(name, F.lit(None).cast("string"))
        assert set(source.evaluate(judged).columns) == wanted


@every_table
def test_compared_columns_are_stored(silver: SilverTable) -> None:
    stored = set(silver.contract.column_names)
    assert {*silver.business, *silver.origin, *silver.order_columns} <= stored - FILLED_LATER
    assert not {*silver.business, *silver.origin} & set(silver.contract.key)
    assert set(silver.order_columns) <= set(silver.origin)


@every_table
def test_a_null_partition_is_one_that_the_contract_allows(silver: SilverTable) -> None:
    part = silver.contract.partition_by
    assert silver.has_null_partition == (part is not None and not silver.contract.column(part).required)


@every_table
def test_a_bare_row_is_rejected_for_a_reason_that_it_names(
    spark: SparkSession, silver: SilverTable, rules: RuleBook
) -> None:
    """A reason without its columns and rule could not be explained to whoever has to correct the source."""
    for source in silver.sources:
        rows = frame(spark, source.table, [{}, {"_raw": "{"}])
        ((bare,), (broken,)) = plain(rows.select(source.reason(rules).alias("reason")))
        assert broken == UNPARSABLE
        assert silver.reasons[bare].is_of_the_row


@every_table
def test_reasons_speak_of_source_columns_and_are_decided_by_rules_that_exist(silver: SilverTable) -> None:
    read = {name for table in silver.reads for name in table.column_names}
    required = {f"{domain}/{metric}" for domain, metric in REQUIRED}
    for name, reason in silver.reasons.items():
        assert reason.columns, name
        assert set(reason.columns) <= read, name
        assert reason.rule in required, name
    assert silver.rule is None or silver.rule in required


def test_every_bronze_table_feeds_one_silver_table() -> None:
    """INV-07: a Bronze table that nobody reads would lose its rows."""
    fed = [table for silver in SILVER_TABLES for table in silver.bronze]
    assert sorted(table.full_name for table in fed) == sorted(table.full_name for table in BRONZE)
    for silver in SILVER_TABLES:
        assert silver_of(silver.contract) is silver
        assert [source_of(table) for table in silver.bronze] == [*silver.sources]


def test_the_rate_of_bad_rows_stops_the_run_for_wallets_and_entries() -> None:
    """INV-13"""
    guarded = [silver for silver in SILVER_TABLES if silver.is_guarded]
    assert guarded == [wallet_snapshot.SILVER, ledger_entries.SILVER]


def test_entries_depend_on_the_orders_that_they_name() -> None:
    entries = ledger_entries.SILVER
    assert entries.relates_to is order_events.SILVER
    assert entries.reads == (*entries.bronze, *order_events.SILVER.bronze)
    assert replace(entries, relates_to=None).reads == entries.bronze

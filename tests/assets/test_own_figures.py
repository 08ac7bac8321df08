"""A table's materialization shows figures that are the table's own, not its operation's or its neighbours' (spec section 5)."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.tables import SILVER_TABLES
from orchestration.launch import dagster_instance
from tests.support import DAY_1, Template, entered

SILVER = [silver.contract.name for silver in SILVER_TABLES]


@pytest.fixture(scope="module")
def shown(day_1: Template) -> dict[str, dict[str, Any]]:
    """The newest metadata of every asset of the day, by key."""
    with entered(day_1.home), dagster_instance() as instance:
        found = {}
        for key in instance.all_asset_keys():
            records = instance.fetch_materializations(key, limit=1).records
            if records and (made := records[0].asset_materialization):
                found[key.to_user_string()] = {name: value.value for name, value in made.metadata.items()}
    return found


@pytest.mark.parametrize("table", SILVER)
def test_a_silver_table_counts_its_own_rows(
    day_1: Template, shown: dict[str, dict[str, Any]], table: str
) -> None:
    """INV-23: its candidates and its own quarantine, of which the first day has two rows in two tables."""
    bad = [r for r in day_1.home.rows("silver.bad_records") if r["source_table"] == f"silver.{table}"]
    metadata = shown[f"silver/{table}"]
    assert metadata["rows_quarantined"] == len(bad)
    assert metadata["rows_read"] >= len(bad) + metadata["rows_inserted"]
    read = sum(shown[f"silver/{each}"]["rows_read"] for each in SILVER)
    (logged,) = [
        r
        for r in day_1.home.rows("gold.pipeline_run_log")
        if r["pipeline_name"] == "pipeline_silver" and r["date_kst"] == DAY_1
    ]
    assert (logged["rows_read"], metadata["rows_read"] < read) == (read, True)


def test_of_a_table_with_several_writers_each_shows_its_rows(shown: dict[str, dict[str, Any]]) -> None:
    """INV-23: counts and samples of exceptions and states alike."""
    others = {"dq": "'ledger'", "recon": "SUPPLY_MISMATCH", "supply": "RECON_DRIFT_HIGH"}
    for writer, other in others.items():
        metadata = shown[f"gold/exception_ledger/{writer}"]
        assert metadata["dagster/partition_row_count"] == metadata["rows_inserted"] > 0, writer
        assert other not in str(metadata["sample"].records)
    for name in ("pipeline_a", "pipeline_silver", "pipeline_b", "pipeline_c"):
        metadata = shown[f"gold/pipeline_state/{name}"]
        assert metadata["dagster/row_count"] == 1
        assert [record.data["pipeline_name"] for record in metadata["sample"].records] == [name]


def test_the_quarantine_shows_the_window_s_rows(day_1: Template, shown: dict[str, dict[str, Any]]) -> None:
    """INV-23: they lie on the day on which they were detected, not on the day of the run."""
    metadata = shown["silver/bad_records"]
    assert metadata["dagster/partition_row_count"] == len(day_1.home.rows("silver.bad_records")) > 0

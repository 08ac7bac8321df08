"""Column lineage: every name is a column of its contract, and every business column says what it is made of."""

from __future__ import annotations

import pytest

from assets.catalog import column_schema
from assets.lineage import LINEAGE, column_lineage, sources_of
from ledger.gold import recon_daily_snapshot_flow
from ledger.tables import ALL, BRONZE, INTERNAL, by_name
from orchestration.definitions import defs

GRAPH = defs.resolve_asset_graph()
# Columns that come from the run itself, or are constants of it.
_OF_THE_RUN = {
    *("run_id", "rule_id", "generated_at", "detected_at", "detected_date_kst", "date_kst", "order_source"),
    *("source_table", "window_start_ts", "window_end_ts", "event_count", "dq_tag", "severity", "reason"),
    *("domain", "exception_type", "metric"),
}
_WITHOUT = {"bronze.landing_file", "gold.pipeline_state", "gold.pipeline_run_log", "gold.dim_rule_scd2"}


@pytest.mark.parametrize("key", sorted(LINEAGE))
def test_every_declared_name_is_a_column(key: tuple[str, ...]) -> None:
    """INV-52"""
    for column, sources in LINEAGE[key].items():
        by_name(key[0]).column(column)
        assert len(set(sources)) == len(sources) > 0
        for source in sources:
            table, _, name = source.rpartition(".")
            by_name(table).column(name)


@pytest.mark.parametrize("table", [t for t in ALL if t not in INTERNAL], ids=lambda t: t.full_name)
def test_every_business_column_says_what_it_is_made_of(table: object) -> None:
    """INV-52: a new column needs its lineage."""
    declared = [set(LINEAGE[key]) for key in LINEAGE if key[0] == getattr(table, "full_name", "")]
    if table in BRONZE or getattr(table, "full_name", "") in _WITHOUT:
        assert not declared
        return
    for columns in declared:
        assert set(getattr(table, "column_names", ())) - columns <= _OF_THE_RUN
    assert declared


@pytest.mark.parametrize("key", sorted(LINEAGE))
def test_lineage_names_only_assets_that_exist(key: tuple[str, ...]) -> None:
    """INV-52: and the asset's own definition carries it."""
    lineage = column_lineage(by_name(key[0]), *key[1:])
    assert lineage is not None
    named = {dep.asset_key for deps in lineage.deps_by_column.values() for dep in deps}
    assert named <= set(GRAPH.get_all_asset_keys())


def test_net_flow_is_made_of_signed_amounts_and_the_ui_says_so() -> None:
    """INV-52: the example of the specification."""
    table = recon_daily_snapshot_flow.TABLE
    assert "silver.ledger_entries.amount_signed" in LINEAGE[table.full_name,]["net_flow_total"]
    assert sources_of(table)["net_flow_total"] == "silver.ledger_entries: amount_signed, event_time"
    (column,) = [c for c in column_schema(table).columns if c.name == "net_flow_total"]
    assert column.description == (
        "signed entries in (opening_ts, closing_ts], KRW; from silver.ledger_entries: amount_signed, event_time"
    )

"""A stored table that another program or a power cut damaged stops the pipeline that reads it, with a remedy."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake

from tests.support import DAY_1, DAY_2, Home, Template, difference, ledgerctl

SILVER, CONTROLS = "pipeline_silver_materialization", "pipeline_b_controls"
FIGURES = ("gold.recon_daily_snapshot_flow", "gold.ledger_supply_balance_daily", "gold.exception_ledger")


def repeat_rows(home: Home, table: str, day: object) -> None:
    """Another program appends one row of the day once more."""
    delta = home.delta(table)
    rows = delta.to_pyarrow_table()
    of_day = rows.filter(pc.equal(rows[delta.metadata().partition_columns[0]], pa.scalar(day)))
    write_deltalake(delta, of_day.slice(0, 1), mode="append")


def test_money_that_another_program_stored_as_a_double_is_never_summed(after_day_1: Home) -> None:
    """INV-03, INV-24: refused with table and column; restored, the day runs again."""
    delta = after_day_1.delta("silver.ledger_entries")
    before = delta.version()
    rows = delta.to_pyarrow_table()
    place = rows.schema.get_field_index("amount_signed")
    doubles = rows.set_column(place, "amount_signed", pc.cast(rows["amount_signed"], pa.float64()))
    write_deltalake(
        delta, doubles, mode="overwrite", schema_mode="overwrite", partition_by=["event_date_kst"]
    )
    versions = after_day_1.versions(FIGURES)
    for job in (SILVER, CONTROLS):
        done = ledgerctl("run", job, "--partition", DAY_1)
        assert done.code == 1
        assert "amount_signed is double, not decimal(38,2)" in done.err
        assert "table=silver.ledger_entries" in done.err
        assert "Traceback" not in done.err
    assert after_day_1.versions(FIGURES) == versions
    DeltaTable(str(after_day_1.warehouse / "silver" / "ledger_entries")).restore(before)
    for job in (SILVER, CONTROLS):
        done = ledgerctl("run", job, "--partition", DAY_1)
        assert done.code == 0, done.err


@pytest.mark.parametrize("table", ["silver.ledger_entries", "silver.wallet_snapshot"])
def test_a_key_that_is_stored_twice_stops_silver_and_b(after_day_1: Home, table: str) -> None:
    """INV-06: its money would count twice; the key is named, and no figure is written."""
    repeat_rows(after_day_1, table, DAY_1)
    versions = after_day_1.versions([*FIGURES, table])
    for job in (CONTROLS, SILVER):
        done = ledgerctl("run", job, "--partition", DAY_1)
        assert done.code == 1
        assert "the stored table has several rows for one key: (" in done.err
        assert f"table={table}" in done.err
    assert after_day_1.versions([*FIGURES, table]) == versions


def test_yesterday_s_keys_are_looked_at_too(home: Home, days_1_2: Template) -> None:
    """INV-06: the day's openings and carried balances come from there."""
    home.copy_from(days_1_2.home)
    repeat_rows(home, "silver.wallet_snapshot", DAY_1)
    done = ledgerctl("run", CONTROLS, "--partition", DAY_2)
    assert done.code == 1
    assert "several rows for one key" in done.err


def test_a_commit_that_a_power_cut_emptied_is_refused_and_mended_as_the_message_says(
    after_day_1: Home, day_1: Template
) -> None:
    """INV-15: nothing reads it as a commit without a change; moved away, the day runs again and is what it was."""
    log = after_day_1.warehouse / "silver" / "ledger_entries" / "_delta_log"
    newest = max(log.glob("*.json"))
    newest.write_bytes(b"")
    for command in (("day", DAY_1, "--run-id", "r1"), ("show", "silver.ledger_entries")):
        done = ledgerctl(*command)
        assert done.code == 1
        for part in (
            f"{newest.name} is empty",
            "table=silver.ledger_entries",
            f"file={newest}",
            "move it away",
        ):
            assert part in done.err
        assert "adds up" not in done.out
    newest.rename(Path(after_day_1.root) / "kept")
    done = ledgerctl("day", DAY_1, "--run-id", "r1")
    assert done.code == 0, done.err
    tables = ("silver.ledger_entries", *FIGURES)
    assert not difference(day_1.home.content(*tables), after_day_1.content(*tables))

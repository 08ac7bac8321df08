"""The oracle on sources that change: replaced, withdrawn, brought back, late with odd clocks; and the verdict of a day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.oracle.lake import Lake, default_rules, payment, tx, wallet
from tests.oracle.verdicts import verdict

D1, D2, D3 = date(2026, 2, 1), date(2026, 2, 2), date(2026, 2, 3)
OPENING, CLOSING = "2026-02-01T00:30:00Z", "2026-02-01T05:00:00Z"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def statuses(lake: Lake) -> list[str]:
    return [event["status"] for event in lake.oracle.log.events]


def test_a_corrected_file_heals_what_its_former_version_did(tmp_path: Path) -> None:
    lake = Lake(tmp_path, rules=default_rules(bad_rate=0.01))
    lake.land("user_wallets", D1, wallet("0", OPENING), wallet("1O", CLOSING))
    lake.land("transaction_ledger", D1, tx("a", amount="7"), tx("b", amount="3"))
    assert not lake.oracle.day(D1, "r1").ok
    assert verdict(lake.oracle, D1).verdict == "failed"
    lake.replace("user_wallets", D1, 1, wallet("0", OPENING), wallet("10", CLOSING))
    assert lake.oracle.day(D1, "r2").ok
    assert verdict(lake.oracle, D1).verdict == "adds_up"
    assert verdict(lake.oracle, D1).quarantined == 0
    assert statuses(lake) == ["loaded", "loaded", "loaded", "superseded"]


def test_a_corrected_entry_replaces_the_stored_one_and_a_dropped_one_goes(lake: Lake) -> None:
    lake.land("transaction_ledger", D1, tx("a", amount="7"), tx("b", amount="3"))
    at = "2026-02-02T01:00:00Z"
    lake.land("transaction_ledger", D2, tx("b", at, amount="4"), tx("c", at))  # contradicts: quarantined
    for day in (D1, D2):
        assert lake.oracle.day(day, "r").ok
    assert lake.rows("silver.ledger_entries", "tx_id", "amount")[:2] == [("a", 7), ("b", 3)]
    lake.replace("transaction_ledger", D1, 1, tx("a", amount="8"))
    assert lake.oracle.ingest(D1).ok
    assert (lake.oracle.silver_due(), lake.oracle.restatement_due()) == ([D1], [])
    assert verdict(lake.oracle, D1).verdict == "due"
    assert lake.oracle.silver(D1, "again").ok
    expected = [("a", 8, "again"), ("b", 4, "again"), ("c", Decimal("10.00"), "r")]
    assert lake.rows("silver.ledger_entries", "tx_id", "amount", "run_id") == expected
    assert (lake.oracle.silver_due(), lake.oracle.restatement_due()) == ([], [D1, D2])
    bad = lake.rows("silver.bad_records", "reason", "run_id")
    assert bad == [("conflicting_duplicate", "r")]


def test_a_version_comes_back_without_being_loaded_again(lake: Lake) -> None:
    first, second = [payment("p", "PAID"), payment("q", "PAID")], [payment("p", "FAILED")]
    lake.land("payment_orders", D1, *first)
    for records in (second, first):
        assert lake.oracle.day(D1, "r").ok
        lake.replace("payment_orders", D1, 1, *records)
    assert lake.oracle.day(D1, "r").ok
    assert lake.oracle.day(D1, "r").ok
    assert statuses(lake) == ["loaded", "loaded", "superseded", "loaded", "superseded"]
    assert len(lake.oracle.tables["bronze.payment_orders_raw"]) == 3
    assert lake.rows("silver.order_events", "order_ref", "status") == [("p", "PAID"), ("q", "PAID")]


def test_a_withdrawn_file_is_gone_for_good_and_other_content_is_not(lake: Lake) -> None:
    lake.land("transaction_ledger", D1, tx("a"))
    assert lake.oracle.day(D1, "r").ok
    lake.oracle.withdraw(lake.oracle.log.events[0]["path"])
    for run in ("r", "again"):
        assert lake.oracle.day(D1, run).ok
    assert lake.rows("silver.ledger_entries", "tx_id") == []
    lake.replace("transaction_ledger", D1, 1, tx("b"))
    assert lake.oracle.day(D1, "r").ok
    assert lake.rows("silver.ledger_entries", "tx_id") == [("b",)]
    assert statuses(lake) == ["loaded", "withdrawn", "loaded"]


@pytest.mark.parametrize(
    "clock", ["1970-01-01T00:00:00Z", "2026-02-09T00:00:00Z", "2026-01-31T20:00:00Z", ""]
)
def test_a_late_row_belongs_to_the_day_it_landed_whatever_its_clock(lake: Lake, clock: str) -> None:
    for day in (D1, D2):
        assert lake.oracle.day(day, "r").ok
    lake.land("transaction_ledger", D3, tx("late", ingested_at=clock, source_extracted_at=clock))
    assert lake.oracle.day(D3, "r").ok
    assert lake.rows("silver.ledger_entries", "tx_id", "event_date_kst") == [("late", D1)]
    assert lake.oracle.restatement_due() == [D1, D2, D3][:2]


def test_a_file_that_cannot_be_read_stops_no_other(lake: Lake) -> None:
    lake.land("payment_orders", D1, payment("p", "PAID"))
    folder = lake.root / "payment_orders" / f"date={D1}" / "sub folder #1"
    folder.mkdir()
    (folder / "notes.txt").write_text("x")
    (folder / "[1].JSONL").write_text('{"order_id": "q", "amount": 1}\nnot json')
    (folder / "_SUCCESS").write_text("")
    assert not lake.oracle.ingest(D1).ok
    assert not lake.oracle.ingest(D1).ok
    names = ("path", "status", "rows", "unparsable_rows")
    assert [row[1:] for row in lake.rows("bronze.landing_file", *names)] == [
        ("loaded", 1, 0),
        ("loaded", 2, 1),
        ("skipped", None, None),
        ("failed", None, None),
    ]


def test_nothing_compared_is_no_proof(lake: Lake) -> None:
    assert verdict(lake.oracle, D1).verdict == "not_controlled"
    assert lake.oracle.day(D1, "r").ok
    assert verdict(lake.oracle, D1).verdict == "no_data"
    lake.land("user_wallets", D1, wallet("0", OPENING), wallet("5", CLOSING))
    assert lake.oracle.day(D1, "r").ok
    assert verdict(lake.oracle, D1).verdict == "does_not_add_up"
    lake.land("transaction_ledger", D1, tx("a", amount="5"))
    assert lake.oracle.ingest(D1).ok
    assert verdict(lake.oracle, D1).verdict == "due"
    assert lake.oracle.day(D1, "other").ok
    assert verdict(lake.oracle, D1).verdict == "adds_up"

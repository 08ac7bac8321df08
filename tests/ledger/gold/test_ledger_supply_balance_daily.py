"""Issued supply against all wallets (spec section 7, supply)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pyspark.sql import SparkSession

from ledger.gold.ledger_supply_balance_daily import (
    issued_flow_per_day,
    issued_total,
    last_snapshots,
    supply_row,
    wallet_total,
)
from ledger.silver import ledger_daily_flow, ledger_entries, wallet_snapshot
from tests.ledger.frames import Values, by_first, frame, plain
from tests.support import DAY_1

T1, T2, T3 = (f"2026-02-10T0{hour}:00:00Z" for hour in (1, 2, 3))
HUGE = "999999999999999999999999999999999999.99"


def test_issued_total_is_the_sum_of_all_flows_and_0_without_one(spark: SparkSession) -> None:
    flows: list[Values] = [
        {"event_date_kst": DAY_1, "issued_flow": amount} for amount in (HUGE, "-0.99", None)
    ]
    rows = frame(spark, ledger_daily_flow.TABLE, flows)
    assert plain(issued_total(rows)) == [("999999999999999999999999999999999999.00",)]
    assert plain(issued_total(rows.where("false"))) == [("0.00",)]


def test_issued_flow_per_day_adds_mint_and_charge_less_burn_and_withdraw(spark: SparkSession) -> None:
    """Every entry is counted, also of types that issue nothing; the unsigned amount is what is issued."""
    days = {
        "2026-02-10": [("MINT", "1.01"), ("CHARGE", "2.00"), ("BURN", "0.50"), ("WITHDRAW", "4.00")],
        "2026-02-11": [
            (t, "9.00") for t in ("PAYMENT", "RECEIVE", "REFUND_IN", "REFUND_OUT", "HOLD", "RELEASE")
        ],
        "2026-02-12": [("MINT", HUGE)],
    }
    rows: list[Values] = [
        {"event_date_kst": day, "entry_type": entry_type, "amount": amount, "amount_signed": "77"}
        for day, entries in days.items()
        for entry_type, amount in entries
    ]
    found = issued_flow_per_day(frame(spark, ledger_entries.TABLE, rows))
    assert by_first(found, "event_date_kst", "issued_flow", "entry_cnt") == {
        "2026-02-10": ("-1.49", 4),
        "2026-02-11": ("0.00", 6),
        "2026-02-12": (HUGE, 1),
    }


def test_last_snapshots_are_one_per_user_whatever_the_day(spark: SparkSession) -> None:
    rows: list[Values] = [
        {"user_id": "u", "snapshot_ts": T1, "balance_total": "9"},
        {"user_id": "u", "snapshot_ts": T3, "balance_total": "1"},
        {"user_id": "u", "snapshot_ts": T2, "balance_total": "5"},
        {"user_id": "v", "snapshot_ts": "2026-01-10T00:00:00Z", "balance_total": "0.01"},
    ]
    assert plain(last_snapshots(frame(spark, wallet_snapshot.TABLE, rows))) == [
        ("u", T3, "1.00"),
        ("v", "2026-01-10T00:00:00Z", "0.01"),
    ]


LAST = "user_id string, snapshot_ts timestamp, balance_total decimal(38,2)"


def test_wallet_total_rolls_each_snapshot_forward_by_the_user_s_own_later_entries(
    spark: SparkSession,
) -> None:
    """An entry of the snapshot's instant is in the snapshot; a wallet without a snapshot has no balance."""
    last: list[Values] = [
        {"user_id": "u", "snapshot_ts": T2, "balance_total": "100.00"},
        {"user_id": "v", "snapshot_ts": T1, "balance_total": "10.00"},
        {"user_id": "without entries", "snapshot_ts": T1, "balance_total": "1.00"},
    ]
    entries: list[Values] = [
        {"wallet_id": "u", "event_time": T1, "amount_signed": "1000"},
        {"wallet_id": "u", "event_time": T2, "amount_signed": "1000"},
        {"wallet_id": "u", "event_time": "2026-02-10T02:00:00.000001Z", "amount_signed": "-0.01"},
        {"wallet_id": "v", "event_time": T2, "amount_signed": "-10.00"},
        {"wallet_id": "v", "event_time": T3, "amount_signed": "0.25"},
        {"wallet_id": "without snapshot", "event_time": T3, "amount_signed": "1000"},
    ]
    found = wallet_total(frame(spark, LAST, last), frame(spark, ledger_entries.TABLE, entries))
    assert plain(found) == [("101.24",)]


def test_wallet_total_of_nobody_is_zero(spark: SparkSession) -> None:
    entry = {"wallet_id": "u", "event_time": T1, "amount_signed": "1"}
    assert plain(wallet_total(frame(spark, LAST, []), frame(spark, ledger_entries.TABLE, [entry]))) == [
        ("0.00",)
    ]


@pytest.mark.parametrize(
    ("issued", "wallets", "above", "difference", "is_ok"),
    [
        ("5.00", "5.00", "0", "0.00", True),
        ("5.01", "5.00", "0", "0.01", False),
        ("4.99", "5.00", "0", "-0.01", False),
        ("5.01", "5.00", "0.01", "0.01", True),
        ("4.99", "5.00", "0.01", "-0.01", True),
        ("4.98", "5.00", "0.01", "-0.02", False),
        (HUGE, f"-{HUGE}", HUGE, "1999999999999999999999999999999999999.98", False),
    ],
)
def test_supply_row_is_ok_up_to_the_rule_on_either_side(
    issued: str, wallets: str, above: str, difference: str, is_ok: bool
) -> None:
    """Equal is ok, and no digit is lost on the way."""
    row = supply_row(
        day=DAY_1,
        issued=Decimal(issued),
        wallets=Decimal(wallets),
        alert_above=Decimal(above),
        dq_tag=None,
        run_id="run",
        rule_id="rule",
    )
    assert row == {
        "date_kst": DAY_1,
        "issued_supply": Decimal(issued),
        "wallet_total_balance": Decimal(wallets),
        "diff_amount": Decimal(difference),
        "is_ok": is_ok,
        "dq_tag": None,
        "run_id": "run",
        "rule_id": "rule",
    }

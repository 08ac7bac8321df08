"""The source is corrected, the day is run again: the tables are what a fresh warehouse has (spec sections 2 and 4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import DAY_1, DAY_2, Home, difference, entered, ledgerctl

# Not what is appended by design, nor when and by whom: those remember the way, these are the result.
RESULTS = (
    "silver.wallet_snapshot",
    "silver.ledger_entries",
    "silver.order_events",
    "silver.ledger_daily_flow",
    "gold.recon_daily_snapshot_flow",
    "gold.ledger_supply_balance_daily",
    "gold.ops_payment_failure_daily",
    "gold.ops_payment_refund_daily",
    "gold.ops_ledger_pairing_quality_daily",
    "gold.admin_tx_search",
    "gold.fact_payment_anonymized",
)


def charge(tx: str, amount: str, at: object, **more: Any) -> dict[str, Any]:
    created = f"{at}T01:00:00Z"
    return {"tx_id": tx, "wallet_id": "u1", "type": "CHARGE", "amount": amount, "created_at": created} | more


def wallet(balance: str, day: object) -> dict[str, Any]:
    taken = f"{day}T13:00:00Z"
    return {"user_id": "u1", "balance": balance, "frozen_amount": "0.00", "source_extracted_at": taken}


def payment(status: str, day: object) -> dict[str, Any]:
    at = f"{day}T02:00:00Z"
    return {"order_id": "p1", "user_id": "u1", "merchant_name": "m", "amount": "5.00", "status": status} | {
        "created_at": at
    }


def land_the_first_day(home: Home) -> None:
    home.land("transaction_ledger", DAY_1, charge("t1", "1000.00", DAY_1))
    home.land("user_wallets", DAY_1, wallet("1000.00", DAY_1))
    home.land("payment_orders", DAY_1, payment("PENDING", DAY_1))


def land_the_corrected_second_day(home: Home) -> None:
    home.land("transaction_ledger", DAY_2, charge("t2", "20.00", DAY_2, related_id="p1"))
    # Charged on the first day and in no balance of it: the source had left it out there.
    own_clock = {"ingested_at": f"{DAY_1}T10:00:00Z", "source_extracted_at": f"{DAY_1}T10:00:00Z"}
    home.land("transaction_ledger", DAY_2, charge("late", "7.00", DAY_1, **own_clock), file="late")
    home.land("user_wallets", DAY_2, wallet("1027.00", DAY_2))


def day(day: object, run_id: str, *, code: int = 0) -> str:
    done = ledgerctl("day", day, "--run-id", run_id)
    assert done.code == code, done.err
    return done.out + done.err


def test_the_source_is_corrected_and_the_day_run_again(
    home: Home, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A bad file above the rate, an amount redelivered, a status withdrawn, late rows with a clock of their own."""
    land_the_first_day(home)
    day(DAY_1, "first")
    home.land("transaction_ledger", DAY_2, charge("t2", "200.00", DAY_2, related_id="p1"))
    home.land("user_wallets", DAY_2, wallet("12OO.00", DAY_2))
    assert "1 of 1 rows are bad" in day(DAY_2, "bad", code=1)
    home.land("user_wallets", DAY_2, wallet("1200.00", DAY_2))
    assert "the money adds up" in day(DAY_2, "healed")

    land_the_corrected_second_day(home)
    home.land("payment_orders", DAY_1, payment("PAID", DAY_1))
    day(DAY_1, "again-1")
    day(DAY_2, "again-2")
    (entry,) = [row for row in home.rows("silver.ledger_entries") if row["tx_id"] == "t2"]
    assert (str(entry["amount"]), entry["status"]) == ("20.00", "PAID")
    quarantined = {row["reason"] for row in home.rows("silver.bad_records")}
    assert quarantined == {"invalid_balance"}, "a corrected amount contradicts nothing"
    day(DAY_1, "restated-1")  # the late entry is the first day's

    fresh = Home(Path(tmp_path_factory.mktemp("fresh")))
    fresh.copy_from(home, "landing")
    with entered(fresh):
        day(DAY_1, "fresh-1")
        day(DAY_2, "fresh-2")
        day(DAY_1, "fresh-restated-1")
    ours, theirs = (h.content(*RESULTS, without=["run_id"]) for h in (home, fresh))
    assert not difference(theirs, ours)

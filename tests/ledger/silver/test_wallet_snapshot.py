"""Wallet balances at an instant: which rows are rejected, what is stored, which row stays (spec section 5)."""

from __future__ import annotations

from datetime import date

from pyspark.sql import SparkSession

from ledger.bronze import user_wallets_raw
from ledger.money import MONEY
from ledger.silver import wallet_snapshot
from ledger.silver.source_order import ORDER_COLUMNS
from ledger.window import Window
from tests.ledger.frames import Values, by_first, frame, plain

T1, T2, T3 = (f"2026-02-10T0{hour}:00:00Z" for hour in (1, 2, 3))
GOOD = {"user_id": "u", "balance": "1.00", "frozen_amount": "0.00", "source_extracted_at": T1}
REASONS: dict[str, tuple[Values, str | None]] = {
    "good": ({}, None),
    "zero is a balance": ({"balance": "0.00"}, None),
    "no user": ({"user_id": None}, "missing_user_id"),
    "blank user": ({"user_id": " \t\n\r\f\v"}, "missing_user_id"),
    "no balance": ({"balance": None}, "invalid_balance"),
    "no frozen amount": ({"frozen_amount": None}, "invalid_balance"),
    "balance a cent below zero": ({"balance": "-0.01"}, "negative_balance"),
    "frozen amount a cent below zero": ({"frozen_amount": "-0.01"}, "negative_balance"),
    "arrival stands in for extraction": ({"source_extracted_at": None, "ingested_at": T1}, None),
    "neither extraction nor arrival": ({"source_extracted_at": None}, "missing_snapshot_ts"),
    "user before balance": ({"user_id": None, "balance": None}, "missing_user_id"),
    "invalid before negative": ({"balance": None, "frozen_amount": "-1"}, "invalid_balance"),
    "negative before time": ({"balance": "-1", "source_extracted_at": None}, "negative_balance"),
    "no record comes first": ({"user_id": None, "_raw": "{"}, "unparsable_record"),
    "a record with a bad value is judged by it": (
        {"balance": None, "_raw": '{"balance":"x"}'},
        "invalid_balance",
    ),
}


def test_reason_is_the_first_rule_that_the_row_breaks(spark: SparkSession) -> None:
    rows = [{"case": case, **changed} for case, (changed, _) in REASONS.items()]
    bronze = frame(spark, user_wallets_raw.TABLE, rows, **GOOD)
    found = by_first(bronze.select("case", wallet_snapshot.reason().alias("reason")))
    assert found == {case: expected for case, (_, expected) in REASONS.items()}


def test_snapshot_ts_is_the_extraction_else_the_arrival(spark: SparkSession) -> None:
    rows: list[Values] = [
        {"user_id": "both", "source_extracted_at": T2, "ingested_at": T1},
        {"user_id": "arrival", "ingested_at": T1},
        {"user_id": "none"},
    ]
    bronze = frame(spark, user_wallets_raw.TABLE, rows)
    found = by_first(bronze.select("user_id", wallet_snapshot.snapshot_ts().alias("ts")))
    assert found == {"both": T2, "arrival": T1, "none": None}


def test_evaluate_adds_up_in_wide_money_and_cuts_days_at_kst_midnight(spark: SparkSession) -> None:
    large = "9999999999999999.99"
    rows: list[Values] = [
        {
            "user_id": " u ",
            "balance": large,
            "frozen_amount": large,
            "source_extracted_at": "2026-02-10T14:59:59.999999Z",
            "ingested_at": T1,
            "updated_at": T2,
            "batch_id": "b",
            "_record_json": "{}",
        },
        {
            "user_id": "v",
            "balance": "1",
            "source_extracted_at": "2026-02-10T15:00:00Z",
            "_reason": "invalid_balance",
        },
    ]
    bronze = frame(spark, user_wallets_raw.TABLE, rows, _reason=None, _record_json=None)
    found = wallet_snapshot.evaluate(bronze)
    sums = {name: kind for name, kind in found.dtypes if name.startswith("balance")}
    assert set(sums.values()) == {MONEY}
    assert plain(found, "user_id", "snapshot_ts", "snapshot_date_kst", "balance_available", "balance_frozen",
                 "balance_total", "source_updated_at", *ORDER_COLUMNS, "_reason", "_record_json") == [
        ("u", "2026-02-10T14:59:59.999999Z", "2026-02-10", large, large, "19999999999999999.98", T2,
         "2026-02-10T14:59:59.999999Z", T1, "b", None, "{}"),
        ("v", "2026-02-10T15:00:00Z", "2026-02-11", "1.00", None, None, None,
         "2026-02-10T15:00:00Z", None, None, "invalid_balance", None),
    ]  # fmt: skip


CANDIDATE = (
    "user_id string, snapshot_ts timestamp, balance_available decimal(38,2), balance_frozen decimal(38,2),"
    " balance_total decimal(38,2), source_updated_at timestamp,"
    " _source_extracted_at timestamp, _ingested_at timestamp, _batch_id string"
)


def snapshot(user: str, balance: int, **more: object) -> Values:
    return {
        "user_id": user,
        "balance_available": balance,
        "balance_frozen": 0,
        "balance_total": balance,
    } | more


def test_collapse_keeps_the_latest_row_per_instant_and_user(spark: SparkSession) -> None:
    rows = [
        snapshot("later", 1, _ingested_at=T2), snapshot("later", 2, _ingested_at=T1),
        snapshot("identical", 3), snapshot("identical", 3),
        snapshot("equal order", 4), snapshot("equal order", 5),
        snapshot("two instants", 6), snapshot("two instants", 6, snapshot_ts=T3),
    ]  # fmt: skip
    valid = frame(spark, CANDIDATE, rows, snapshot_ts=T1, _source_extracted_at=T1)
    assert plain(wallet_snapshot.collapse(valid), "user_id", "snapshot_ts", "balance_total") == [
        ("equal order", T1, "5.00"),
        ("identical", T1, "3.00"),
        ("later", T1, "1.00"),
        ("two instants", T1, "6.00"),
        ("two instants", T3, "6.00"),
    ]


# user: (the other row and the stored one as changes of the winner, which has balance 1 and arrived at T2; stays).
OTHERS: dict[str, tuple[Values | None, Values | None, bool]] = {
    "no other row": (None, {"balance_total": 9}, True),
    "later elsewhere and stored": ({"balance_total": 9, "_ingested_at": T3}, {"balance_total": 9}, False),
    "later elsewhere, other stored": ({"balance_total": 9, "_ingested_at": T3}, {"balance_total": 8}, True),
    "later elsewhere, none stored": ({"balance_total": 9, "_ingested_at": T3}, None, True),
    "earlier elsewhere and stored": ({"balance_total": 9, "_ingested_at": T1}, {"balance_total": 9}, True),
    "equal order, more elsewhere": ({"balance_total": 9}, {"balance_total": 9}, False),
    "equal order, less elsewhere": ({"balance_total": 0}, {"balance_total": 0}, True),
    "the same row elsewhere": ({}, {}, True),
    "later at another instant": ({"snapshot_ts": T3, "_ingested_at": T3}, {"snapshot_ts": T3}, True),
    "nulls are equal": ({"_batch_id": "z", "source_updated_at": None}, {"source_updated_at": None}, False),
}  # fmt: skip


def test_without_superseded_gives_way_to_a_later_row_that_is_stored(spark: SparkSession) -> None:
    winner = {"snapshot_ts": T1, "source_updated_at": T1, "_source_extracted_at": T1, "_ingested_at": T2}
    of_user = {user: snapshot(user, 1, **winner) for user in OTHERS}
    others = [{**of_user[user], **other} for user, (other, _, _) in OTHERS.items() if other is not None]
    stored = [{**of_user[user], **known} for user, (_, known, _) in OTHERS.items() if known is not None]
    kept = wallet_snapshot.without_superseded(
        frame(spark, CANDIDATE, of_user.values()),
        frame(spark, CANDIDATE, others),
        frame(spark, CANDIDATE, stored).drop(*ORDER_COLUMNS),
    )
    assert [user for user, *_ in plain(kept.select("user_id"))] == sorted(
        user for user, (_, _, stays) in OTHERS.items() if stays
    )


def test_is_outside_holds_for_a_snapshot_that_another_window_was_taken_in(spark: SparkSession) -> None:
    """The KST day begins at 15:00 UTC; its end is the next one's."""
    window = Window.of_day(date(2026, 2, 10))
    taken = {"2026-02-09T14:59:59.999999Z": True, "2026-02-09T15:00:00Z": False, "2026-02-10T15:00:00Z": True}
    rows = frame(spark, "at string, snapshot_ts timestamp", [{"at": at, "snapshot_ts": at} for at in taken])
    assert by_first(rows.select("at", wallet_snapshot.is_outside(window).alias("is_outside"))) == taken

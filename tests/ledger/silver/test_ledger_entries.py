"""Ledger entries: which rows are rejected, what they relate to, which of several stays (spec section 5)."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ledger.bronze import payment_orders_raw, transaction_ledger_raw
from ledger.money import MONEY
from ledger.silver import ledger_entries
from ledger.silver.source_order import ORDER_COLUMNS
from tests.ledger.frames import Values, by_first, frame, plain

T1, T2, T3 = (f"2026-02-10T0{hour}:00:00Z" for hour in (1, 2, 3))
ALLOWED, STATUSES = ("MINT", "HOLD", "GIFT"), ("PAID", "REFUNDED")
GOOD: Values = {"tx_id": "t", "wallet_id": "w", "type": "MINT", "amount": "1.00", "created_at": T1}


def test_sign_is_plus_minus_or_zero_by_type(spark: SparkSession) -> None:
    expected: dict[str | None, int | None] = {
        **dict.fromkeys(("CHARGE", "MINT", "RECEIVE", "REFUND_IN"), 1),
        **dict.fromkeys(("WITHDRAW", "BURN", "PAYMENT", "REFUND_OUT"), -1),
        **dict.fromkeys(("HOLD", "RELEASE"), 0),
        **dict.fromkeys(("mint", "GIFT", "", None)),
    }
    types = frame(spark, "type string", [{"type": name} for name in expected])
    assert by_first(types.select("type", ledger_entries.sign(F.col("type")).alias("sign"))) == expected


REASONS: dict[str, tuple[Values, str | None]] = {
    "good": ({}, None),
    "a cent": ({"amount": "0.01"}, None),
    "type is trimmed": ({"type": " MINT\n"}, None),
    "no transaction": ({"tx_id": None}, "missing_tx_or_wallet"),
    "blank transaction": ({"tx_id": " \t"}, "missing_tx_or_wallet"),
    "no wallet": ({"wallet_id": None}, "missing_tx_or_wallet"),
    "blank wallet": ({"wallet_id": "\v\f\r"}, "missing_tx_or_wallet"),
    "no type": ({"type": None}, "missing_entry_type"),
    "blank type": ({"type": " "}, "missing_entry_type"),
    "type is not allowed": ({"type": "CHARGE"}, "invalid_entry_type"),
    "type is case-sensitive": ({"type": "mint"}, "invalid_entry_type"),
    "no amount": ({"amount": None}, "invalid_amount"),
    "amount zero": ({"amount": "0.00"}, "non_positive_amount"),
    "amount below zero": ({"amount": "-0.01"}, "non_positive_amount"),
    "allowed type without a sign": ({"type": "GIFT"}, "amount_signed_unavailable"),
    "no time": ({"created_at": None}, "missing_event_time"),
    "status is listed": ({"_status": "REFUNDED"}, None),
    "status is not listed": ({"_status": "LOST"}, "invalid_status"),
    "status is case-sensitive": ({"_status": "paid"}, "invalid_status"),
    "key before type": ({"tx_id": None, "type": None}, "missing_tx_or_wallet"),
    "type before amount": ({"type": None, "amount": None}, "missing_entry_type"),
    "allowed before amount": ({"type": "X", "amount": None}, "invalid_entry_type"),
    "amount before sign": ({"type": "GIFT", "amount": None}, "invalid_amount"),
    "positive before sign": ({"type": "GIFT", "amount": "0"}, "non_positive_amount"),
    "sign before time": ({"type": "GIFT", "created_at": None}, "amount_signed_unavailable"),
    "time before status": ({"created_at": None, "_status": "LOST"}, "missing_event_time"),
    "no record comes first": ({"tx_id": None, "_raw": "{"}, "unparsable_record"),
}


def test_reason_is_the_first_rule_that_the_row_breaks(spark: SparkSession) -> None:
    """The payment status, which a join decides, is Silver's alone to judge."""
    rows = [{"case": case, **changed} for case, (changed, _) in REASONS.items()]
    bronze = frame(spark, transaction_ledger_raw.TABLE, rows, **GOOD, _status=None)
    of_guardrail, of_silver = ledger_entries.reason(ALLOWED), ledger_entries.reason(ALLOWED, STATUSES)
    found = by_first(bronze.select("case", of_guardrail.alias("a"), of_silver.alias("silver")))
    by_join = "invalid_status"
    assert found == {
        case: (None if reason == by_join else reason, reason) for case, (_, reason) in REASONS.items()
    }


def test_payment_status_of_window_is_that_of_the_latest_row_whatever_its_quality(spark: SparkSession) -> None:
    """By creation, arrival, batch, with nulls first; a status that is blank there is a status that is not known."""
    rows: list[Values] = [
        {"order_id": "creation", "status": "PAID", "created_at": T2, "ingested_at": T1, "batch_id": "a"},
        {"order_id": "creation", "status": "PENDING", "created_at": T1, "ingested_at": T2, "batch_id": "b"},
        {"order_id": "arrival", "status": "PAID", "created_at": T1, "ingested_at": T2, "batch_id": "a"},
        {"order_id": "arrival", "status": "PENDING", "created_at": T1, "ingested_at": T1, "batch_id": "b"},
        {"order_id": "batch", "status": "PAID", "created_at": T1, "ingested_at": T1, "batch_id": "b"},
        {"order_id": "batch", "status": "PENDING", "created_at": T1, "ingested_at": T1, "batch_id": "a"},
        {"order_id": "nulls first", "status": "PAID", "created_at": T1},
        {"order_id": "nulls first", "status": "PENDING", "ingested_at": T2, "batch_id": "b"},
        {"order_id": "equal order", "status": "FAILED"},
        {"order_id": "equal order", "status": "PAID"},
        {"order_id": " trimmed", "status": " LOST ", "created_at": T2, "amount": "-1"},
        {"order_id": "trimmed", "status": "PAID", "created_at": T1},
        {"order_id": "blank is latest", "status": " ", "created_at": T2},
        {"order_id": "blank is latest", "status": "PAID", "created_at": T1},
        {"order_id": None, "status": "PAID"},
        {"order_id": "\t", "status": "PAID"},
    ]
    found = ledger_entries.payment_status_of_window(frame(spark, payment_orders_raw.TABLE, rows))
    assert by_first(found, "_order_id", "_window_status") == {
        **dict.fromkeys(("creation", "arrival", "batch", "nulls first", "equal order"), "PAID"),
        "trimmed": "LOST",
        "blank is latest": None,
    }


def test_with_related_asks_the_window_then_the_lookback_then_the_shop(spark: SparkSession) -> None:
    """A payment order of the window decides the status even where it has none. One row per input row."""
    expected: dict[str, tuple[str | None, str | None]] = {
        "window": ("PAID", "PAYMENT_ORDER"),
        "window over lookback": ("PAID", "PAYMENT_ORDER"),
        "window without status": (None, "PAYMENT_ORDER"),
        "lookback": ("REFUNDED", "PAYMENT_ORDER"),
        "lookback without status": (None, "PAYMENT_ORDER"),
        "payment over shop": ("REFUNDED", "PAYMENT_ORDER"),
        "shop": (None, "ORDER"),
        "nothing": (None, None),
    }
    rows: list[Values] = [{"tx_id": case, "related_id": f" {case}\n"} for case in expected]
    rows += [{"tx_id": "no related", "related_id": None}, {"tx_id": "blank related", "related_id": " "}]
    found = ledger_entries.with_related(
        frame(spark, "tx_id string, related_id string", rows),
        payments=frame(spark, "_order_id string, _window_status string", [
            {"_order_id": "window", "_window_status": "PAID"},
            {"_order_id": "window over lookback", "_window_status": "PAID"},
            {"_order_id": "window without status"},
        ]),
        earlier_payments=frame(spark, "_earlier_id string, _earlier_status string", [
            {"_earlier_id": case, "_earlier_status": "REFUNDED"}
            for case in ("window over lookback", "window without status", "lookback", "payment over shop")
        ] + [{"_earlier_id": "lookback without status"}]),
        order_ids=frame(spark, "_shop_order_id string", [
            {"_shop_order_id": "payment over shop"}, {"_shop_order_id": "shop"}
        ]),
    )  # fmt: skip
    assert found.columns == ["tx_id", "related_id", "_status", "_related_type"]
    assert by_first(found, "tx_id", "_status", "_related_type") == {
        **expected,
        "no related": (None, None),
        "blank related": (None, None),
    }


def test_evaluate_signs_the_amount_and_cuts_days_at_kst_midnight(spark: SparkSession) -> None:
    large, last, midnight = "9999999999999999.99", "2026-02-10T14:59:59.999999Z", "2026-02-10T15:00:00Z"
    rows: list[Values] = [
        {"tx_id": " plus ", "wallet_id": "\tw", "type": "CHARGE ", "amount": large, "created_at": last,
         "related_id": " r ", "_related_type": "ORDER", "_status": "PAID",
         "source_extracted_at": T1, "ingested_at": T2, "batch_id": "b"},
        {"tx_id": "minus", "type": "BURN", "amount": large, "created_at": midnight, "related_id": " "},
        {"tx_id": "zero", "type": "HOLD", "amount": "1.5"},
        {"tx_id": "zero of nothing", "type": "RELEASE"},
        {"tx_id": "z rejected", "type": " ", "_reason": "missing_entry_type", "_record_json": "{}"},
    ]  # fmt: skip
    shared = dict.fromkeys(("_status", "_related_type", "_reason", "_record_json"))
    found = ledger_entries.evaluate(frame(spark, transaction_ledger_raw.TABLE, rows, **shared))
    kinds = dict(found.dtypes)
    assert (kinds["amount"], kinds["amount_signed"]) == (MONEY, MONEY)
    shown = ("tx_id", "wallet_id", "entry_type", "amount", "amount_signed", "event_time", "event_date_kst")
    assert plain(found, *shown) == [
        ("minus", None, "BURN", large, f"-{large}", midnight, "2026-02-11"),
        ("plus", "w", "CHARGE", large, large, last, "2026-02-10"),
        ("z rejected", None, None, None, None, None, None),
        ("zero", None, "HOLD", "1.50", "0.00", None, None),
        ("zero of nothing", None, "RELEASE", None, "0.00", None, None),
    ]
    rest = ("related_id", "related_type", "status", "created_at", *ORDER_COLUMNS, "_reason", "_record_json")
    by_tx = by_first(found, "tx_id", *rest)
    assert by_tx["plus"] == ("r", "ORDER", "PAID", last, T1, T2, "b", None, None)
    assert by_tx["minus"] == (None, None, None, midnight, *[None] * 5)
    assert by_tx["z rejected"] == (*[None] * 7, "missing_entry_type", "{}")


KNOWN: Values = {
    "entry_type": "MINT", "amount": "1.00", "related_id": "r", "event_time": T1,
    "_source_extracted_at": T2, "_ingested_at": T2, "_batch_id": "b", "wallet_id": "w",
}  # fmt: skip
LATER: Values = {"_ingested_at": T3}
EARLIER: Values = {"_ingested_at": T1}


def entries(spark: SparkSession, rows: dict[str, Values | None]) -> DataFrame:
    """An entry per transaction, with changes of the known one."""
    return frame(
        spark,
        ledger_entries.TABLE,
        [{**KNOWN, "tx_id": tx, **row} for tx, row in rows.items() if row is not None],
    )


# The valid row is the known one: the stored row as changes of it; and, where it is named, whether it relates otherwise.
OTHER, RELATED_OTHERWISE = False, True
STORED: dict[str, tuple[Values | None, bool | None]] = {
    "not stored": (None, None),
    "the same": ({}, None),
    "only a new status": ({"status": "PAID"}, RELATED_OTHERWISE),
    "only a new type": ({"related_type": "ORDER"}, RELATED_OTHERWISE),
    "of another wallet": ({"wallet_id": "v", "amount": "2"}, None),
    "another type": ({"entry_type": "BURN"}, OTHER),
    "another amount": ({"amount": "1.01"}, OTHER),
    "another related id": ({"related_id": "s"}, OTHER),
    "no related id": ({"related_id": None}, OTHER),
    "another time": ({"event_time": T2}, OTHER),
    "another extraction": ({"_source_extracted_at": T1}, OTHER),
    "another arrival": ({"_ingested_at": T3}, OTHER),
    "no batch": ({"_batch_id": None}, OTHER),
}


def test_stored_otherwise_names_keys_that_differ_and_whether_in_what_they_relate_to(
    spark: SparkSession,
) -> None:
    valid = entries(spark, {tx: {} for tx in STORED})
    stored = entries(spark, {tx: row for tx, (row, _) in STORED.items()})
    assert plain(ledger_entries.stored_otherwise(valid, stored)) == [
        (tx, "w", otherwise) for tx, (_, otherwise) in sorted(STORED.items()) if otherwise is not None
    ]


# tx: the window's rows, and the stored one, as changes of the known row; then what is expected of each of the rows,
# in their order: (its amount, whether it conflicts), and the arrival of the row that stays.
DUPLICATES: dict[str, tuple[list[Values], Values | None, list[tuple[str, bool]], str]] = {
    "alone": ([{}], None, [("1.00", False)], T2),
    "the earliest stays": ([{}, {"amount": 9, **EARLIER}], None, [("1.00", True), ("9.00", False)], T1),
    "agreeing rows do not conflict": ([{}, {"status": "PAID", **EARLIER}], None, [("1.00", False)] * 2, T1),
    "a null arrival is last": ([{}, {"amount": 9, "_ingested_at": None}], None, [("1.00", False), ("9.00", True)], T2),
    "equal order: the smallest stays": ([{}, {"amount": 9}], None, [("1.00", False), ("9.00", True)], T2),
    "type differs": ([{}, {"entry_type": "BURN", **LATER}], None, [("1.00", False), ("1.00", True)], T2),
    "related id differs": ([{}, {"related_id": None, **LATER}], None, [("1.00", False), ("1.00", True)], T2),
    "time differs": ([{}, {"event_time": T2, **LATER}], None, [("1.00", False), ("1.00", True)], T2),
    "both without related id": (
        [{"related_id": None}, {"related_id": None, **LATER}], None, [("1.00", False)] * 2, T2
    ),
    "stored and earlier stays": ([{}], {"amount": 9, **EARLIER}, [("1.00", True)], T1),
    "stored and later goes": ([{}], {"amount": 9, **LATER}, [("1.00", False)], T2),
    "stored and the same": ([{}], {}, [("1.00", False)], T2),
    "stored and later agrees": ([{}, {"amount": 9, **EARLIER}], LATER, [("1.00", True), ("9.00", False)], T1),
}  # fmt: skip


def reconciled(spark: SparkSession) -> DataFrame:
    rows = [
        {**KNOWN, "tx_id": tx, "row": n, **row}
        for tx, (of_tx, *_) in DUPLICATES.items()
        for n, row in enumerate(of_tx)
    ]
    stored = entries(spark, {tx: of_tx[1] for tx, of_tx in DUPLICATES.items()})
    return ledger_entries.reconcile_duplicates(frame(spark, ledger_entries.TABLE, rows), stored)


def test_reconcile_duplicates_holds_each_row_against_the_earliest_here_or_stored(spark: SparkSession) -> None:
    found = plain(reconciled(spark), "tx_id", "row", "amount", "_conflict", "_r__ingested_at")
    assert found == [
        (tx, str(n), amount, conflicts, stays)
        for tx, (_, _, expected, stays) in sorted(DUPLICATES.items())
        for n, (amount, conflicts) in enumerate(expected)
    ]


def test_collapse_keeps_one_agreeing_row_per_key_with_the_place_of_the_row_that_stays(
    spark: SparkSession,
) -> None:
    """No row where all conflict with the stored one."""
    found = by_first(ledger_entries.collapse(reconciled(spark)), "tx_id", "amount", "_ingested_at")
    assert found == {
        tx: (next(amount for amount, conflicts in expected if not conflicts), stays)
        for tx, (_, _, expected, stays) in DUPLICATES.items()
        if not all(conflicts for _, conflicts in expected)
    }


def test_unrelated_rows_know_of_no_order(spark: SparkSession) -> None:
    rows = frame(spark, "tx_id string, related_id string", [{"tx_id": "t", "related_id": "r"}])
    found = ledger_entries.unrelated(rows)
    assert found.columns == ["tx_id", "related_id", "_status", "_related_type"]
    assert plain(found) == [("t", "r", None, None)]

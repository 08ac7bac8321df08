"""A's measurements of one input in one window: rows, duplicates, bad rows, freshness (spec section 6)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ledger.delta.lakehouse import Lakehouse
from ledger.instants import from_micros
from ledger.pipelines.guardrail_inputs import (
    INPUTS,
    Measured,
    counted,
    first_landing_day,
    measure,
    newest_arrival,
)
from ledger.pipelines.silver_candidates import landing_of
from ledger.rule_loading import load_seed
from ledger.rules import RuleBook
from ledger.window import Window
from tests.ledger.frames import Values, by_first, frame, plain
from tests.ledger.pipelines.landed_by_hand import HandLanding, Record, lenient_rules
from tests.ledger.rule_entries import SEED_PATH
from tests.support import DAY_2

LEDGER, WALLETS, PAYMENTS = INPUTS
WINDOW = Window.of_day(DAY_2)
RULES = RuleBook.of(load_seed(SEED_PATH), source="seed", mode="strict")
T1, T2 = "2026-02-11T01:00:00Z", "2026-02-11T02:00:00Z"


def test_key_is_trimmed_and_of_wallets_has_the_snapshot_s_time(spark: SparkSession) -> None:
    columns = {
        LEDGER: ({"tx_id": " t ", "wallet_id": "w"}, ("t",)),
        WALLETS: ({"user_id": "u\n", "source_extracted_at": T1, "ingested_at": T2}, ("u", T1)),
        PAYMENTS: ({"order_id": "\to", "user_id": "u"}, ("o",)),
    }
    for source, (row, key) in columns.items():
        bronze = frame(spark, source.table, [row])
        named = [column.alias(f"k{n}") for n, column in enumerate(source.key())]
        assert plain(bronze.select(*named)) == [key]


def test_reason_is_each_table_s_own_without_what_a_join_decides(spark: SparkSession) -> None:
    """Section 5's row rules; a ledger row's payment status is not asked for."""
    rows: dict[str, list[Values]] = {
        LEDGER.table.name: [
            {
                "batch_id": "type",
                "tx_id": "t",
                "wallet_id": "w",
                "type": "GIFT",
                "amount": 1,
                "created_at": T1,
            },
            {
                "batch_id": "good",
                "tx_id": "t",
                "wallet_id": "w",
                "type": "MINT",
                "amount": 1,
                "created_at": T1,
            },
        ],
        WALLETS.table.name: [{"batch_id": "negative", "user_id": "u", "balance": -1, "frozen_amount": 0}],
        PAYMENTS.table.name: [{"batch_id": "status", "order_id": "o", "amount": 1, "status": "LOST"}],
    }
    found: dict[str, str | None] = {}
    for source in INPUTS:
        bronze = frame(spark, source.table, rows[source.table.name])
        found |= by_first(bronze.select("batch_id", source.reason(RULES).alias("reason")))
    assert found == {
        "type": "invalid_entry_type",
        "good": None,
        "negative": "negative_balance",
        "status": "invalid_status",
    }


@pytest.fixture
def landing(lakehouse: Lakehouse, tmp_path: Path) -> HandLanding:
    """Bronze without rows."""
    return HandLanding(lakehouse, lenient_rules(tmp_path)).create(only_bronze=True)


def entry(tx: str | None, **more: object) -> Record:
    at = {"created_at": T1, "ingested_at": T2, "source_extracted_at": T2}
    return {"tx_id": tx, "wallet_id": "u", "type": "CHARGE", "amount": "1.00"} | at | more


def measured(landing: HandLanding, window: Window = WINDOW, zero_windows_before: int = 0) -> Measured:
    run = landing.run("r")
    landed = landing_of(run, window, run.lookback_days)
    before = {LEDGER.table.name: zero_windows_before}
    return measure(run, window, landed, zero_windows_before=before)[0]


def since(hour: int, minute: int = 0, second: int = 0) -> int:
    """Seconds from a time of the day to the window's end."""
    day = DAY_2
    return int(
        (
            WINDOW.end - datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=UTC)
        ).total_seconds()
    )


def test_measure_counts_rows_repeats_of_a_key_and_bad_rows(landing: HandLanding) -> None:
    """The repeats over the rows with a key: three of "a", one of "b" and one without make 2 of 4; bad rows of all."""
    rows = [entry("a"), entry("a", amount=None), entry(" a", amount="0"), entry("b"), entry(None)]
    landing.put("a", "transaction_ledger_raw", DAY_2, *rows)
    assert measured(landing, zero_windows_before=2) == Measured(
        5, Fraction(2, 4), Fraction(3, 5), since(2), zero_windows=0
    )


def test_measure_of_an_empty_window_has_rates_of_zero_and_one_more_zero_window(landing: HandLanding) -> None:
    nothing = Fraction(0)
    assert measured(landing, zero_windows_before=2) == Measured(0, nothing, nothing, None, zero_windows=3)


def test_measure_takes_freshness_from_the_newest_time_up_to_the_end_within_the_lookback(
    landing: HandLanding,
) -> None:
    """Whole seconds, cut; a time after the window's end or before the lookback says nothing."""

    def fresh(name: str, **clocks: object) -> int | None:
        landing.put(name, "transaction_ledger_raw", DAY_2, entry(name, **clocks))
        return measured(landing).freshness_sec

    long_ago = {"created_at": "2026-01-07T14:59:59.999999Z", "ingested_at": "2026-02-11T15:00:00.000001Z"}
    assert fresh("outside", **long_ago) is None
    assert fresh("lookback", created_at="2026-01-07T15:00:00Z", ingested_at=None) == 35 * 86_400
    assert fresh("arrival", created_at=T1, ingested_at=T2) == since(2)
    assert fresh("event", created_at="2026-02-11T03:00:00.000001Z", ingested_at=T2) == since(3) - 1
    assert fresh("end", created_at="2026-02-11T15:00:00Z", ingested_at=T1) == 0


def test_measure_leaves_out_rows_that_do_not_count(landing: HandLanding) -> None:
    """A superseded version's rows are no events, no duplicates, no bad rows and no arrival."""
    newer = dict.fromkeys(("ingested_at", "source_extracted_at"), f"{DAY_2}T14:00:00Z")
    landing.put("a", "transaction_ledger_raw", DAY_2, entry("x"))
    landing.put("b", "transaction_ledger_raw", DAY_2, entry("x", amount=None, **newer))
    landing.put("b", "transaction_ledger_raw", DAY_2, entry("y"))
    assert measured(landing) == Measured(2, Fraction(0), Fraction(0), since(2), 0)


def test_first_landing_day_is_the_day_before_the_lookback(landing: HandLanding) -> None:
    assert first_landing_day(landing.run("r"), WINDOW.end) == date(2026, 1, 7)


def test_counted_groups_rows_without_a_key_apart(spark: SparkSession) -> None:
    """(rows, with a key, distinct keys, bad): a null in any part of a key is no key; no row gives nulls."""
    columns = ("rows", "keyed", "distinct_keys", "bad")
    keys: list[Values] = [
        {"tx_id": t, "wallet_id": w} for t, w in [("a", "u"), ("a", "u"), ("b", None), (None, "u")]
    ]
    rows = frame(spark, LEDGER.table, keys)
    key = (F.col("tx_id"), F.col("wallet_id"))
    bad = F.when(F.col("tx_id") == "a", F.lit("why"))
    assert plain(counted(rows, key, bad), *columns) == [(4, 2, 1, 2)]
    assert plain(counted(rows, key[:1], bad), *columns) == [(4, 3, 2, 2)]
    assert plain(counted(rows.where("false"), key, bad), *columns) == [(None, None, 0, None)]


def test_newest_arrival_looks_at_arrivals_and_events_of_the_interval(spark: SparkSession) -> None:
    """Both ends count; either clock may be missing."""
    day = datetime(2026, 2, 11, tzinfo=UTC)
    cases: dict[str, tuple[list[tuple[str | None, str | None]], datetime | None]] = {
        "the later of both": ([(T1, T2), (T2, None)], day.replace(hour=2)),
        "only an event": ([(None, T1)], day.replace(hour=1)),
        "at the end": ([("2026-02-11T03:00:00Z", None)], day.replace(hour=3)),
        "after the end": ([("2026-02-11T03:00:00.000001Z", T1)], day.replace(hour=1)),
        "before the start": ([("2026-02-10T23:59:59.999999Z", None)], None),
        "at the start": ([("2026-02-11T00:00:00Z", None)], day),
    }
    for case, (clocks, expected) in cases.items():
        rows = frame(spark, LEDGER.table, [{"ingested_at": i, "created_at": c} for i, c in clocks])
        (row,) = newest_arrival(rows, "created_at", earliest=day, end=day.replace(hour=3)).collect()
        assert from_micros(row["newest"]) == expected, case

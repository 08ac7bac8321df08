"""Bronze rows of a window, their first reason, and the text they are quarantined with (spec sections 4 and 5)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ledger.bronze import products_raw, transaction_ledger_raw, user_wallets_raw
from ledger.delta.lakehouse import Lakehouse
from ledger.pipelines.silver_candidates import landing_of
from ledger.silver.window_rows import (
    first_landing_day,
    first_reason,
    in_window,
    is_unparsable,
    read_dead,
    read_elsewhere,
    read_window,
    record_json,
)
from ledger.window import Window
from tests.ledger.frames import Values, by_first, frame, plain
from tests.ledger.pipelines.landed_by_hand import HandLanding, Record, lenient_rules
from tests.support import DAY_1, DAY_2, DAY_3

LEDGER, TABLE = "transaction_ledger_raw", transaction_ledger_raw.TABLE
WINDOW = Window.of_day(DAY_2)
START, END = "2026-02-10T15:00:00Z", "2026-02-11T15:00:00Z"
BEFORE_START, BEFORE_END = "2026-02-10T14:59:59.999999Z", "2026-02-11T14:59:59.999999Z"
IN_WINDOW: dict[str, tuple[Values, bool]] = {
    "updated at its start": ({"updated_at": START}, True),
    "extracted at its start": ({"source_extracted_at": START}, True),
    "arrived at its start": ({"ingested_at": START}, True),
    "a microsecond before its end": ({"updated_at": BEFORE_END}, True),
    "at its end": ({"updated_at": END}, False),
    "a microsecond before its start": ({"updated_at": BEFORE_START}, False),
    "one clock of three": ({"updated_at": END, "source_extracted_at": BEFORE_START, "ingested_at": START}, True),
    "no clock at all": ({}, False),
}  # fmt: skip


def test_in_window_asks_every_clock_and_of_a_whole_day_the_landing_day(spark: SparkSession) -> None:
    rows = [{"case": case, **clocks} for case, (clocks, _) in IN_WINDOW.items()]
    rows += [{**row, "case": f"landed: {row['case']}", "ingest_date_kst": DAY_2} for row in rows]
    bronze = frame(spark, user_wallets_raw.TABLE, [{"ingest_date_kst": DAY_1} | row for row in rows])
    minute = Window(WINDOW.start, WINDOW.end - timedelta(minutes=1))
    table = user_wallets_raw.TABLE
    found = by_first(
        bronze.select("case", in_window(table, WINDOW).alias("whole"), in_window(table, minute).alias("part"))
    )
    expected = {case: (hit, hit and "before its end" not in case) for case, (_, hit) in IN_WINDOW.items()}
    assert found == expected | {f"landed: {case}": (True, part) for case, (_, part) in expected.items()}


def test_first_landing_day_is_the_day_before_the_window_starts() -> None:
    assert first_landing_day(WINDOW) == DAY_1
    assert first_landing_day(
        Window(WINDOW.start - timedelta(microseconds=1), WINDOW.end)
    ) == DAY_1 - timedelta(1)


RAW = {
    "nothing kept": (None, False),
    "a record": ('{"a":1}', False),
    "no JSON": ("{", True),
    "an array": ('[{"a":1}]', True),
    "a name twice": ('{"a":1,"a":2}', True),
    "empty": ("", True),
}


def test_is_unparsable_where_the_kept_text_is_no_record(spark: SparkSession) -> None:
    rows = frame(spark, "case string, _raw string", [{"case": c, "_raw": raw} for c, (raw, _) in RAW.items()])
    found = by_first(rows.select("case", is_unparsable().alias("is_unparsable")))
    assert found == {case: expected for case, (_, expected) in RAW.items()}


def test_first_reason_takes_the_first_check_and_null_for_no(spark: SparkSession) -> None:
    cases: dict[str, tuple[Values, str | None]] = {
        "none holds": ({"a": "false", "b": "false"}, None),
        "both hold": ({"a": "true", "b": "true"}, "a"),
        "the second holds": ({"a": "false", "b": "true"}, "b"),
        "unknown is no": ({"b": "true"}, "b"),
        "all unknown": ({}, None),
        "no record": ({"a": "true", "_raw": "x"}, "unparsable_record"),
    }
    rows = frame(
        spark,
        "case string, a boolean, b boolean, _raw string",
        [{"case": case, **values} for case, (values, _) in cases.items()],
    )
    reason = first_reason(("a", F.col("a")), ("b", F.col("b"))).alias("reason")
    assert by_first(rows.select("case", reason)) == {case: expected for case, (_, expected) in cases.items()}


def test_record_json_is_the_whole_row_with_lost_values_as_they_were_written(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    """A null without a text is left out; of what is no record the text alone is known."""
    lost = '{"product_id": 1e3, "price_krw":"1.005", "is_display": "yes", "category":null, "new": 7}'
    clean = {
        "product_id": 1, "product_name": '한 "x"', "price_krw": "1.5", "stock_quantity": -2, "is_display": "true",
        "ingested_at": "2026-02-10T01:00:00Z", "ingest_date_kst": "2026-02-10", "new": "7",
    }  # fmt: skip
    rows: list[Values] = [
        {"_reason": "clean", **clean},
        {"_reason": "lost", "_raw": lost},
        {"_reason": "unparsable_record", "_raw": '{"product_id": 5'},
    ]
    bronze = frame(spark, products_raw.TABLE, rows, new=None)
    found = by_first(bronze.select("_reason", record_json(lakehouse, bronze.drop("_reason")).alias("text")))
    assert {reason: json.loads(text) for reason, text in found.items()} == {
        "clean": {
            "product_id": "1", "product_name": '한 "x"', "price_krw": "1.50",
            "stock_quantity": "-2", "is_display": "true", "ingested_at": "2026-02-10T01:00:00.000000Z",
            "ingest_date_kst": "2026-02-10", "new": "7",
        },
        "lost": {
            "product_id": "1e3", "price_krw": "1.005", "is_display": "yes", "_raw": lost,
        },
        "unparsable_record": {"_raw": '{"product_id": 5'},
    }  # fmt: skip


@pytest.fixture
def landing(lakehouse: Lakehouse, tmp_path: Path) -> HandLanding:
    """Bronze without rows."""
    return HandLanding(lakehouse, lenient_rules(tmp_path)).create(only_bronze=True)


def entry(tx: str, at: object = f"{DAY_2}T01:00:00Z", **more: object) -> Record:
    return {"tx_id": tx, "wallet_id": "u", "type": "CHARGE", "amount": "1.00", "created_at": at} | more


def test_a_row_belongs_to_its_landing_day_whatever_its_clocks_say(landing: HandLanding) -> None:
    """Only to a whole day's window; what one window reads the others call elsewhere, and the dead are read apart."""
    clocks = ("ingested_at", "source_extracted_at")
    old, ahead = dict.fromkeys(clocks, "1970-01-01T00:00:00Z"), dict.fromkeys(clocks, f"{DAY_3}T01:00:00Z")
    landing.put("a", LEDGER, DAY_2, entry("dead"), entry("1970", "1970-01-01T00:00:00Z", **old))
    landing.put(
        "a",
        LEDGER,
        DAY_2,
        entry("1970", "1970-01-01T00:00:00Z", **old),
        entry("tomorrow", f"{DAY_3}T01:00:00Z", **ahead),
        entry("none", None, **dict.fromkeys(clocks)),
        entry("today"),
    )
    landing.put("a", LEDGER, DAY_1, entry("yesterday", f"{DAY_1}T01:00:00Z"))
    landed = landing_of(landing.run("r"), WINDOW)
    half = Window(WINDOW.start, WINDOW.end - timedelta(minutes=1))
    next_day = Window.of_day(DAY_3)
    read = {
        "window": read_window(landed, TABLE, WINDOW),
        "half": read_window(landed, TABLE, half),
        "next day": read_window(landing_of(landing.run("r"), next_day), TABLE, next_day),
        "elsewhere": read_elsewhere(landed, TABLE, WINDOW),
        "dead": read_dead(landed, TABLE, WINDOW),
    }
    assert {name: [tx for (tx,) in plain(rows, "tx_id")] for name, rows in read.items()} == {
        "window": ["1970", "none", "today", "tomorrow"],
        "half": ["today"],
        "next day": ["tomorrow"],
        "elsewhere": ["yesterday"],
        "dead": ["1970", "dead"],
    }

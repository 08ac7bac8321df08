"""Which Bronze rows count: those of the landing files' live versions (spec sections 2 and 4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ledger.bronze import orders_raw, transaction_ledger_raw
from ledger.bronze.landing_file import LandingEvent, Status
from ledger.delta.lakehouse import Lakehouse
from ledger.silver.live_rows import Landed
from tests.ledger.frames import frame, plain
from tests.ledger.pipelines.landed_by_hand import HandLanding, Record, lenient_rules
from tests.support import DAY_1, DAY_2

LEDGER, TABLE = "transaction_ledger_raw", transaction_ledger_raw.TABLE
BRONZE = "row string, _source_file string, _file_sha256 string"
A, B, C, D = (f"transaction_ledger/date={DAY_2}/{name}.jsonl" for name in "abcd")


def landed(lakehouse: Lakehouse, *said: tuple[Status, str, str]) -> Landed:
    """A landing that has said these things of (path, content), in this order."""
    start = datetime(2026, 2, 11, tzinfo=UTC)
    events = [
        LandingEvent(path, sha256, DAY_2, status, "run", start + timedelta(seconds=n))
        for n, (status, path, sha256) in enumerate(said)
    ]
    return Landed(lakehouse, DAY_1, tuple(events))


def test_live_and_dead_share_the_rows_by_the_newest_word_on_each_path(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    """A row without a file came some other way and counts; a version that nobody announced does not."""
    found = landed(
        lakehouse,
        ("loaded", A, "1"), ("superseded", A, "1"), ("loaded", A, "2"),
        ("loaded", B, "1"), ("withdrawn", B, "1"),
        ("loaded", D, "1"), ("superseded", D, "1"), ("loaded", D, "2"), ("superseded", D, "2"), ("loaded", D, "1"),
        ("loaded", C, "1"), ("failed", C, "2"), ("skipped", C, "3"),
    )  # fmt: skip
    count = {
        "live": (A, "2"),
        "live again": (D, "1"),
        "live beside a failed one": (C, "1"),
        "by hand": (None, None),
    }
    not_count = {
        "superseded": (A, "1"), "superseded twice": (D, "2"), "withdrawn": (B, "1"), "of a failed load": (C, "2"),
        "never announced": (A, "3"), "content of another path": (B, "2"),
    }  # fmt: skip
    rows = frame(
        spark,
        BRONZE,
        [
            {"row": row, "_source_file": path, "_file_sha256": sha256}
            for row, (path, sha256) in {**count, **not_count}.items()
        ],
    )
    assert found.live(rows).columns == found.dead(rows).columns == rows.columns
    assert [row for row, *_ in plain(found.live(rows))] == sorted(count)
    assert [row for row, *_ in plain(found.dead(rows))] == sorted(not_count)
    external = Landed(lakehouse, DAY_1, None)
    assert len(plain(external.live(rows))) == len(count) + len(not_count)
    assert plain(external.dead(rows)) == []


def test_has_dead_only_of_a_table_with_a_version_that_counted_once(lakehouse: Lakehouse) -> None:
    ledger, orders = [TABLE], [orders_raw.TABLE]
    once = landed(lakehouse, ("loaded", A, "1"), ("failed", B, "1"))
    assert not once.has_dead(ledger)
    twice = landed(lakehouse, ("loaded", A, "1"), ("superseded", A, "1"), ("loaded", A, "2"))
    assert twice.has_dead(ledger)
    assert twice.has_dead([*orders, *ledger])
    assert not twice.has_dead(orders)
    assert not Landed(lakehouse, DAY_1, None).has_dead(ledger)


@pytest.fixture
def landing(lakehouse: Lakehouse, tmp_path: Path) -> HandLanding:
    """Bronze without rows."""
    return HandLanding(lakehouse, lenient_rules(tmp_path)).create(only_bronze=True)


def entry(tx: str) -> Record:
    return {"tx_id": tx, "wallet_id": "u", "type": "CHARGE", "amount": "1.00"}


def test_all_live_is_known_from_the_number_of_rows(landing: HandLanding) -> None:
    """The answer that spares a join over the whole lookback; it never says so of a table that has others."""

    def is_known() -> bool:
        return Landed.read(landing.lakehouse, DAY_1).all_live(TABLE)

    assert is_known()
    landing.put("a", LEDGER, DAY_2, entry("a"))
    assert is_known()
    landing.put("b", LEDGER, DAY_2, entry("b"), says=False)
    assert not is_known()
    landing.put("b", LEDGER, DAY_2, entry("b"))
    assert is_known()
    landing.put("b", LEDGER, DAY_2, entry("c"))
    assert not is_known()
    assert Landed(landing.lakehouse, DAY_1, None).all_live(TABLE)

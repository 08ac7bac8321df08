"""Which Bronze rows A and Silver read: those that count, each in its landing day's window (spec sections 2 and 4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.bronze import transaction_ledger_raw
from ledger.delta.lakehouse import Lakehouse
from ledger.pipelines.guardrail_inputs import Measured, measure
from ledger.pipelines.silver_candidates import landing_of
from ledger.silver.live_rows import Landed
from ledger.silver.window_rows import read_dead, read_elsewhere, read_window
from ledger.window import Window
from tests.ledger.pipelines.landed_by_hand import HandLanding, Record, lenient_rules
from tests.support import DAY_1, DAY_2, DAY_3

LEDGER, TABLE = "transaction_ledger_raw", transaction_ledger_raw.TABLE
WINDOW = Window.of_day(DAY_2)


@pytest.fixture
def landing(lakehouse: Lakehouse, tmp_path: Path) -> HandLanding:
    """Bronze without rows."""
    return HandLanding(lakehouse, lenient_rules(tmp_path)).create(only_bronze=True)


def entry(tx: str, at: object = f"{DAY_2}T01:00:00Z", **more: object) -> Record:
    return {"tx_id": tx, "wallet_id": "u", "type": "CHARGE", "amount": "1.00", "created_at": at} | more


def names(rows: Iterable[object]) -> list[str]:
    return sorted(row["tx_id"] for row in rows)  # type: ignore[index]


def test_rows_count_whose_version_the_landing_says_is_live(landing: HandLanding) -> None:
    """Not those of a superseded, withdrawn or never announced version; one without a file came some other way."""
    landing.put("a", LEDGER, DAY_2, entry("superseded"), entry("said-again"))
    landing.put("a", LEDGER, DAY_2, entry("corrected"), entry("said-again"))
    landing.put("b", LEDGER, DAY_2, entry("withdrawn"))
    landing.withdraw("b", LEDGER, DAY_2)
    landing.put("c", LEDGER, DAY_2, entry("of-a-load-that-died"), says=False)
    landing.put("d", LEDGER, DAY_3, entry("of-another-landing-day"))
    by_hand = entry("by-hand", ingest_date_kst=DAY_2)
    landing.lakehouse.append(TABLE, landing.lakehouse.rows(TABLE, [by_hand]), expected=1)
    landed = landing_of(landing.run("r"), WINDOW)
    live = ["by-hand", "corrected", "of-another-landing-day", "said-again"]
    assert names(read_window(landed, TABLE, WINDOW).collect()) == live
    dead = ["of-a-load-that-died", "said-again", "superseded", "withdrawn"]
    assert names(read_dead(landed, TABLE, WINDOW).collect()) == dead
    external = landing_of(replace(landing.run("r"), ingest="external"), WINDOW)
    assert names(read_window(external, TABLE, WINDOW).collect()) == sorted([*live, *dead])
    assert read_dead(external, TABLE, WINDOW).collect() == []


def test_a_row_belongs_to_its_landing_day_whatever_its_clocks_say(landing: HandLanding) -> None:
    """Only to a whole day's window; and what one window reads the others call elsewhere."""
    clocks = ("ingested_at", "source_extracted_at")
    old, ahead = dict.fromkeys(clocks, "1970-01-01T00:00:00Z"), dict.fromkeys(clocks, f"{DAY_3}T01:00:00Z")
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
    assert names(read_window(landed, TABLE, WINDOW).collect()) == ["1970", "none", "today", "tomorrow"]
    assert names(read_elsewhere(landed, TABLE, WINDOW).collect()) == ["yesterday"]
    half = Window(WINDOW.start, WINDOW.end - timedelta(minutes=1))
    assert names(read_window(landed, TABLE, half).collect()) == ["today"]
    next_day = Window.of_day(DAY_3)
    assert names(read_window(landing_of(landing.run("r"), next_day), TABLE, next_day).collect()) == [
        "tomorrow"
    ]


def test_guardrail_measures_the_rows_that_count(landing: HandLanding) -> None:
    """A superseded version's rows are no events, no duplicates, no bad rows and no arrival."""
    at = {"ingested_at": f"{DAY_2}T02:00:00Z", "source_extracted_at": f"{DAY_2}T02:00:00Z"}
    newer = dict.fromkeys(at, f"{DAY_2}T14:00:00Z")
    landing.put("a", LEDGER, DAY_2, entry("x", **at))
    assert _measured(landing) == _expected(event_count=1)
    landing.put("b", LEDGER, DAY_2, entry("x", amount=None, **newer))
    assert _measured(landing).event_count == 2
    landing.put("b", LEDGER, DAY_2, entry("y", **at))
    assert _measured(landing) == _expected(event_count=2)


def _expected(*, event_count: int) -> Measured:
    freshness = WINDOW.end - datetime(DAY_2.year, DAY_2.month, DAY_2.day, 2, tzinfo=UTC)
    return Measured(event_count, 0, 0, int(freshness.total_seconds()), 0)  # type: ignore[arg-type]


def _measured(landing: HandLanding) -> Measured:
    run = landing.run("r")
    landed = landing_of(run, WINDOW, run.lookback_days)
    return measure(run, WINDOW, landed, zero_windows_before={})[0]


def test_that_all_rows_count_is_known_from_their_number(landing: HandLanding) -> None:
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

"""``ledgerctl`` about a day's money: the tables' word, in every command the same, and its exit code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ledger.window import kst_day
from orchestration.cli.days import _asked
from tests.support import DAY_1, DAY_2, Home, Template, entered, ledgerctl

ADDS_UP = "the money adds up"


def test_verdicts_of_days_with_a_hole(day_1: Template) -> None:
    """A line per day, oldest first; a day that nobody ran is a hole; exit 3 because not all of them add up."""
    before = DAY_1 - timedelta(days=1)
    with entered(day_1.home):
        done = ledgerctl("verdicts", "--from", before, "--to", DAY_1)
        found = ledgerctl("verdicts", "--from", before, "--to", DAY_1, "--json")
        one = ledgerctl("verdict", DAY_1)
    assert (done.code, found.code, one.code) == (3, 3, 3)
    header, hole, day, tally = done.out.splitlines()
    assert header.split() == [
        *("date_kst", "verdict", "diff_amount", "drifting_users", "critical", "warn"),
        *("quarantined", "restated", "run_id"),
    ]
    assert hole.split() == [str(before), "not_controlled", *["0"] * 5]
    assert day.split()[:4] == [str(DAY_1), "does_not_add_up", "-110.00", "1"]
    assert tally == "2 days: 1 not_controlled, 1 does_not_add_up"
    first, second = found.json
    assert (first["diff_amount"], first["adds_up"], first["run_id"], first["due"]) == (None, False, None, [])
    assert (second["diff_amount"], second["quarantined"], second["run_id"]) == ("-110.00", 2, "r1")
    assert datetime.fromisoformat(second["ended_at"]).tzinfo == UTC
    assert second["ended_at"].endswith("Z")
    assert one.out.splitlines()[:2] == [header, day]
    assert f"{DAY_1} (KST): THE MONEY DOES NOT ADD UP" in one.out
    assert "u-drift: balance moved 10.00, ledger says 0.00, drift 10.00" in one.out
    assert "silver.ledger_entries invalid_amount" in one.out


def test_the_default_is_the_month_of_yesterday() -> None:
    """Today cannot be done yet; on the first of a month the month that has just ended is asked about."""
    day = DAY_1.replace(day=1)
    assert _asked(None, None, today=DAY_1) == [day + timedelta(days=n) for n in range(9)]
    assert _asked(None, None, today=day)[0] == day.replace(month=1)
    assert _asked(DAY_1, None, today=DAY_1) == [DAY_1]
    assert _asked(None, DAY_1, today=DAY_2)[0] == day


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (("verdict", "2026-2-1"), "parameter day"),
        (("verdict", kst_day(datetime.now(UTC)) + timedelta(days=1)), "has not begun"),
        (("verdicts", "--from", DAY_2, "--to", DAY_1), "is before from"),
        (("verdicts", "--from", "1999-01-01"), "are more than"),
        (("verdicts", "--to", "2999-01-01"), "has not begun"),
    ],
)
def test_days_that_cannot_be_judged_are_refused(
    home: Home, no_spark: object, command: tuple[object, ...], named: str
) -> None:
    done = ledgerctl(*command)
    assert (done.code, named in done.err) == (2, True), done.err


def test_a_failed_rerun_never_says_that_the_money_adds_up(days_1_2: Template, home: Home) -> None:
    """Day 2 adds up but for day 1's planted supply; above the bad rate its rerun fails, and the day is called so."""
    home.copy_from(days_1_2.home)
    broken = [{"tx_id": f"b{n}", "wallet_id": "u", "type": "GIFT", "amount": 1} for n in range(9)]
    home.land("transaction_ledger", DAY_2, *broken, file="broken")
    done = ledgerctl("day", DAY_2, "--run-id", "r3", "--strict")
    assert done.code == 1, "a failed pipeline comes before an unhappy verdict"
    assert f"{DAY_2} (KST): FAILED: pipeline_silver, figures of the run before (r2, " in done.out
    assert ADDS_UP not in done.out
    assert f"next: ledgerctl quarantine --date {DAY_2} --run-id r3" in done.err
    asked = ledgerctl("quarantine", "--date", DAY_2, "--run-id", "r3")
    assert "invalid_entry_type  9         0" in asked.out
    assert "type='GIFT'" in asked.out
    assert f"transaction_ledger/date={DAY_2}/broken.jsonl" in asked.out


def test_a_wallet_s_name_says_nothing_about_the_money(home: Home) -> None:
    """Values are data: a name with line breaks and terminal escapes is shown escaped, in one line."""
    name = f"u1\n{DAY_1} (KST): {ADDS_UP}\x1b[8m"
    at = {"source_extracted_at": f"{DAY_1}T01:00:00Z"}
    later = {"source_extracted_at": f"{DAY_1}T05:00:00Z"}
    wallet = {"user_id": name, "frozen_amount": "0"}
    home.land("user_wallets", DAY_1, {**wallet, "balance": "1", **at}, {**wallet, "balance": "5", **later})
    entry = {
        "tx_id": "t",
        "wallet_id": "u2",
        "type": "CHARGE",
        "amount": "1",
        "created_at": f"{DAY_1}T02:00:00Z",
    }
    home.land("transaction_ledger", DAY_1, entry)
    done = ledgerctl("day", DAY_1, "--strict")
    assert done.code == 3, done.err
    assert not [line for line in done.out.splitlines() if line.startswith(str(DAY_1)) and ADDS_UP in line]
    assert rf"u1\n{DAY_1} (KST): {ADDS_UP}\x1b[8m: balance moved 4.00" in done.out
    assert "\x1b" not in done.out + done.err
    shown = ledgerctl("show", "silver.wallet_snapshot", "--columns", "user_id,balance_total")
    assert len(shown.out.splitlines()) == 4
    exact = ledgerctl("show", "silver.wallet_snapshot", "--where", f"user_id={name}", "--json")
    assert [row["user_id"] for row in exact.json] == [name, name]


def test_the_runs_of_a_day_newest_last(day_1: Template) -> None:
    with entered(day_1.home):
        done = ledgerctl("runs", "--date", DAY_1, "--json")
        cut = ledgerctl("runs", "--limit", 1)
    assert [row["pipeline_name"] for row in done.json] == [
        *("pipeline_a", "pipeline_silver", "pipeline_b", "pipeline_c")
    ]
    assert {row["status"] for row in done.json} == {"success"}
    assert all(isinstance(row["seconds"], int) and row["started_at"].endswith("Z") for row in done.json)
    assert "pipeline_c" in cut.out.splitlines()[1]
    assert cut.out.splitlines()[-1].startswith("1 of 4 rows")

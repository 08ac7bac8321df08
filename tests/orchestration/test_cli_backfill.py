"""``ledgerctl backfill``: every day its own verdict, and a failed day does not lose the others (spec section 3)."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from tests.support import DAY_1, DAY_2, DAY_3, Home, Template, difference, ledgerctl

LOG = "gold.pipeline_run_log"
# All thirty with LEDGER_TEST_EXHAUSTIVE=1: they take minutes, and the eighth day differs in nothing from the seventh.
DAYS = 30 if os.environ.get("LEDGER_TEST_EXHAUSTIVE") else 3


def attempts(home: Home) -> dict[tuple[str, str], str]:
    """(pipeline, day) to the status of the newest attempt."""
    rows = sorted(home.rows(LOG), key=lambda row: (row["ended_at"], row["started_at"]))
    return {(row["pipeline_name"], str(row["date_kst"])): row["status"] for row in rows}


def test_a_failed_day_does_not_lose_the_others(home: Home, day_1: Template) -> None:
    """INV-36: the day with an unreadable file fails, says why, and exits 1; the days after it are done."""
    home.copy_from(day_1.home, "landing")
    broken = home.landing / "orders" / f"date={DAY_2}" / "broken.parquet"
    broken.write_bytes(b"no parquet")
    os.utime(broken, (0, 0))  # a young one would still be being written
    done = ledgerctl("backfill", "--from", DAY_1, "--to", DAY_3, "--json")
    assert done.code == 1
    assert f"failed: {DAY_2}; the other days are done" in done.err
    days = {entry["date_kst"]: entry for entry in done.json["days"]}
    assert [days[str(d)]["success"] for d in (DAY_1, DAY_2, DAY_3)] == [True, False, True]
    judged = [days[str(d)]["verdict"]["verdict"] for d in (DAY_1, DAY_2, DAY_3)]
    assert judged == ["does_not_add_up", "not_controlled", "does_not_add_up"]
    assert days[str(DAY_2)]["failed_job"] == "pipeline_a_guardrail"
    assert "broken.parquet" in days[str(DAY_2)]["reason"]
    assert [run["job"] for run in days[str(DAY_1)]["runs"]] == [
        *("pipeline_a_guardrail", "pipeline_silver_materialization"),
        *("pipeline_b_controls", "pipeline_c_analytics"),
    ]
    broken.unlink()
    again = ledgerctl("backfill", "--from", DAY_2, "--to", DAY_2)
    assert again.code == 0, again.err
    assert "1 days: 1 done, 0 failed" in again.out
    assert again.out.splitlines()[-2].split()[:3] == [str(DAY_2), "does_not_add_up", "-110.00"]
    assert set(attempts(home).values()) == {"success"}


def test_a_given_job_only(after_day_1: Home) -> None:
    """INV-36: in the pipelines' order, whatever the order of the options."""
    jobs = ("--job", "pipeline_b_controls", "--job", "pipeline_silver_materialization")
    done = ledgerctl("backfill", "--from", DAY_2, "--to", DAY_2, *jobs, "--params", "run_id=r2")
    assert done.code == 0, done.err
    made = [(r["pipeline_name"], r["run_id"]) for r in after_day_1.rows(LOG) if r["date_kst"] == DAY_2]
    assert sorted(made) == [("pipeline_b", "r2"), ("pipeline_silver", "r2")]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--from", DAY_2, "--to", DAY_1), "parameter to: 2026-02-10 is before from 2026-02-11"),
        (("--from", DAY_1, "--to", "2026-2-11"), "parameter to: '2026-2-11' is not a day"),
        (("--from", DAY_1, "--to", "9999-01-01"), "1900-01-01"),
        (("--from", DAY_1, "--to", date(2999, 1, 1) - timedelta(days=0)), "are more than"),
        (("--from", "2024-12-31", "--to", DAY_1), "partitions.start_date"),
        (("--from", DAY_1, "--to", DAY_1, "--job", "bronze_ingest"), "has no daily runs"),
        (("--from", DAY_1, "--to", DAY_1, "--params", "run_id=a b"), "parameter run_id"),
        (("--from", DAY_1, "--to", DAY_1, "--params", "seed=1"), "parameter seed"),
    ],
)
def test_bad_usage_is_refused_before_anything_runs(
    home: Home, no_spark: Callable[[], int], options: tuple[object, ...], said: str
) -> None:
    """INV-28, INV-36"""
    done = ledgerctl("backfill", *options)
    assert (done.code, no_spark()) == (2, 0), done.err
    assert said in done.err
    assert not home.tables()


def test_many_days_in_one_go(home: Home) -> None:
    """INV-36, INV-14: and they end as the same days run one by one by another command, in another order."""
    assert ledgerctl("mock", "--from", DAY_1, "--days", DAYS, "--users", 4, "--entries", 12).code == 0
    last = DAY_1 + timedelta(days=DAYS - 1)
    done = ledgerctl("backfill", "--from", DAY_1, "--to", last, "--json", "--params", "run_id=all")
    assert done.code == 0, done.err
    assert len(done.json["days"]) == DAYS
    supply = home.rows("gold.ledger_supply_balance_daily")
    assert len(supply) == DAYS
    assert all(row["is_ok"] for row in supply)
    state = {row["pipeline_name"]: row["last_processed_end"] for row in home.rows("gold.pipeline_state")}
    assert len(set(state.values())) == 1
    assert ledgerctl("state", "--json").json["due_for_restatement"] == []


def test_days_backwards_converge(home: Home, days_1_2: Template) -> None:
    """INV-14, INV-36: a range in any order; what is due after it is said, and a second pass over it settles."""
    home.copy_from(days_1_2.home, "landing")
    for day, run_id in ((DAY_2, "r2"), (DAY_1, "r1"), (DAY_2, "r2")):
        done = ledgerctl("backfill", "--from", day, "--to", day, "--params", f"run_id={run_id}")
        assert done.code == 0, done.err
    gold = [t for t in days_1_2.home.tables() if t.startswith("gold.") and t.endswith("_daily")]
    expected, actual = (h.content(*gold, without=["run_id"]) for h in (days_1_2.home, home))
    assert difference(expected, actual) == ""

"""Silver and the controls side by side: at every commit of a Silver run with late data B and C run, too (spec section 7).

The run is paused there, or dies there. In every case the control is refused, or its day is due afterwards; and once what
is due has run again, the tables are those of an undisturbed run.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import pytest
from pyspark.sql import SparkSession

from configs.settings import ROOT
from ledger.delta.lakehouse import Lakehouse
from ledger.due import days_due
from ledger.errors import LedgerError, ReadinessError
from ledger.pipelines.analytics import run_analytics
from ledger.pipelines.attempt import Run
from ledger.pipelines.catalog import bootstrap, sync_rules
from ledger.pipelines.controls import finalize_success
from ledger.pipelines.recon import run_recon
from ledger.pipelines.registry import PipelineName
from ledger.pipelines.silver import run_silver
from ledger.pipelines.supply_ops import run_supply_ops
from ledger.window import Window
from operations.verdicts import DayVerdict, day_verdicts
from tests.boundaries import boundaries
from tests.support import ATTEMPT_TABLES, Home, difference

FIRST, SECOND = date(2026, 2, 10), date(2026, 2, 11)
DAYS = (FIRST, SECOND)
T = TypeVar("T")
EXHAUSTIVE = bool(os.environ.get("LEDGER_TEST_EXHAUSTIVE"))
SEED = ROOT / "mock_data" / "fixtures" / "dim_rule_scd2.json"


class Died(BaseException):
    """The process is gone: nothing of it runs any more, nothing is recorded."""


class Ledger:
    """The pipelines on one warehouse, without an orchestrator."""

    def __init__(self, spark: SparkSession, home: Home) -> None:
        self.home = home
        self.lakehouse = Lakehouse(spark, warehouse=str(home.warehouse))

    def run(self, run_id: str) -> Run:
        return Run(
            lakehouse=self.lakehouse,
            run_id=run_id,
            clock=lambda: datetime.now(UTC),
            started_at=datetime.now(UTC),
            lookback_days=35,
            landing=str(self.home.landing),
            ingest="landing",
            rule_load_mode="strict",
            seed_path=str(SEED),
        )

    def silver(self, day: date, run_id: str = "s") -> None:
        run_silver(self.run(run_id), Window.of_day(day))

    def b(self, day: date, run_id: str = "b") -> None:
        run, window = self.run(run_id), Window.of_day(day)
        run_recon(run, window)
        run_supply_ops(run, window)
        finalize_success(run, window)

    def c(self, day: date, run_id: str = "c") -> None:
        run_analytics(self.run(run_id), Window.of_day(day), salt=lambda: "salt-of-this-test")

    def of(self, pipeline: PipelineName) -> Callable[[date], None]:
        return {"pipeline_silver": self.silver, "pipeline_b": self.b, "pipeline_c": self.c}[pipeline]

    def settle(self) -> None:
        """Run what is due, in its order, until nothing is; a day whose newest run failed is run again as well."""
        for _ in range(4):
            due = [(v.failed_pipeline, v.date_kst) for v in self.verdicts() if v.failed_pipeline]
            due += [(pipeline, day) for pipeline, days in days_due(self.lakehouse).items() for day in days]
            if not due:
                return
            for pipeline, day in dict.fromkeys(due):
                self.of(pipeline)(day)
        raise AssertionError(f"still due: {days_due(self.lakehouse)}")

    def verdicts(self) -> list[DayVerdict]:
        return day_verdicts(self.lakehouse, DAYS)

    def content(self) -> dict[str, Counter[str]]:
        tables = [t for t in self.home.tables() if t not in ATTEMPT_TABLES]
        return self.home.content(*tables, without=("run_id", "last_run_id"))


def wallet(user: str, day: date, hour: int, balance: int) -> dict[str, object]:
    at = f"{day}T{hour:02}:00:00Z"
    return {
        "user_id": user,
        "balance": str(balance),
        "frozen_amount": "0",
        "updated_at": at,
        "source_extracted_at": at,
    }


def entry(tx: str, user: str, day: date, hour: int, amount: int) -> dict[str, object]:
    return {
        "tx_id": tx,
        "wallet_id": user,
        "type": "CHARGE",
        "amount": str(amount),
        "related_id": f"p-{tx}",
        "created_at": f"{day}T{hour:02}:30:00Z",
    }


def payment(tx: str, user: str, day: date) -> dict[str, object]:
    at = f"{day}T04:00:00Z"
    return {
        "order_id": f"p-{tx}",
        "user_id": user,
        "merchant_name": "m",
        "amount": "1",
        "status": "PAID",
        "created_at": at,
    }


def land(home: Home) -> None:
    """Two days of two wallets that add up."""
    for n, day in enumerate(DAYS):
        home.land(
            "user_wallets",
            day,
            *[wallet(u, day, h, 100 * (n + h // 9)) for u in ("u1", "u2") for h in (1, 9)],
        )
        home.land("transaction_ledger", day, *[entry(f"t{n}-{u}", u, day, 2, 100) for u in ("u1", "u2")])
        home.land("payment_orders", day, payment(f"t{n}-u1", "u1", day))


def land_late(home: Home) -> None:
    """Late rows of the first day: an entry, a snapshot that knows it, an order, and a row to quarantine."""
    home.land("transaction_ledger", FIRST, entry("late", "u1", FIRST, 3, 7), file="late")
    home.land("user_wallets", FIRST, wallet("u1", FIRST, 10, 107), file="late")
    home.land(
        "payment_orders", FIRST, payment("late", "u1", FIRST), {"order_id": "bad", "amount": "x"}, file="late"
    )


@pytest.fixture(scope="module")
def template(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Both days controlled, the late files landed and not loaded yet."""
    home = Home(tmp_path_factory.mktemp("overlap"))
    land(home)
    ledger = Ledger(spark, home)
    bootstrap(ledger.lakehouse)
    sync_rules(ledger.lakehouse, SEED, now=datetime.now(UTC))
    for day in DAYS:
        for pipeline in (ledger.silver, ledger.b, ledger.c):
            pipeline(day)
    assert [verdict.verdict for verdict in ledger.verdicts()] == ["adds_up", "adds_up"]
    land_late(home)
    return home


@pytest.fixture(scope="module")
def undisturbed(spark: SparkSession, template: Home, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """The late data taken in without anybody beside it."""
    ledger = Ledger(spark, Home(tmp_path_factory.mktemp("undisturbed")).copy_from(template))
    ledger.silver(FIRST)
    assert days_due(ledger.lakehouse) == {
        "pipeline_silver": [],
        "pipeline_b": [*DAYS],
        "pipeline_c": [FIRST],
    }
    ledger.settle()
    return ledger


@pytest.fixture(scope="module")
def walked(spark: SparkSession, template: Home, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The boundaries of the Silver run."""
    home = Home(tmp_path_factory.mktemp("walked")).copy_from(template)
    passed: list[str] = []
    with boundaries(passed.append):
        Ledger(spark, home).silver(FIRST)
    return passed


def attempt(control: Callable[[date], None], day: date) -> bool:
    """Whether the control was let in."""
    try:
        control(day)
    except ReadinessError:
        return False
    return True


def places(total: int) -> Iterator[tuple[int, str]]:
    """(boundary, what happens there): by default behind every commit one of the two, in turn; or both at every boundary."""
    for boundary in range(total):
        modes = ("paused", "killed")
        if EXHAUSTIVE:
            yield from ((boundary, mode) for mode in modes)
        elif boundary % 2:
            yield boundary, modes[boundary // 2 % 2]


def test_a_control_beside_silver_is_refused_or_due(
    spark: SparkSession, template: Home, undisturbed: Ledger, walked: list[str], tmp_path: Path
) -> None:
    """INV-55"""
    expected = undisturbed.content()
    refused = 0
    for boundary, mode in places(len(walked)):
        where = f"{mode} at {walked[boundary]} ({boundary})"
        ledger = Ledger(spark, Home(tmp_path / f"{boundary}-{mode}").copy_from(template))
        let_in = disturb(ledger, boundary, mode)
        refused += not all(let_in.values())
        if mode == "killed":
            assert not [
                v for v in ledger.verdicts() if v.adds_up and walked[boundary].startswith("after silver.l")
            ], where
            ledger.silver(FIRST)
        due = days_due(ledger.lakehouse)
        failed = {v.date_kst for v in ledger.verdicts() if v.failed_pipeline == "pipeline_b"}
        stale = [day for day in DAYS if let_in[day] and day not in due["pipeline_b"]]
        assert not stale or standing(ledger, undisturbed, stale), f"{where}: {stale} not due"
        assert failed == {day for day in DAYS if not let_in[day]}, where
        ledger.settle()
        assert difference(expected, ledger.content()) == "", where
        assert [v.verdict for v in ledger.verdicts()] == [v.verdict for v in undisturbed.verdicts()], where
    assert refused, "somewhere between the first merge and the last the controls must be refused"


def disturb(ledger: Ledger, boundary: int, mode: str) -> dict[date, bool]:
    """Run Silver, and at the boundary B (of both days) and C; whether B was let in."""
    let_in: dict[date, bool] = {}
    passed, inside = 0, False

    def reached(_: str) -> None:
        nonlocal passed, inside
        if inside:
            return
        if let_in and mode == "killed":
            raise Died
        if passed == boundary:
            inside = True
            if mode == "killed":
                let_in[FIRST] = False  # so that every other thread of the run dies as well
            else:
                let_in.update(elsewhere(lambda: controls(ledger)))
            inside = False
            if mode == "killed":
                raise Died
        passed += 1

    with boundaries(reached), contextlib.suppress(Died):
        ledger.silver(FIRST)
    return controls(ledger) if mode == "killed" else let_in


def elsewhere(work: Callable[[], T]) -> T:
    """In another thread, as the one that is paused has its own views in the engine's session."""
    with ThreadPoolExecutor(1) as other:
        return other.submit(work).result()


def controls(ledger: Ledger) -> dict[date, bool]:
    attempt(ledger.c, FIRST)
    return {day: attempt(ledger.b, day) for day in DAYS}


def standing(ledger: Ledger, undisturbed: Ledger, days: list[date]) -> bool:
    """Whether B's results of these days are already those of the undisturbed run."""
    table = "gold.ledger_supply_balance_daily"
    mine, theirs = (
        {row["date_kst"]: row["issued_supply"] for row in each.home.rows(table)}
        for each in (ledger, undisturbed)
    )
    return all(mine[day] == theirs[day] for day in days)


def test_an_orphan_that_wakes_up_makes_the_day_due_again(
    spark: SparkSession, template: Home, tmp_path: Path
) -> None:
    """INV-55: its successor has done the day and B has controlled it; then the orphan goes on with its old plan."""
    ledger = Ledger(spark, Home(tmp_path / "home").copy_from(template))
    done = False

    def succeed() -> None:
        ledger.silver(FIRST, "successor")
        for day in DAYS:
            ledger.b(day)

    def reached(what: str) -> None:
        nonlocal done
        if not done and what == "after silver.day_changes":
            done = True
            elsewhere(succeed)

    with boundaries(reached), pytest.raises(LedgerError):
        ledger.silver(FIRST, "orphan")
    assert done
    assert days_due(ledger.lakehouse)["pipeline_b"] == [*DAYS]
    assert not attempt(ledger.b, FIRST), (
        "nobody knows in which order the rows came until Silver has run again"
    )
    ledger.settle()

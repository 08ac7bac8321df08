"""Sources that change: Silver becomes what a fresh warehouse has from the landing as it now is (spec section 2)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ledger.delta.lakehouse import Lakehouse
from tests.ledger.pipelines.landed_by_hand import HandLanding, Record, lenient_rules
from tests.support import DAY_1, DAY_2, DAY_3, Home, difference

DAYS = (DAY_1, DAY_2, DAY_3)
SILVER = (
    "silver.wallet_snapshot",
    "silver.ledger_entries",
    "silver.order_events",
    "silver.order_items",
    "silver.products",
)
LEDGER, PAYMENTS, WALLETS, ITEMS, PRODUCTS = (
    f"{name}_raw"
    for name in ("transaction_ledger", "payment_orders", "user_wallets", "order_items", "products")
)


def entry(tx: str, amount: object = "1.00", day: date | str = DAY_1, **more: Any) -> Record:
    at = f"{day}T02:00:00Z"
    return {"tx_id": tx, "wallet_id": "u", "type": "CHARGE", "amount": amount, "created_at": at} | more


def payment(ref: str, status: str, day: date | str | None = DAY_1, **more: Any) -> Record:
    at = f"{day}T01:00:00Z" if day else None
    return {"order_id": ref, "user_id": "u", "amount": "9.00", "status": status, "created_at": at} | more


def wallet(user: str, balance: object, at: str, **more: Any) -> Record:
    return {"user_id": user, "balance": balance, "frozen_amount": 0, "source_extracted_at": at} | more


def product(product_id: int, price: object) -> Record:
    return {"product_id": product_id, "product_name": "p", "price_krw": price, "category": "c"}


EARLY, LATE = (f"{DAY_2}T0{hour}:00:00Z" for hour in (1, 9))


def as_first_delivered(to: HandLanding) -> None:
    """Every key is called after what will happen to it."""
    to.put(
        "a",
        LEDGER,
        DAY_1,
        entry("unchanged"),
        entry("corrected", "200.00"),
        entry("removed"),
        entry("moves-to-a-file"),
        entry("moves-to-a-day"),
        entry("of-1970", day="1970-01-01"),
        entry("type-changes"),
        entry("repeated-later", "5.00"),
        entry("repeated-earlier", "6.00", DAY_2, source_extracted_at="2026-02-01T00:00:00Z"),
        entry("names-in-window", related_id="status-changes"),
    )
    to.put("b", LEDGER, DAY_1, entry("untouched"))
    to.put("bad", LEDGER, DAY_1, entry("healed", None))
    to.put(
        "c",
        LEDGER,
        DAY_2,
        entry("repeated-later", "7.00"),
        entry("names-status", day=DAY_2, related_id="status-changes"),
        entry("names-gone", day=DAY_2, related_id="removed"),
    )
    to.put("withdrawn", LEDGER, DAY_2, entry("in-withdrawn", day=DAY_2), entry("corrected", "9.00"))
    to.put("d", LEDGER, DAY_3, entry("repeated-earlier", "8.00", DAY_2))
    to.put(
        "a",
        PAYMENTS,
        DAY_1,
        payment("status-changes", "PENDING"),
        payment("removed", "PAID"),
        payment("without-day", "PAID", None),
        payment("day-changes", "PAID"),
    )
    to.put("b", PAYMENTS, DAY_2, payment("withdrawn-state", "PENDING"))
    to.put("c", PAYMENTS, DAY_3, payment("withdrawn-state", "PAID"), payment("only-withdrawn", "PAID"))
    to.put(
        "a",
        WALLETS,
        DAY_2,
        wallet("corrected", 1, EARLY),
        wallet("removed", 2, EARLY),
        wallet("moved-in-time", 3, EARLY),
        wallet("said-twice", 4, EARLY),
        wallet("other-file", 5, EARLY, ingested_at=LATE),
    )
    to.put(
        "b", WALLETS, DAY_3, wallet("other-file", 6, EARLY, ingested_at=EARLY), wallet("said-twice", 4, EARLY)
    )
    for day, price in zip(DAYS, (100, 200, 300), strict=True):
        to.put("all", PRODUCTS, day, product(1, price), product(day.day, price))
    to.put(
        "a", ITEMS, DAY_1, *[{"item_id": n, "order_id": 1, "product_id": 1, "quantity": n} for n in (1, 2)]
    )


def as_corrected(to: HandLanding) -> None:
    to.put(
        "a",
        LEDGER,
        DAY_1,
        entry("unchanged"),
        entry("corrected", "20.00"),
        entry("type-changes", type="WITHDRAW"),
        entry("names-in-window", related_id="status-changes"),
    )
    to.put("new", LEDGER, DAY_1, entry("moves-to-a-file", "2.00"))
    to.put("bad", LEDGER, DAY_1, entry("healed", "10.00"))
    to.put("new", LEDGER, DAY_3, entry("moves-to-a-day", "3.00", DAY_3))
    to.withdraw("withdrawn", LEDGER, DAY_2)
    to.put(
        "a",
        PAYMENTS,
        DAY_1,
        payment("status-changes", "CANCELLED"),
        payment("day-changes", "PAID", DAY_2),
    )
    to.withdraw("c", PAYMENTS, DAY_3)
    to.put(
        "a",
        WALLETS,
        DAY_2,
        wallet("corrected", 10, EARLY),
        wallet("moved-in-time", 3, LATE),
    )
    to.withdraw("all", PRODUCTS, DAY_3)
    to.put("a", ITEMS, DAY_1, {"item_id": 1, "order_id": 1, "product_id": 1, "quantity": 11})


@pytest.fixture(scope="module")
def delivered(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Home, HandLanding]]:
    """The days as first delivered, run in order. Not to be written to."""
    home = Home(tmp_path_factory.mktemp("delivered"))
    with Lakehouse(spark, warehouse=str(home.warehouse)) as lakehouse:
        made = HandLanding(lakehouse, lenient_rules(home.root)).create()
        as_first_delivered(made)
        made.silver(*DAYS)
        yield home, made


@pytest.fixture(scope="module")
def expected(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, delivered: tuple[Home, HandLanding]
) -> Home:
    """A fresh warehouse of what the landing holds after the corrections."""
    home = Home(tmp_path_factory.mktemp("expected"))
    with Lakehouse(spark, warehouse=str(home.warehouse)) as lakehouse:
        fresh = HandLanding(lakehouse, delivered[1].seed).create()
        as_first_delivered(plan := _Plan())
        as_corrected(plan)
        for path, (table, day, records) in plan.live.items():
            fresh.put(path.rsplit("/", 1)[-1].removesuffix(".jsonl"), table, day, *records)
        fresh.silver(*DAYS)
    return home


class _Plan(HandLanding):
    """Live versions, without a warehouse."""

    def __init__(self) -> None:
        self.live = {}

    def put(self, name: str, table: str, day: date, *records: Record, says: bool = True) -> None:
        self.live[self.path(name, table, day)] = (table, day, records)

    def withdraw(self, name: str, table: str, day: date) -> None:
        del self.live[self.path(name, table, day)]


@pytest.fixture
def changed(
    spark: SparkSession, tmp_path: Path, delivered: tuple[Home, HandLanding]
) -> Iterator[HandLanding]:
    """This test's own copy of ``delivered``."""
    home, before = delivered
    shutil.copytree(home.warehouse, tmp_path / "warehouse")
    with Lakehouse(spark, warehouse=str(tmp_path / "warehouse")) as lakehouse:
        yield HandLanding(lakehouse, before.seed, dict(before.live), before.events, before.runs)


def content(home: Home) -> Any:
    return home.content(*SILVER, without=["run_id"])


def test_silver_is_what_a_fresh_warehouse_has_and_back_again(
    changed: HandLanding, expected: Home, delivered: tuple[Home, HandLanding], tmp_path: Path
) -> None:
    """INV-06, INV-14: the due days backwards; then the first versions are live again, and the days run in order.

    The next run of a day finds nothing to change.
    """
    home = Home(tmp_path)
    as_corrected(changed)
    changed.silver(*DAYS[::-1])
    assert not difference(content(expected), content(home))
    as_first_delivered(changed)
    changed.withdraw("new", LEDGER, DAY_1)
    changed.withdraw("new", LEDGER, DAY_3)
    changed.silver(*DAYS)
    assert not difference(content(delivered[0]), content(home))
    before = home.versions(SILVER)
    changed.silver(DAY_1)
    assert home.versions(SILVER) == before

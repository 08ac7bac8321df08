"""Generated landing records through Bronze and Silver's evaluation: every row is accounted for, to the cent."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from configs.settings import ROOT
from ledger.bronze import payment_orders_raw, transaction_ledger_raw, user_wallets_raw
from ledger.bronze.ingest import ingest
from ledger.bronze.landing_file import TABLE as LANDING_FILE
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_evaluated import Evaluated
from ledger.pipelines.silver_evaluation import evaluate_all
from ledger.silver import ledger_entries, order_events, wallet_snapshot
from ledger.tables import BRONZE
from ledger.window import Window
from tests.property import nasty
from tests.property.reference import (
    SIGNS,
    Record,
    ledger_reason,
    money,
    payment_reason,
    text,
    wallet_reason,
)
from tests.support import DAY_1, Home

ROWS, EXAMPLES = 220, 5  # a table and example: some 3000 rows in all
NOW = datetime(2026, 3, 1, tzinfo=UTC)
NUMBER = re.compile(r"~(\d+)~")
Line = dict[str, Any] | str


@dataclass(frozen=True)
class Case:
    """One landing table: its records, its Silver table, and what section 5 says of a record."""

    bronze: Table
    silver: Table
    record: Callable[[nasty.Pools, int], dict[str, Any]]
    reason: Callable[[Record], str | None]

    def lines(self, pools: nasty.Pools) -> list[Line]:
        return [pools.broken() if n % 24 == 0 else self.record(pools, n) for n in range(ROWS)]


LEDGER = Case(transaction_ledger_raw.TABLE, ledger_entries.TABLE, nasty.Pools.ledger, ledger_reason)
WALLETS = Case(user_wallets_raw.TABLE, wallet_snapshot.TABLE, nasty.Pools.wallet, wallet_reason)
PAYMENTS = Case(payment_orders_raw.TABLE, order_events.TABLE, nasty.Pools.payment, payment_reason)
CASES = (LEDGER, WALLETS, PAYMENTS)


@pytest.fixture(scope="module")
def empty(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with the tables that an evaluation reads."""
    warehouse = tmp_path_factory.mktemp("empty")
    with Lakehouse(spark, warehouse=str(warehouse)) as lakehouse:
        for table in (*BRONZE, LANDING_FILE, ledger_entries.TABLE, wallet_snapshot.TABLE, order_events.TABLE):
            lakehouse.create(table)
    return warehouse


# An example costs seconds and its message names the record, so nothing is gained by shrinking it.
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(pools=nasty.pools(), ascii_only=st.booleans())
def test_every_row_is_accounted_for(
    spark: SparkSession, empty: Path, pools: nasty.Pools, ascii_only: bool
) -> None:
    """INV-07, INV-02: valid, collapsed, or quarantined with its reason and its text; money equals Decimal's."""
    lines = {case.bronze.name: case.lines(pools) for case in CASES}
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        shutil.copytree(empty, home.warehouse)
        for case in CASES:
            landed = [
                nasty.line(n, record, ascii_only=ascii_only)
                for n, record in enumerate(lines[case.bronze.name])
            ]
            home.land(case.bronze.name.removesuffix("_raw"), DAY_1, *landed)
        with Lakehouse(spark, warehouse=str(home.warehouse)) as lakehouse:
            tables = [case.bronze for case in CASES]
            ingest(lakehouse, tables, landing=str(home.landing), days=[DAY_1], clock=lambda: NOW, run_id="r")
            evaluated = {e.table.name: e for e in evaluate_all(_run(lakehouse), Window.of_day(DAY_1))}
            for case in CASES:
                bronze = home.rows(case.bronze.full_name)
                assert len(bronze) == ROWS, "a line was lost or doubled on its way into Bronze"
                _check(case, lines[case.bronze.name], evaluated[case.silver.name])


def _run(lakehouse: Lakehouse) -> Run:
    return Run(
        lakehouse=lakehouse,
        run_id="r",
        clock=lambda: NOW,
        started_at=NOW,
        lookback_days=35,
        landing="",
        ingest="external",
        rule_load_mode="fallback",
        seed_path=str(ROOT / "mock_data/fixtures/dim_rule_scd2.json"),
    )


def _check(case: Case, lines: list[Line], found: Evaluated) -> None:
    rejected = found.rejected.collect()
    reasons: dict[int, str] = {}
    for row in rejected:
        (number,) = set(NUMBER.findall(row["record_json"]))
        assert int(number) not in reasons, "a row is quarantined twice"
        reasons[int(number)] = row["reason"]
    assert found.rows_read == len(lines)
    assert found.bad_rows == len(rejected)
    kept: list[Record] = []
    for number, record in enumerate(lines):
        expected = "unparsable_record" if isinstance(record, str) else case.reason(record)
        reason = reasons.get(number)
        if reason == "conflicting_duplicate" and case is LEDGER:
            assert expected is None, record
        else:
            assert reason == expected, (reason, expected, record)
        if reason is None and not isinstance(record, str):
            kept.append(record)
    valid = [row.asDict() for row in found.valid.collect()]
    assert len(valid) == found.valid_rows
    _check_values(case, kept, valid)


def _check_values(case: Case, kept: list[Record], valid: list[dict[str, Any]]) -> None:
    """Each kept record's key has exactly one row, and that row's money is one of its records', to the cent."""
    if case is LEDGER:
        amounts = [
            (text(r["tx_id"]), text(r["wallet_id"]), text(r["type"]), money(r["amount"]), _signed(r))
            for r in kept
        ]
        rows = [(v["tx_id"], v["wallet_id"], v["entry_type"], v["amount"], v["amount_signed"]) for v in valid]
        assert len({row[:2] for row in rows}) == len(rows)
        assert set(rows) == set(amounts), "what stays of a key agrees with every row that collapsed into it"
        return
    if case is WALLETS:
        balances = [(text(r["user_id"]), money(r["balance"]), money(r["frozen_amount"])) for r in kept]
        offered: set[tuple[Any, ...]] = {
            (user, b, f, b + f) for user, b, f in balances if b is not None and f is not None
        }
        seen: list[tuple[Any, ...]] = [
            (v["user_id"], v["balance_available"], v["balance_frozen"], v["balance_total"]) for v in valid
        ]
    else:
        offered = {(text(r["order_id"]), money(r["amount"]), text(r["status"])) for r in kept}
        seen = [(v["order_ref"], v["amount"], v["status"]) for v in valid]
    assert len({row[0] for row in seen}) == len(seen)
    assert {row[0] for row in seen} == {row[0] for row in offered}
    assert set(seen) <= offered


def _signed(record: Record) -> Decimal | None:
    amount = money(record["amount"])
    return None if amount is None else amount * SIGNS[str(text(record["type"]))]

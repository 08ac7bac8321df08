"""Verdicts from plain numbers: thresholds exactly at their boundary, severity by the rule, exact text. No Spark."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from ledger.bronze import payment_orders_raw, transaction_ledger_raw, user_wallets_raw
from ledger.contract import Table
from ledger.pipelines.registry import PIPELINE_A, PIPELINE_SILVER
from ledger.quality.controls import (
    DriftProfile,
    exceptions_verdict,
    recon_verdicts,
    supply_verdicts,
)
from ledger.quality.inputs import input_verdicts, levels
from ledger.quality.verdict import Verdict, exact, verdict, worst
from ledger.rule_loading import load_seed
from ledger.rules import Rule, RuleBook
from ledger.window import kst_day
from tests.ledger.rule_entries import SEED_PATH

RULES = RuleBook.of(load_seed(SEED_PATH), source="seed", mode="strict")
NOON_KST = datetime(2026, 2, 10, 3, tzinfo=UTC)


def of_input(table: Table, check: str, metric: str, value: int | Fraction | None) -> Verdict:
    (found,) = input_verdicts(table, {check: (metric, value)}, RULES, day="2026-02-10", event_count=7)
    return found


@pytest.mark.parametrize(
    ("seconds", "passed", "is_error"), [(299, True, False), (300, False, False), (600, False, True)]
)
def test_freshness_has_the_rule_s_two_levels(seconds: int, passed: bool, is_error: bool) -> None:
    """INV-51: at the level is at the level, WARN is no error."""
    found = of_input(transaction_ledger_raw.TABLE, "freshness", "freshness_sec", seconds)
    assert (found.passed, found.is_error) == (passed, is_error)
    assert found.value == str(seconds)
    assert found.threshold == "warn >= 300, crit >= 600"
    assert found.rule_id == "dq-freshness-sec-v1"


def test_a_table_s_own_rule_wins() -> None:
    """INV-51: wallets arrive daily."""
    found = of_input(user_wallets_raw.TABLE, "freshness", "freshness_sec", 600)
    assert found.passed
    assert found.rule_id == "dq-freshness-sec-user-wallets-raw-v1"


def test_a_metric_without_a_rule_is_measured_and_never_fails() -> None:
    """INV-51"""
    found = of_input(payment_orders_raw.TABLE, "duplicates", "dup_rate_order_id", Fraction(1, 3))
    assert (found.passed, found.rule_id, found.value) == (True, None, "0.333333")
    assert found.threshold == levels(None)


def test_nothing_to_measure_is_said() -> None:
    """INV-51: no row at all within the lookback."""
    assert (
        of_input(transaction_ledger_raw.TABLE, "freshness", "freshness_sec", None).says
        == "no row to measure by"
    )


def profile(largest: str) -> DriftProfile:
    return DriftProfile(users=3, largest=Decimal(largest), total=Decimal(largest), classes={})


def rule(name: str) -> Rule:
    return RULES[name]


def test_drift_and_supply_say_the_number_the_threshold_and_the_rule() -> None:
    """INV-51: money to the cent, in text."""
    drift, users, exceptions = recon_verdicts(
        lambda: profile("9999999999999999.99"), lambda: 2, lambda: {"CRITICAL": 1}, rule("ledger/drift_abs")
    )
    assert (drift.passed, drift.is_error, drift.value) == (False, True, "9999999999999999.99")
    assert (drift.threshold, drift.rule_id) == ("> 0 KRW", "ledger-drift-abs-v1")
    assert (users.passed, users.is_error, users.value) == (False, False, "2")
    assert (exceptions.passed, exceptions.is_error) == (False, True)
    row = {
        "issued_supply": Decimal("10.00"),
        "wallet_total_balance": Decimal("10.01"),
        "diff_amount": Decimal("-0.01"),
        "is_ok": False,
    }
    supply, _ = supply_verdicts(row, lambda: {"WARN": 1}, rule("ledger/supply_diff_abs"))
    assert (supply.passed, supply.is_error, supply.value) == (False, False, "0.01")


def test_a_quiet_day_passes() -> None:
    """INV-51"""
    assert all(
        v.passed for v in recon_verdicts(lambda: profile("0.00"), lambda: 0, dict, rule("ledger/drift_abs"))
    )
    assert exceptions_verdict({}, "").passed


def test_the_worst_of_several_days_is_shown() -> None:
    """INV-51: an error before a warning before the last day."""

    def day(passed: bool, is_error: bool, says: str) -> Verdict:
        return verdict("t", "c", says, passed=passed, value=1, threshold="0", is_error=is_error)

    fine, warning, error, later = (
        day(True, True, "a"), day(False, False, "b"), day(False, True, "c"), day(True, True, "d")
    )  # fmt: skip
    shown = [
        worst(days) for days in ([fine, warning, error, later], [fine, warning, later], [fine, later], [])
    ]
    assert [v.says if v else None for v in shown] == ["c", "b", "d", None]


def test_numbers_are_shown_exactly() -> None:
    """INV-51: no float on the way."""
    assert exact(Fraction(2, 3)) == "0.666667"
    assert exact(Decimal("9999999999999999.99")) == "9999999999999999.99"
    assert exact(10**20) == "1" + "0" * 20


@pytest.mark.parametrize(
    ("hour", "minute", "due_day"), [(0, 29, 9), (0, 30, 10), (23, 59, 10)], ids=["before", "at", "late"]
)
def test_a_daily_pipeline_is_due_half_an_hour_after_its_time(hour: int, minute: int, due_day: int) -> None:
    """INV-51: Silver runs at 00:00 KST; the runbook allows 30 minutes."""
    now = datetime(2026, 2, 9, 15, tzinfo=UTC) + timedelta(hours=hour, minutes=minute)  # 10 February KST
    assert PIPELINE_SILVER.schedule.due_day(now) == date(2026, 2, due_day - 1)


def test_the_guardrail_is_due_after_twenty_minutes() -> None:
    """INV-51: runbook section 4."""
    schedule = PIPELINE_A.schedule
    assert schedule.every + schedule.grace == timedelta(minutes=20)
    assert schedule.due_day(NOON_KST) == kst_day(NOON_KST)

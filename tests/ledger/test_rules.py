"""Rules: parsing, thresholds without floats, severities, completeness (spec section 8). Pure."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import RulesError
from ledger.rule_loading import load_seed, parse_rule
from ledger.rules import LISTS, REQUIRED, RuleBook
from tests.ledger.rule_entries import SEED_PATH, entry, shipped

DQ, DRIFT, RATE, TYPES = "freshness_sec", "drift_abs", "bad_records_rate", "entry_type_allowed"


def test_the_shipped_seed_is_complete_and_exactly_what_the_specification_lists() -> None:
    """INV-19"""
    rules = RuleBook.of(load_seed(SEED_PATH), source="seed", mode="strict")
    levels = {
        f"{r.domain}/{r.metric}": tuple(
            (r.severity_map or {}).get(level) for level in ("warn", "crit", "fail")
        )
        for r in rules.rules.values()
        if r.severity_map
    }
    number = Decimal
    assert levels == {
        "dq/freshness_sec": (number(300), number(600), None),
        "dq/freshness_sec:user_wallets_raw": (number(90000), number(172800), None),
        "dq/dup_rate_tx_id": (number("0.001"), number("0.01"), None),
        "dq/completeness_zero_windows": (number(1), number(3), None),
        "dq/completeness_zero_windows:user_wallets_raw": (number(144), number(288), None),
        "dq/contract_bad_records_rate": (number("0.001"), number("0.01"), None),
        "silver/bad_records_rate": (None, None, number("0.01")),
    }
    assert rules["ledger/drift_abs"].threshold == rules["ledger/supply_diff_abs"].threshold == 0
    assert len(rules.allowed("silver/entry_type_allowed")) == 10
    assert set(rules.allowed("silver/payment_status_allowed")) == {
        *("PAID", "PENDING", "FAILED", "CANCELLED", "REFUNDED")
    }


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (entry(rule_id=None), "rule_id must be a non-empty text"),
        (entry(rule_id=" "), "rule_id must be a non-empty text"),
        (entry(rule_id=7), "rule_id must be a non-empty text"),
        (entry(domain=...), "domain must be"),
        (entry(metric=""), "metric must be"),
        (entry(treshold=1), "unknown field treshold"),
        (entry(is_current=None), "is_current must be true or false"),
        (entry(is_current="true"), "is_current must be true or false"),
        (entry(is_current=1), "is_current must be true or false"),
        (entry(severity_map={}), "severity_map must map"),
        (entry(severity_map=[1, 2]), "severity_map must map"),
        (entry(severity_map={"warning": 1}), "severity_map must map"),
        (entry(severity_map={"warn": "many"}), "severity_map.warn must be a number"),
        (entry(severity_map={"warn": None, "crit": 1}), "severity_map.warn must be a number"),
        (entry(severity_map={"warn": True}), "severity_map.warn must be a number"),
        (entry(severity_map={"warn": 2, "crit": 1}), "warn is above severity_map.crit"),
        (entry(severity_map={"fail": 1}), "severity_map needs warn or crit"),
        (entry(severity_map={"warn": -1, "crit": 1}), "cannot be negative"),
        (entry(severity_map=None), "a threshold or a severity_map is needed"),
        (entry(DRIFT, threshold="NaN"), "threshold must be finite"),
        (entry(DRIFT, threshold="Infinity"), "threshold must be finite"),
        (entry(DRIFT, threshold="x"), "threshold must be a number"),
        (entry(DRIFT, threshold=True), "threshold must be a number"),
        (entry(DRIFT, threshold=-0.01), "cannot be negative"),
        (entry(RATE, severity_map={"warn": 0.5}), "a threshold or severity_map.fail is needed"),
        (entry(TYPES, allowed_values=[]), "must list at least one value"),
        (entry(TYPES, allowed_values=None), "must list at least one value"),
        (entry(TYPES, allowed_values="MINT"), "must be a list of texts"),
        (entry(TYPES, allowed_values=["MINT", ""]), "must be a list of texts"),
        (entry(TYPES, allowed_values=["MINT", 1]), "must be a list of texts"),
        (entry(comment=1), "comment must be a text"),
        (entry(effective_start_ts=None), "effective_start_ts is missing"),
        (entry(effective_start_ts="soon"), "effective_start_ts is not an ISO-8601 time"),
        (entry(effective_end_ts="2026-03-01T00:00:00Z"), "a current rule cannot have effective_end_ts"),
        (entry(is_current=False), "a rule that is not current needs effective_end_ts"),
        (entry(is_current=False, effective_end_ts="2025-01-01T00:00:00Z"), "is before effective_start_ts"),
    ],
)
def test_a_malformed_entry_is_refused_and_named(broken: dict[str, Any], problem: str) -> None:
    """INV-20: the error says which entry and what is wrong with it."""
    with pytest.raises(RulesError, match=problem) as caught:
        parse_rule(broken)
    name = (
        broken.get("rule_id")
        if isinstance(broken.get("rule_id"), str) and broken["rule_id"].strip()
        else None
    )
    assert (name or "rule") in str(caught.value)
    assert caught.value.table == "gold.dim_rule_scd2"


def test_thresholds_are_the_decimals_that_their_text_says() -> None:
    """INV-21: 0.1 is one tenth, not the nearest double; no binary float reaches a comparison."""
    rule = parse_rule(entry(severity_map={"warn": 1e-7, "crit": 0.1}, threshold=0.3))
    assert rule.severity_map == {"warn": Decimal("0.0000001"), "crit": Decimal("0.1")}
    assert rule.threshold == Decimal("0.3")


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        ("0", None),
        ("0.0999999999", None),
        ("0.1", "WARN"),
        ("0.29", "WARN"),
        ("0.3", "CRITICAL"),
        ("9", "CRITICAL"),
    ],
)
def test_guardrail_fires_at_the_limit(value: str, severity: str | None) -> None:
    """INV-21: ``>=`` on exact values, on both sides of each limit."""
    rule = parse_rule(entry(severity_map={"warn": 0.1, "crit": 0.3}))
    assert rule.severity_at_least(Fraction(value)) == severity


def test_guardrail_without_a_map_is_critical_from_the_threshold_on() -> None:
    """INV-21"""
    rule = parse_rule(entry(severity_map=None, threshold=5))
    assert [rule.severity_at_least(Fraction(v)) for v in (4, 5, 6)] == [None, "CRITICAL", "CRITICAL"]
    only_warn = parse_rule(entry(severity_map={"warn": 1}))
    assert [only_warn.severity_at_least(Fraction(v)) for v in (0, 1, 99)] == [None, "WARN", "WARN"]


def test_a_control_without_a_map_is_always_critical() -> None:
    """INV-21: controls read ``>``; see the exception tests for equality."""
    plain = parse_rule(entry(DRIFT, threshold=10))
    assert (plain.alert_above, plain.critical_above) == (Decimal(10), Decimal(10))
    graded = parse_rule(entry(DRIFT, threshold=0, severity_map={"warn": 1, "crit": 100}))
    assert (graded.alert_above, graded.critical_above) == (Decimal(0), Decimal(100))


def test_the_gate_takes_the_threshold_else_fail() -> None:
    """INV-13"""
    assert parse_rule(entry(RATE, severity_map={"fail": 0.25})).fail_above == Decimal("0.25")
    assert parse_rule(entry(RATE, threshold=0.5, severity_map={"fail": 0.25})).fail_above == Decimal("0.5")


@pytest.mark.parametrize("name", [f"{d}/{m}" for d, m in REQUIRED])
def test_a_missing_required_rule_is_named(name: str) -> None:
    """INV-19: a pipeline that misses a rule fails; overrides alone do not stand in for the general rule."""
    rest = [e for e in shipped() if f"{e['domain']}/{e['metric']}" != name]
    with pytest.raises(RulesError, match=name):
        RuleBook.of([parse_rule(e) for e in rest], source="table", mode="strict")


def test_the_list_rules_are_required() -> None:
    assert set(LISTS) <= set(REQUIRED)


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        (entry(), "rule_id is used twice"),
        (entry(rule_id="second"), "dq/freshness_sec already has the current rule dq-freshness-sec-v1"),
        (entry(rule_id="dq-freshness-sec-v1", domain="ledger", metric="other"), "rule_id is used twice"),
    ],
)
def test_two_rules_that_contradict_each_other_are_refused(extra: dict[str, Any], problem: str) -> None:
    """INV-20"""
    with pytest.raises(RulesError, match=problem) as caught:
        RuleBook.of([parse_rule(e) for e in [*shipped(), extra]], source="table", mode="strict")
    assert str(extra["rule_id"]) in str(caught.value)


def test_an_override_counts_for_its_table_alone() -> None:
    """INV-19"""
    rules = RuleBook.of(load_seed(SEED_PATH), source="seed", mode="strict")
    override = rules.find("dq", DQ, "user_wallets_raw")
    general = rules.find("dq", DQ, "payment_orders_raw")
    assert override is not None
    assert general is not None
    assert override.metric == "freshness_sec:user_wallets_raw"
    assert general.metric == "freshness_sec"
    assert rules.find("dq", "dup_rate_order_id", "payment_orders_raw") is None


@pytest.mark.parametrize("text", ["{}", "[1]", "[", "", '{"rules": []}'])
def test_a_seed_that_is_no_list_of_entries_is_refused(tmp_path: Path, text: str) -> None:
    """INV-20"""
    path = tmp_path / "seed.json"
    path.write_text(text)
    with pytest.raises(RulesError, match=str(path)):
        load_seed(path)

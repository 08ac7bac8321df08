"""A's judgement of one input's measurements: which rules fire, how severely, in which order (spec section 6). Pure."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from ledger.pipelines.guardrail import judge
from ledger.pipelines.guardrail_inputs import INPUTS, Input, Measured
from ledger.rule_loading import load_seed
from ledger.rules import RuleBook
from tests.ledger.rule_entries import SEED_PATH

LEDGER, WALLETS, PAYMENTS = INPUTS
RULES = RuleBook.of(load_seed(SEED_PATH), source="seed", mode="strict")
FINE = Measured(5, Fraction(0), Fraction(0), freshness_sec=0, zero_windows=0)
STALE, DUP, DROP, CONTRACT = "SOURCE_STALE", "DUP_SUSPECTED", "EVENT_DROP_SUSPECTED", "CONTRACT_VIOLATION"


def fired(source: Input, measured: Measured) -> list[tuple[str, str]]:
    return [(finding.tag, finding.severity) for finding in judge(source, measured, RULES)]


@pytest.mark.parametrize(
    ("source", "measured", "expected"),
    [
        (LEDGER, FINE, []),
        (LEDGER, replace(FINE, freshness_sec=299), []),
        (LEDGER, replace(FINE, freshness_sec=300), [(STALE, "WARN")]),
        (LEDGER, replace(FINE, freshness_sec=600), [(STALE, "CRITICAL")]),
        (LEDGER, replace(FINE, freshness_sec=None), []),
        (WALLETS, replace(FINE, freshness_sec=89_999), []),
        (WALLETS, replace(FINE, freshness_sec=90_000), [(STALE, "WARN")]),
        (LEDGER, replace(FINE, dup_rate=Fraction(999_999, 10**9)), []),
        (LEDGER, replace(FINE, dup_rate=Fraction(1, 1000)), [(DUP, "WARN")]),
        (LEDGER, replace(FINE, dup_rate=Fraction(1, 100)), [(DUP, "CRITICAL")]),
        (WALLETS, replace(FINE, dup_rate=Fraction(1)), []),
        (PAYMENTS, replace(FINE, dup_rate=Fraction(1)), []),
        (LEDGER, replace(FINE, zero_windows=1), [(DROP, "WARN")]),
        (LEDGER, replace(FINE, zero_windows=3), [(DROP, "CRITICAL")]),
        (WALLETS, replace(FINE, zero_windows=143), []),
        (WALLETS, replace(FINE, zero_windows=288), [(DROP, "CRITICAL")]),
        (PAYMENTS, replace(FINE, bad_records_rate=Fraction(1, 1000)), [(CONTRACT, "WARN")]),
        (PAYMENTS, replace(FINE, bad_records_rate=Fraction(1, 1001)), []),
    ],
)
def test_judge_fires_at_the_level_by_the_exact_value_and_the_table_s_own_rule(
    source: Input, measured: Measured, expected: list[tuple[str, str]]
) -> None:
    """A metric without a rule never fires, nor does one that could not be measured."""
    assert fired(source, measured) == expected


def test_judge_puts_the_most_severe_first_and_keeps_the_order_of_tags_among_equals() -> None:
    all_four = Measured(5, Fraction(1, 1000), Fraction(1), freshness_sec=300, zero_windows=3)
    assert fired(LEDGER, all_four) == [
        (DROP, "CRITICAL"),
        (CONTRACT, "CRITICAL"),
        (STALE, "WARN"),
        (DUP, "WARN"),
    ]


def test_judge_names_rule_and_exact_value() -> None:
    (finding,) = judge(WALLETS, replace(FINE, freshness_sec=90_000), RULES)
    assert (finding.rule.rule_id, finding.value) == ("dq-freshness-sec-user-wallets-raw-v1", Fraction(90_000))

"""Findings of B as exceptions: above the rule, by severity, with evidence that is a stable key (spec section 7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pyspark.sql import DataFrame, SparkSession

from ledger.gold.exception_ledger import TABLE, ledger_exceptions
from ledger.rule_loading import load_seed
from ledger.rules import Rule, RuleBook
from ledger.window import Window
from tests.ledger.frames import Values, by_first, frame, plain
from tests.ledger.rule_entries import SEED_PATH
from tests.support import DAY_1

SHIPPED = RuleBook.of(load_seed(SEED_PATH), source="seed", mode="strict")["ledger/drift_abs"]
FINDINGS = "user_id string, drift_abs decimal(38,2), net_flow_total decimal(38,2)"


def rule(threshold: str | None, **levels: str) -> Rule:
    return replace(
        SHIPPED,
        threshold=None if threshold is None else Decimal(threshold),
        severity_map={name: Decimal(value) for name, value in levels.items()} or None,
    )


def exceptions(spark: SparkSession, by: Rule, rows: list[Values]) -> DataFrame:
    return ledger_exceptions(
        frame(spark, FINDINGS, rows),
        exception_type="RECON_DRIFT_HIGH",
        value="drift_abs",
        evidence=("user_id", "net_flow_total", "drift_abs"),
        source_table="gold.recon",
        rule=by,
        run_id="run",
        window=Window.of_day(DAY_1),
        now=datetime(2026, 2, 11, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (rule("0"), {"0.01": "CRITICAL", "5.00": "CRITICAL", "5.01": "CRITICAL", "10.00": "CRITICAL", "10.01": "CRITICAL"}),
        (rule("5"), {"5.01": "CRITICAL", "10.00": "CRITICAL", "10.01": "CRITICAL"}),
        (rule(None, warn="5", crit="10"), {"5.01": "WARN", "10.00": "WARN", "10.01": "CRITICAL"}),
        (rule(None, warn="5"), {"5.01": "WARN", "10.00": "WARN", "10.01": "WARN"}),
        (rule("0", warn="5", crit="10"), {"0.01": "WARN", "5.00": "WARN", "5.01": "WARN", "10.00": "WARN", "10.01": "CRITICAL"}),
        (rule("5.005"), {"5.01": "CRITICAL", "10.00": "CRITICAL", "10.01": "CRITICAL"}),
    ],
    ids=["threshold 0", "threshold", "warn and crit", "warn alone", "threshold and levels", "between two cents"],
)  # fmt: skip
def test_ledger_exceptions_are_above_the_rule_and_equal_is_no_alert(
    spark: SparkSession, by: Rule, expected: dict[str, str]
) -> None:
    """Also by a cent of a sum of 38 digits."""
    rows: list[Values] = [
        {"drift_abs": value} for value in ("0.00", "0.01", "5.00", "5.01", "10.00", "10.01")
    ]
    found = by_first(exceptions(spark, by, rows), "metric_value", "severity")
    assert found == {f"{value}0000": severity for value, severity in expected.items()}


def test_ledger_exceptions_carry_evidence_with_sorted_keys_and_text_values(spark: SparkSession) -> None:
    rows: list[Values] = [
        {"user_id": '한"u', "drift_abs": "12345678901234567890123456789012.34", "net_flow_total": "-0.5"}
    ]
    found = exceptions(spark, rule("0"), rows)
    assert found.dtypes == [(column.name, column.type) for column in TABLE.columns]
    message = (
        '{"drift_abs":"12345678901234567890123456789012.34","net_flow_total":"-0.50","user_id":"한\\"u"}'
    )
    assert plain(found) == [
        (
            *(str(DAY_1), "ledger", "RECON_DRIFT_HIGH", "CRITICAL", "gold.recon"),
            *("2026-02-09T15:00:00Z", "2026-02-10T15:00:00Z", "drift_abs"),
            *("12345678901234567890123456789012.340000", message),
            *("run", SHIPPED.rule_id, "2026-02-11T01:00:00Z"),
        )
    ]

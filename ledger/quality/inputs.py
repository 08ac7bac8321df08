"""The guardrail's four questions about each Bronze input, from A's own measurements (spec section 6)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from ledger.contract import Table
from ledger.quality.verdict import Verdict, verdict
from ledger.rules import Rule, RuleBook, Severity

FRESHNESS, DUPLICATES, COMPLETENESS, CONTRACT = "freshness", "duplicates", "completeness", "contract"
QUESTIONS = (FRESHNESS, DUPLICATES, COMPLETENESS, CONTRACT)  # in the order of A's tags
_MEANING = {
    FRESHNESS: "{value} s since the newest row",
    DUPLICATES: "{value} of the rows with a key repeat one",
    COMPLETENESS: "{value} consecutive windows without a row",
    CONTRACT: "{value} of the rows break a row rule",
}


def input_verdicts(
    table: Table,
    values: dict[str, tuple[str, int | Fraction | None]],
    rules: RuleBook,
    *,
    day: str,
    event_count: int,
) -> list[Verdict]:
    """One verdict per question; ``values``: question to (rule metric, measured). Severity is the rule's.

    A metric without a rule is measured and never fails.
    """
    verdicts = []
    for check, (metric, value) in values.items():
        rule = rules.find("dq", metric, table.name)
        severity = rule.severity_at_least(Fraction(value)) if rule and value is not None else None
        shown = verdict(
            table.full_name,
            check,
            "",
            passed=severity is None,
            value=value,
            threshold=levels(rule),
            rule=rule,
            is_error=severity == "CRITICAL",
            details={"metric": metric, "rows_in_window": event_count, "day": day},
        )
        verdicts.append(_saying(shown, check, severity))
    return verdicts


def _saying(shown: Verdict, check: str, severity: Severity | None) -> Verdict:
    text = _MEANING[check].format(value=shown.value) + (f": {severity}" if severity else "")
    if shown.value == "none":
        text = "no row to measure by"
    return Verdict(**(shown.as_dict() | {"says": text}))


def levels(rule: Rule | None) -> str:
    """The thresholds that a rule sets, as text."""
    if rule is None:
        return "no rule: measured only"
    if rule.severity_map is None:
        return f">= {_plain(rule.threshold)}"
    return ", ".join(
        f"{name} >= {_plain(rule.severity_map[name])}"
        for name in ("warn", "crit")
        if name in rule.severity_map
    )


def _plain(value: Decimal | None) -> str:
    return f"{value.normalize():f}" if value is not None else "none"

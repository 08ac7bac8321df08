"""One check's verdict: the number, the threshold, the rule, and one sentence. Pure values, no orchestrator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ledger.money import round_rate
from ledger.rules import Rule

Number = int | Decimal | Fraction
# Numbers to look at: (label, name to number), in the order in which they are drawn.
Series = Sequence[tuple[str, Mapping[str, int | Decimal]]]


@dataclass(frozen=True)
class Verdict:
    """One check's answer about one table on one day.

    ``value`` is exact text (money in KRW, rates as ratios, times in seconds; the unit is in ``says``); ``is_error``
    tells a finding that someone has to act on from a warning. ``details`` are further facts, never identifying ones.
    Of a check that could not be measured, ``is_measured`` is false and ``says`` has the reason.
    """

    table: str
    check: str
    passed: bool
    says: str
    value: str
    threshold: str
    rule_id: str | None = None
    is_error: bool = True
    details: Mapping[str, str] = field(default_factory=dict)
    is_measured: bool = True

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def verdict(
    table: str,
    check: str,
    says: str,
    *,
    passed: bool,
    value: Number | None,
    threshold: str,
    rule: Rule | None = None,
    is_error: bool = True,
    details: Mapping[str, object] | None = None,
) -> Verdict:
    """A verdict from exact numbers; rates are shown with six decimals, None as ``none``."""
    return Verdict(
        table=table,
        check=check,
        passed=passed,
        says=says,
        value=exact(value),
        threshold=threshold,
        rule_id=rule.rule_id if rule else None,
        is_error=is_error,
        details={k: str(v) for k, v in (details or {}).items()},
    )


def exact(value: Number | None) -> str:
    """A number as text: never through a float."""
    if value is None:
        return "none"
    if isinstance(value, Fraction):
        return f"{round_rate(value):f}"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Of several days' verdicts on one check the one to show: an error, else a warning, else the last."""
    found = list(verdicts)
    order = {(False, True): 0, (False, False): 1}
    return min(reversed(found), key=lambda v: order.get((v.passed, v.is_error), 2)) if found else None

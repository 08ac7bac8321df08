"""Rules decide at run time: thresholds without floats, completeness, consistency (spec section 8)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from ledger.errors import RulesError
from ledger.gold.dim_rule_scd2 import TABLE

logger = logging.getLogger(__name__)
Severity = Literal["WARN", "CRITICAL"]
RuleLoadMode = Literal["strict", "fallback"]
LEVELS = ("warn", "crit", "fail")

REQUIRED = (
    ("dq", "freshness_sec"),
    ("dq", "dup_rate_tx_id"),
    ("dq", "completeness_zero_windows"),
    ("dq", "contract_bad_records_rate"),
    ("ledger", "drift_abs"),
    ("ledger", "supply_diff_abs"),
    ("silver", "bad_records_rate"),
    ("silver", "entry_type_allowed"),
    ("silver", "payment_status_allowed"),
)
LISTS = (("silver", "entry_type_allowed"), ("silver", "payment_status_allowed"))


@dataclass(frozen=True)
class Rule:
    """One version of one rule. Thresholds are decimals, converted through their text, never floats."""

    rule_id: str
    domain: str
    metric: str
    threshold: Decimal | None
    severity_map: Mapping[str, Decimal] | None
    allowed_values: tuple[str, ...] | None
    comment: str | None
    effective_start_ts: datetime
    effective_end_ts: datetime | None
    is_current: bool

    @property
    def name(self) -> str:
        return f"{self.domain}/{self.metric}"

    def severity_at_least(self, value: Fraction) -> Severity | None:
        """Guardrail reading: ``>=`` crit or warn; without a map ``>= threshold`` is CRITICAL (spec section 6)."""
        if self.severity_map is None:
            return "CRITICAL" if self.threshold is not None and value >= Fraction(self.threshold) else None
        if "crit" in self.severity_map and value >= Fraction(self.severity_map["crit"]):
            return "CRITICAL"
        if "warn" in self.severity_map and value >= Fraction(self.severity_map["warn"]):
            return "WARN"
        return None

    @property
    def alert_above(self) -> Decimal:
        """Controls reading: a value above this raises an alert, an equal one does not (spec section 7)."""
        if self.threshold is not None:
            return self.threshold
        return min((self.severity_map or {}).values())

    @property
    def critical_above(self) -> Decimal | None:
        """Controls reading: an alert above this is CRITICAL, below it WARN; None without a map: always CRITICAL."""
        if self.severity_map is None:
            return self.alert_above
        return self.severity_map.get("crit")

    @property
    def fail_above(self) -> Decimal:
        """Fail-fast reading: the threshold, else ``severity_map.fail`` (spec section 5)."""
        if self.threshold is not None:
            return self.threshold
        return (self.severity_map or {})["fail"]


@dataclass(frozen=True)
class RuleBook:
    """The current rules, one per (domain, metric), and where they came from."""

    rules: Mapping[tuple[str, str], Rule]
    source: Literal["table", "seed"]
    mode: RuleLoadMode

    @classmethod
    def of(cls, rules: Iterable[Rule], *, source: Literal["table", "seed"], mode: RuleLoadMode) -> RuleBook:
        """The current ones of ``rules``; raises :class:`RulesError` unless they are consistent and complete."""
        rules = list(rules)
        check_consistent(rules)
        current = {(r.domain, r.metric): r for r in rules if r.is_current}
        missing = [f"{d}/{m}" for d, m in REQUIRED if (d, m) not in current]
        if missing:
            raise RulesError(
                f"required rules are missing: {', '.join(missing)}",
                table=TABLE.full_name,
                action="add them to the seed and run sync_dim_rule_scd2",
            )
        return cls(current, source, mode)

    def __getitem__(self, name: str) -> Rule:
        """The current rule ``domain/metric``; raises KeyError for one that :data:`REQUIRED` does not list."""
        domain, metric = name.split("/", 1)
        return self.rules[domain, metric]

    def find(self, domain: str, metric: str, table: str | None = None) -> Rule | None:
        """The rule for a metric; ``<metric>:<table>`` overrides the general one for that table."""
        return self.rules.get((domain, f"{metric}:{table}")) or self.rules.get((domain, metric))

    def allowed(self, name: str) -> tuple[str, ...]:
        return self[name].allowed_values or ()

    @property
    def rule_ids(self) -> tuple[str, ...]:
        return tuple(sorted(rule.rule_id for rule in self.rules.values()))

    @property
    def load_description(self) -> str:
        return f"{self.mode}:{self.source}"


def check_consistent(rules: Iterable[Rule]) -> None:
    """Raises :class:`RulesError` for a rule_id used twice or two current rules of one (domain, metric)."""
    ids: set[str] = set()
    current: dict[str, str] = {}
    for rule in rules:
        if rule.rule_id in ids:
            raise malformed(rule.rule_id, "rule_id is used twice")
        ids.add(rule.rule_id)
        if rule.is_current:
            if rule.name in current:
                raise malformed(
                    rule.rule_id, f"{rule.name} already has the current rule {current[rule.name]}"
                )
            current[rule.name] = rule.rule_id


def malformed(name: str, problem: str) -> RulesError:
    return RulesError(f"rule {name}: {problem}", table=TABLE.full_name, key=name, action="correct the entry")

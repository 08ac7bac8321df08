"""Section 8: the rule table, its sync, and the rules that a run reads.

Every comparison is done on exact fractions: a rule's double becomes a decimal through its text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from tests.oracle.contract import Row
from tests.oracle.values import Cell, from_double, parse_timestamp

REQUIRED = {
    "pipeline_a": [
        ("dq", "freshness_sec"),
        ("dq", "dup_rate_tx_id"),
        ("dq", "completeness_zero_windows"),
        ("dq", "contract_bad_records_rate"),
        ("silver", "entry_type_allowed"),
        ("silver", "payment_status_allowed"),
    ],
    "pipeline_silver": [
        ("silver", "bad_records_rate"),
        ("silver", "entry_type_allowed"),
        ("silver", "payment_status_allowed"),
    ],
    "recon": [("ledger", "drift_abs")],
    "supply": [("ledger", "supply_diff_abs")],
}

CONTENT = (
    "domain",
    "metric",
    "threshold",
    "severity_map",
    "allowed_values",
    "comment",
    "effective_start_ts",
)


class RuleError(Exception):
    """A rule that is missing or wrong: a fault that no retry heals."""


@dataclass(frozen=True)
class Rule:
    """One current rule, with its numbers as exact fractions."""

    rule_id: str
    metric: str
    threshold: Fraction | None
    levels: dict[str, Fraction]
    allowed_values: frozenset[str]

    def at_least(self, value: Fraction) -> str | None:
        """Section 6: `value >= crit` CRITICAL, `>= warn` WARN; without a map `>= threshold` CRITICAL."""
        if not self.levels:
            fired = self.threshold is not None and value >= self.threshold
            return "CRITICAL" if fired else None
        if "crit" in self.levels and value >= self.levels["crit"]:
            return "CRITICAL"
        return "WARN" if "warn" in self.levels and value >= self.levels["warn"] else None

    def above(self, value: Fraction) -> str | None:
        """Section 7: `value > threshold` alerts, severity by the map with `>`, CRITICAL without one."""
        if self.threshold is not None and value <= self.threshold:
            return None
        if not self.levels:
            return "CRITICAL" if self.threshold is not None else None
        if "crit" in self.levels and value > self.levels["crit"]:
            return "CRITICAL"
        if "warn" in self.levels and value > self.levels["warn"]:
            return "WARN"
        # Above the threshold but below every level of the map: an alert all the same, of the lowest severity.
        return "WARN" if self.threshold is not None else None

    def fails(self, rate: Fraction) -> bool:
        """Section 5, fail-fast: above the threshold, else above `severity_map.fail`."""
        limit = self.threshold if self.threshold is not None else self.levels.get("fail")
        if limit is None:
            raise RuleError(f"{self.rule_id}: neither threshold nor severity_map.fail")
        return rate > limit


class RuleBook:
    """The current rules of `gold.dim_rule_scd2`."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rules: dict[tuple[str, str], Rule] = {}
        for row in rows:
            if not row["is_current"]:
                continue
            key = (row["domain"], row["metric"])
            if key in self._rules:
                raise RuleError(f"two current rules for {key}")
            self._rules[key] = Rule(
                rule_id=row["rule_id"],
                metric=row["metric"],
                threshold=None if row["threshold"] is None else from_double(row["threshold"]),
                levels={name: from_double(value) for name, value in (row["severity_map"] or {}).items()},
                allowed_values=frozenset(row["allowed_values"] or ()),
            )

    def require(self, owner: str) -> None:
        """A pipeline that misses one of its rules fails."""
        missing = [
            f"{domain}/{metric}" for domain, metric in REQUIRED[owner] if not self.find(domain, metric)
        ]
        if missing:
            raise RuleError(f"{owner} misses {', '.join(missing)}")

    def find(self, domain: str, metric: str, table: str | None = None) -> Rule | None:
        """The rule of a metric; `<metric>:<table>` overrides the general one for that table."""
        override = self._rules.get((domain, f"{metric}:{table}")) if table else None
        return override or self._rules.get((domain, metric))

    def get(self, domain: str, metric: str) -> Rule:
        """A rule that must be there."""
        rule = self.find(domain, metric)
        if rule is None:
            raise RuleError(f"no current rule {domain}/{metric}")
        return rule


def sync(table: list[Row], seed: list[dict[str, Any]], now: datetime) -> list[Row]:
    """The rule table after a sync of the seed; refused whole (RuleError) when any entry is wrong."""
    entries = [_entry(raw, now) for raw in seed]
    for rule_id, count in Counter(entry["rule_id"] for entry in entries).items():
        if count > 1:
            raise RuleError(f"{rule_id}: duplicate rule_id")
    current = {(entry["domain"], entry["metric"]): entry for entry in entries if entry["is_current"]}
    if len(current) < sum(entry["is_current"] for entry in entries):
        raise RuleError("two current rules for one (domain, metric)")
    by_id = {entry["rule_id"]: entry for entry in entries}
    result: list[Row] = []
    for row in table:
        successor = current.get((row["domain"], row["metric"]))
        entry = by_id.pop(row["rule_id"], None)
        if entry is not None:
            if any(entry[name] != row[name] for name in CONTENT) or (
                not row["is_current"]
                and (entry["is_current"] or entry["effective_end_ts"] != row["effective_end_ts"])
            ):
                raise RuleError(f"{row['rule_id']}: changed under an old rule_id")
            result.append(entry)
        elif not row["is_current"]:
            result.append(row)
        elif successor is None:
            raise RuleError(f"{row['rule_id']}: gone from the seed; close it with effective_end_ts")
        else:
            result.append(row | {"effective_end_ts": successor["effective_start_ts"], "is_current": False})
    return result + list(by_id.values())


def _entry(raw: dict[str, Any], now: datetime) -> Row:
    """One seed entry as a table row, or RuleError naming it."""
    name = raw.get("rule_id") or raw
    try:
        entry: Row = {
            "rule_id": raw["rule_id"],
            "domain": raw["domain"],
            "metric": raw["metric"],
            "threshold": None if raw.get("threshold") is None else float(raw["threshold"]),
            "severity_map": {key: float(value) for key, value in raw["severity_map"].items()}
            if raw.get("severity_map")
            else None,
            "allowed_values": list(raw["allowed_values"]) if raw.get("allowed_values") else None,
            "comment": raw.get("comment"),
            "effective_start_ts": parse_timestamp(Cell(raw["effective_start_ts"])),
            "effective_end_ts": parse_timestamp(Cell(raw.get("effective_end_ts"))),
            "is_current": raw["is_current"],
        }
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise RuleError(f"malformed entry {name}: {error!r}") from error
    start, end = entry["effective_start_ts"], entry["effective_end_ts"]
    if not all(entry[key] for key in ("rule_id", "domain", "metric")) or start is None:
        raise RuleError(f"malformed entry {name}")
    if start > now:
        raise RuleError(f"{name}: starts in the future")
    if entry["is_current"] is not (end is None) or (end is not None and end < start):
        raise RuleError(f"{name}: is_current and effective_end_ts disagree")
    return entry

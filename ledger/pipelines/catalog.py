"""Bootstrap of the catalog and sync of the rules: on demand, before anything else (spec sections 8 and 9)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from ledger.contract import Table
from ledger.errors import RulesError
from ledger.gold import dim_rule_scd2
from ledger.lakehouse import Lakehouse, WriteResult
from ledger.merge import Scope
from ledger.rule_loading import load_seed, load_table
from ledger.rules import Rule, RuleBook, check_consistent
from ledger.side_by_side import side_by_side
from ledger.tables import ALL

_VERSION_FIELDS = (
    "domain",
    "metric",
    "threshold",
    "severity_map",
    "allowed_values",
    "comment",
    "effective_start_ts",
)


def bootstrap(lakehouse: Lakehouse) -> list[str]:
    """Create every missing table and validate every existing one; the names of those created. Loads no data."""

    def create_or_validate(table: Table) -> bool:
        is_created = lakehouse.create(table)
        if not is_created:
            lakehouse.validate(table)
        return is_created

    created = side_by_side([partial(create_or_validate, table) for table in ALL])
    return [table.full_name for table, is_created in zip(ALL, created, strict=True) if is_created]


def sync_rules(lakehouse: Lakehouse, seed_path: str | Path, *, now: datetime) -> WriteResult:
    """Bring ``gold.dim_rule_scd2`` to the seed in one commit, or in none when nothing changed.

    A rule that the seed changes under a new ``rule_id`` closes the version that was current. The seed is refused
    whole, naming the entry, when it is inconsistent, changes a rule under its old id, drops a rule, or starts one
    in the future. Raises :class:`RulesError`.
    """
    seed = load_seed(seed_path)
    stored = load_table(lakehouse)
    wanted = plan_sync(stored, seed, now=now)
    if wanted == {rule.rule_id: rule for rule in stored}:
        return WriteResult()
    rows = lakehouse.rows(dim_rule_scd2.TABLE, [_record(rule) for rule in wanted.values()])
    return lakehouse.merge(dim_rule_scd2.TABLE, rows, scope=Scope(), differ=_COMPARABLE)


# Maps do not compare in SQL; what they hold never changes under one rule_id.
_COMPARABLE = ("is_current", "effective_end_ts")


def plan_sync(stored: list[Rule], seed: list[Rule], *, now: datetime) -> dict[str, Rule]:
    """Every version after the sync, by rule_id. Raises :class:`RulesError`."""
    before = {rule.rule_id: rule for rule in stored}
    after = dict(before)
    current_in_seed = {rule.name: rule for rule in seed if rule.is_current}
    in_seed = {rule.rule_id for rule in seed}
    for rule in seed:
        if rule.effective_start_ts > now:
            raise _refused(rule, "effective_start_ts is in the future")
        old = before.get(rule.rule_id)
        if old is not None:
            changed = [f for f in _VERSION_FIELDS if getattr(old, f) != getattr(rule, f)]
            if changed:
                raise _refused(
                    rule, f"{', '.join(changed)} changed under the same rule_id; give it a new one"
                )
            if rule.is_current and not old.is_current:
                raise _refused(rule, "a closed rule cannot be opened again; give it a new rule_id")
            if not old.is_current and rule.effective_end_ts != old.effective_end_ts:
                rule = old  # closed by an earlier sync; its end is history
        after[rule.rule_id] = rule
    for old in stored:
        if not old.is_current or old.rule_id in in_seed:
            continue
        successor = current_in_seed.get(old.name)
        if successor is None:
            raise _refused(old, "the rule is gone from the seed; close it there with effective_end_ts")
        if successor.effective_start_ts < old.effective_start_ts:
            raise _refused(successor, f"it would start before {old.rule_id}, which it replaces")
        after[old.rule_id] = Rule(
            **{**asdict(old), "effective_end_ts": successor.effective_start_ts, "is_current": False}
        )
    check_consistent(after.values())
    RuleBook.of(after.values(), source="seed", mode="strict")
    return after


def _refused(rule: Rule, problem: str) -> RulesError:
    return RulesError(
        f"rule {rule.rule_id} ({rule.name}): {problem}",
        table=dim_rule_scd2.TABLE.full_name,
        key=rule.rule_id,
        action="correct the seed; nothing was changed",
    )


def _record(rule: Rule) -> dict[str, Any]:
    levels = rule.severity_map
    return {
        **asdict(rule),
        "severity_map": None if levels is None else {k: float(v) for k, v in levels.items()},
        "allowed_values": None if rule.allowed_values is None else list(rule.allowed_values),
        "is_current": str(rule.is_current).lower(),
    }

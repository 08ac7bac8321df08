"""Bootstrap of the catalog and sync of the rules: on demand, before anything else (spec sections 8 and 9)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse, WriteResult
from ledger.delta.scope import Scope
from ledger.errors import RulesError
from ledger.gold import dim_rule_scd2
from ledger.rule_loading import load_seed, load_table
from ledger.rules import Rule, RuleBook, check_consistent
from ledger.side_by_side import side_by_side
from ledger.tables import ALL

logger = logging.getLogger(__name__)
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


@dataclass(frozen=True)
class RuleSync:
    """Result of a sync: the rule_ids of versions opened, of versions closed, and of those in force as before."""

    write: WriteResult
    opened: tuple[str, ...]
    closed: tuple[str, ...]
    unchanged: tuple[str, ...]

    @classmethod
    def of(cls, before: Iterable[Rule], after: Iterable[Rule], write: WriteResult) -> RuleSync:
        was = {rule.rule_id for rule in before if rule.is_current}
        versions = {rule.rule_id: rule for rule in after}
        current = {rule_id for rule_id, rule in versions.items() if rule.is_current}
        return cls(write, *(tuple(sorted(ids)) for ids in (current - was, was - current, was & current)))

    def counts(self) -> dict[str, str]:
        """Number and rule_ids by what happened, as text."""
        return {
            name: ": ".join(filter(None, (str(len(ids)), ", ".join(ids))))
            for name, ids in (
                ("opened", self.opened),
                ("closed", self.closed),
                ("unchanged", self.unchanged),
            )
        }

    def __str__(self) -> str:
        return "rules " + "; ".join(f"{name} {text}" for name, text in self.counts().items())


def sync_rules(lakehouse: Lakehouse, seed_path: str | Path, *, now: datetime) -> RuleSync:
    """Bring ``gold.dim_rule_scd2`` to the seed in one commit, or in none when nothing changed.

    A rule that the seed changes under a new ``rule_id`` closes the version that was current. The seed is refused
    whole, naming the entry, when it is inconsistent, changes a rule under its old id, drops a rule, starts one
    in the future, or so that the version before was never in force. Raises :class:`RulesError`.
    """
    seed = load_seed(seed_path)
    stored = load_table(lakehouse)
    wanted = plan_sync(stored, seed, now=now)
    write = WriteResult()
    if wanted != {rule.rule_id: rule for rule in stored}:
        rows = lakehouse.rows(dim_rule_scd2.TABLE, [_record(rule) for rule in wanted.values()])
        write = lakehouse.merge(dim_rule_scd2.TABLE, rows, scope=Scope(), differ=_COMPARABLE)
    done = RuleSync.of(stored, wanted.values(), write)
    logger.info("%s", done)
    return done


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
        after[old.rule_id] = Rule(
            **{**asdict(old), "effective_end_ts": successor.effective_start_ts, "is_current": False}
        )
    check_consistent(after.values())
    _check_in_force(before, after)
    RuleBook.of(after.values(), source="seed", mode="strict")
    return after


def _check_in_force(before: Mapping[str, Rule], after: Mapping[str, Rule]) -> None:
    """Every version that the sync closes or follows was in force for a while, and no two of a rule at once."""
    for rule in after.values():
        if rule.is_current and rule.rule_id not in before:
            for old in after.values():
                if old.name == rule.name and old is not rule:
                    _check_follows(rule, old)
    for rule in after.values():
        start, end = rule.effective_start_ts, rule.effective_end_ts
        if end and end <= start and rule.rule_id in before and before[rule.rule_id].is_current:
            raise _refused(rule, f"it would end at {end}, and it started at {start}: it was never in force")


def _check_follows(rule: Rule, old: Rule) -> None:
    start = rule.effective_start_ts
    if start <= old.effective_start_ts:
        raise _refused(
            rule,
            f"it would start at {start}, not after {old.rule_id}, which it replaces and which started at"
            f" {old.effective_start_ts} and would never have been in force",
        )
    if old.effective_end_ts and old.effective_end_ts > start:
        raise _refused(
            rule, f"it would start at {start}, while {old.rule_id} is in force until {old.effective_end_ts}"
        )


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

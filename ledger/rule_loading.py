"""Rules from the rule table or the seed, each entry checked (spec section 8)."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.delta.answers import question
from ledger.delta.lakehouse import Lakehouse
from ledger.errors import LedgerError, RulesError
from ledger.gold.dim_rule_scd2 import TABLE
from ledger.rules import LEVELS, LISTS, Rule, RuleBook, RuleLoadMode, check_consistent, malformed

logger = logging.getLogger(__name__)
_LARGEST_SEED_BYTES = 4 << 20
_LONGEST_SHOWN = 200


def parse_rule(entry: Mapping[str, Any]) -> Rule:
    """One entry of the table or the seed; raises :class:`RulesError` naming the entry and the field."""
    name = str(entry.get("rule_id") or f"{entry.get('domain')}/{entry.get('metric')}")
    unknown = sorted(set(entry) - set(TABLE.column_names))
    if unknown:
        raise malformed(name, f"unknown field {', '.join(unknown)}")
    texts = {}
    for field in ("rule_id", "domain", "metric"):
        value = entry.get(field)
        if not isinstance(value, str) or not value.strip():
            raise malformed(name, f"{field} must be a non-empty text")
        texts[field] = value
    if not isinstance(entry.get("is_current"), bool):
        raise malformed(name, "is_current must be true or false")
    levels = entry.get("severity_map")
    if levels is not None and (not isinstance(levels, Mapping) or not levels or set(levels) - set(LEVELS)):
        raise malformed(name, f"severity_map must map some of {', '.join(LEVELS)} to numbers")
    values = entry.get("allowed_values")
    if values is not None and (
        not isinstance(values, list) or not all(isinstance(v, str) and v for v in values)
    ):
        raise malformed(name, "allowed_values must be a list of texts")
    comment = entry.get("comment")
    if comment is not None and not isinstance(comment, str):
        raise malformed(name, "comment must be a text")
    rule = Rule(
        **texts,
        threshold=_number(name, "threshold", entry.get("threshold")),
        severity_map=None if levels is None else {k: _level(name, k, v) for k, v in sorted(levels.items())},
        allowed_values=None if values is None else tuple(values),
        comment=comment,
        effective_start_ts=_required_instant(name, entry.get("effective_start_ts")),
        effective_end_ts=_instant(name, "effective_end_ts", entry.get("effective_end_ts")),
        is_current=bool(entry["is_current"]),
    )
    _check_meaning(rule)
    return rule


def _check_meaning(rule: Rule) -> None:
    key, levels = (rule.domain, rule.metric), rule.severity_map or {}
    if key in LISTS and not rule.allowed_values:
        raise malformed(rule.rule_id, "allowed_values must list at least one value")
    if key not in LISTS and rule.threshold is None and not rule.severity_map:
        raise malformed(rule.rule_id, "a threshold or a severity_map is needed")
    if key == ("silver", "bad_records_rate") and rule.threshold is None and "fail" not in levels:
        raise malformed(rule.rule_id, "a threshold or severity_map.fail is needed")
    if rule.domain == "dq" and rule.severity_map and not {"warn", "crit"} & set(levels):
        raise malformed(rule.rule_id, "severity_map needs warn or crit")
    if "warn" in levels and "crit" in levels and levels["warn"] > levels["crit"]:
        raise malformed(rule.rule_id, "severity_map.warn is above severity_map.crit")
    if any(v < 0 for v in (*levels.values(), *([rule.threshold] if rule.threshold is not None else []))):
        raise malformed(rule.rule_id, "a threshold cannot be negative")
    if rule.is_current and rule.effective_end_ts is not None:
        raise malformed(rule.rule_id, "a current rule cannot have effective_end_ts")
    if not rule.is_current and rule.effective_end_ts is None:
        raise malformed(rule.rule_id, "a rule that is not current needs effective_end_ts")
    if rule.effective_end_ts is not None and rule.effective_end_ts < rule.effective_start_ts:
        raise malformed(rule.rule_id, "effective_end_ts is before effective_start_ts")


def read_seed(path: str | Path) -> str:
    """The text of a seed file. Raises :class:`RulesError` for what is no file, or none of a seed's size.

    A device never ends and a pipe never begins, so neither is read.
    """
    try:
        # Without O_NONBLOCK, opening a pipe would wait for its writer.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _unreadable(path, "it is no regular file")
            content = file.read(_LARGEST_SEED_BYTES + 1)
        if len(content) > _LARGEST_SEED_BYTES:
            raise _unreadable(path, f"it is larger than {_LARGEST_SEED_BYTES >> 20} MiB")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    except ValueError as error:  # a name with a NUL, or a byte that is no UTF-8
        raise _unreadable(path, str(error)) from None


def _unreadable(path: str | Path, problem: str) -> RulesError:
    return RulesError(f"cannot read the rule seed {path}: {problem}", action="check rules.seed_path")


def _shown(value: object) -> str:
    text = repr(value if isinstance(value, str) else str(value))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the seed; of a name that is there twice no reader could say which value was meant."""
    named = dict(pairs)
    if len(named) < len(pairs):
        raise ValueError("an entry names a field twice")
    return named


def load_seed(path: str | Path) -> list[Rule]:
    """The rules of a seed file: a JSON list of entries with the table's columns."""
    text = read_seed(path)
    try:
        # A number may have any number of digits here; what is no double is refused with its entry and field.
        entries = json.loads(text, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=_unique)
    except RecursionError:
        raise _unreadable(path, "it is nested too deeply") from None
    except (ValueError, InvalidOperation) as error:
        raise _unreadable(path, str(error)) from error
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise RulesError(f"the rule seed {path} is not a list of entries")
    rules = [parse_rule(entry) for entry in entries]
    check_consistent(rules)
    return rules


def load_table(lakehouse: Lakehouse) -> list[Rule]:
    """All versions in ``gold.dim_rule_scd2``; doubles are read through their text."""
    return [parse_rule(row.asDict()) for row in lakehouse.answer(TABLE, _rule_rows)]


@question()
def _rule_rows(table: DataFrame) -> DataFrame:
    casts = {"threshold": "string", "severity_map": "map<string,string>"}
    times = ("effective_start_ts", "effective_end_ts")
    return table.select(
        *[n for n in TABLE.column_names if n not in casts and n not in times],
        *[F.col(n).cast(kind).alias(n) for n, kind in casts.items()],
        *[F.unix_micros(n).alias(n) for n in times],
    )


def load_rules(lakehouse: Lakehouse, *, mode: RuleLoadMode, seed_path: str | Path) -> RuleBook:
    """The rules in force now.

    ``strict`` reads the table or fails. ``fallback`` may use the seed, only when the table is missing or cannot
    be read; wrong content fails in either mode (spec section 8).
    """
    try:
        if not lakehouse.exists(TABLE):
            raise RulesError(
                "the rule table does not exist", table=TABLE.full_name, action="run sync_dim_rule_scd2"
            )
        lakehouse.validate(TABLE)
        return RuleBook.of(load_table(lakehouse), source="table", mode=mode)
    except Exception as error:
        is_content = isinstance(error, LedgerError) and lakehouse.exists(TABLE)
        if mode == "strict" or is_content:
            raise
        logger.warning("rule table %s cannot be read, falling back to the seed: %s", TABLE.full_name, error)
        return RuleBook.of(load_seed(seed_path), source="seed", mode=mode)


def _number(name: str, field: str, value: Any) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool):
        raise malformed(name, f"{field} must be a number")
    try:
        number = Decimal(repr(float(str(value))))  # the text of the double that the table holds
    except (ValueError, InvalidOperation):
        raise malformed(name, f"{field} must be a number, got {_shown(value)}") from None
    if not number.is_finite():
        raise malformed(name, f"{field} must be finite")
    return number


def _level(name: str, level: str, value: Any) -> Decimal:
    number = _number(name, f"severity_map.{level}", value)
    if number is None:
        raise malformed(name, f"severity_map.{level} must be a number")
    return number


def _required_instant(name: str, value: Any) -> datetime:
    instant = _instant(name, "effective_start_ts", value)
    if instant is None:
        raise malformed(name, "effective_start_ts is missing")
    return instant


def _instant(name: str, field: str, value: Any) -> datetime | None:
    """ISO-8601 text (seed) or microseconds since the epoch (table) as a UTC instant."""
    if value is None:
        return None
    try:
        if isinstance(value, int):
            return datetime.fromtimestamp(value // 1_000_000, UTC).replace(microsecond=value % 1_000_000)
        instant = datetime.fromisoformat(str(value))
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise malformed(name, f"{field} is not an ISO-8601 time that has a UTC: {_shown(value)}") from None

"""Replay a scenario's steps through the independent oracle, so that its hand-made expectations have a second judge."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from mock_data.scenario import Scenario, Step
from tests.oracle import Oracle
from tests.oracle.contract import columns_of
from tests.oracle.state import Result
from tests.oracle.verdicts import verdict
from tests.scenarios.diff import Rows, differences

DEFAULT_SEED = Path(__file__).parents[2] / "mock_data/fixtures/dim_rule_scd2.json"
BACKFILL = re.compile(r"run_mode=backfill,date_kst_start=([\d-]+),date_kst_end=([\d-]+),run_id=(.+)")
CALLS = {
    "pipeline_a_guardrail": "a",
    "pipeline_silver_materialization": "silver",
    "pipeline_b_controls": "b",
    "pipeline_c_analytics": "c",
}
SCALE = {"money": 2, "decimal(38,2)": 2, "decimal(38,6)": 6}


class NotModelledError(Exception):
    """The oracle runs whole KST days only."""


def replay(scenario: Scenario, landing: Path) -> list[str]:
    """Claims that the oracle disputes. Raises NotModelledError for a step that it cannot run."""
    seed = scenario.environment().get("PIPELINE_CFG__RULES__SEED_PATH", str(DEFAULT_SEED))
    oracle = Oracle(landing, json.loads(Path(seed).read_text("utf-8")))
    for step in scenario.steps:
        if step.landing is not None:
            shutil.copytree(scenario.folder / step.landing, landing, dirs_exist_ok=True)
        ok, output = _step(oracle, step)
        if ok != (step.exit == 0) or (step.message_contains or "") not in output:
            return [f"{scenario.name}: {step.ledgerctl}: {'ok' if ok else 'failed'}, {output}"]
    return differences(scenario, lambda table: _rows(oracle, table))


def _step(oracle: Oracle, step: Step) -> tuple[bool, str]:
    match step.ledgerctl:
        case ["day", day, "--run-id", run_id]:
            outcome = oracle.day(date.fromisoformat(day), run_id)
            return outcome.ok, str(outcome.failure)
        case ["verdict", day]:
            word = verdict(oracle, date.fromisoformat(day)).verdict
            return word == "adds_up", word
        case ["landing", "withdraw", path, *_]:
            oracle.withdraw(path)
            return True, ""
        case ["state"]:
            due = ", ".join(map(str, oracle.restatement_due()))
            return True, f"due for restatement: {due or 'none'}"
        case ["run", "bootstrap_catalog"]:
            return True, ""
        case ["run", "sync_dim_rule_scd2"]:
            oracle.sync_rules(oracle.seed)
            return True, ""
        case ["run", job, "--params", parameters] if found := BACKFILL.fullmatch(parameters):
            first, last, run_id = found.groups()
            return _backfill(oracle, CALLS[job], date.fromisoformat(first), date.fromisoformat(last), run_id)
    raise NotModelledError(" ".join(step.ledgerctl))


def _backfill(oracle: Oracle, call: str, first: date, last: date, run_id: str) -> tuple[bool, str]:
    """A job over several days, ascending, stopped by the first failure; A and Silver load the days they cover."""
    run: Callable[[date, str], Result] = getattr(oracle, call)
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        if call in ("a", "silver"):
            oracle.ingest(day)
        result = run(day, run_id)
        if not result.ok:
            return False, str(result)
    return True, ""


def _rows(oracle: Oracle, table: str) -> Rows:
    types = columns_of(table)
    return [
        {key: _typed(value, types.get(key, "")) for key, value in row.items()}
        for row in _squared(oracle, table)
    ]


def _squared(oracle: Oracle, table: str) -> Rows:
    """Rows that all have the same columns: an unknown field becomes a column of the whole table."""
    names = dict.fromkeys(name for row in oracle.tables[table] for name in row)
    return [{name: row.get(name) for name in names} for row in oracle.tables[table]]


def _typed(value: Any, kind: str) -> Any:
    """A Delta column has one scale, the oracle's decimals may be narrower."""
    scale = SCALE.get(kind.rstrip("!"))
    return (
        value
        if scale is None or not isinstance(value, Decimal)
        else value.quantize(Decimal(1).scaleb(-scale))
    )

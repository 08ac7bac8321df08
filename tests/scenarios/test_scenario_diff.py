"""The comparison itself: what it must see, and that it says where."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from mock_data.scenario import SCENARIOS_DIR, Row, Scenario, TableExpectation, load_scenario
from tests.scenarios.diff import Rows, cell, differences

STATUS = "silver.dq_status"
EXCEPTIONS = "gold.exception_ledger"


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(SCENARIOS_DIR / "drift_mismatch")


def stored(expected: TableExpectation) -> Rows:
    """Rows that a table could hold to meet the expectation."""
    if expected.rows is None:
        return [{} for _ in range(expected.count)]
    return [{name: _stored(name, value) for name, value in row.items()} for row in expected.rows]


def _stored(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value)
    if name == "date_kst":
        return date.fromisoformat(value)
    if name.endswith("_ts"):
        return datetime.fromisoformat(value)
    return Decimal(value) if name.startswith(("drift_", "delta_", "net_")) else value


def check(scenario: Scenario, changed: dict[str, Rows]) -> list[str]:
    tables = {table: stored(expected) for table, expected in scenario.expect.tables.items()} | changed
    return differences(scenario, lambda table: tables[table])


def test_tables_as_expected_give_no_difference(scenario: Scenario) -> None:
    assert check(scenario, {}) == []


def test_a_missing_and_a_repeated_row_are_named(scenario: Scenario) -> None:
    rows = stored(scenario.expect.tables[STATUS])
    missing = check(scenario, {STATUS: rows[1:]})
    assert missing[0] == f"drift_mismatch: {STATUS}: expected 3 rows, got 2"
    assert missing[1].startswith(f"drift_mismatch: {STATUS}: missing ")
    assert "bronze.transaction" in missing[1]
    repeated = check(scenario, {STATUS: [*rows, rows[0]]})
    assert len(repeated) == 2
    assert ": not expected " in repeated[1]


@pytest.mark.parametrize(
    ("column", "value"),
    [("event_count", "3"), ("event_count", 4), ("dq_tag", "SOURCE_STALE"), ("rule_id", "")],
)
def test_a_changed_cell_is_named_with_both_values(scenario: Scenario, column: str, value: object) -> None:
    rows = stored(scenario.expect.tables[STATUS])
    changed = check(scenario, {STATUS: [{**rows[0], column: value}, *rows[1:]]})
    assert len(changed) == 2
    assert f"nearest has {column} {value!r} instead of {rows[0][column]!r}" in changed[0]


def test_a_json_message_is_compared_by_its_members_and_their_types(scenario: Scenario) -> None:
    rows = stored(scenario.expect.tables[EXCEPTIONS])
    message = json.loads(rows[0]["message"])
    respelled = json.dumps(dict(reversed(message.items())), separators=(",", ":"))
    assert check(scenario, {EXCEPTIONS: [{**rows[0], "message": respelled}, *rows[1:]]}) == []
    as_number = json.dumps(message | {"drift_abs": 10.5})
    assert check(scenario, {EXCEPTIONS: [{**rows[0], "message": as_number}, *rows[1:]]})


def test_verdicts_are_read_from_the_gold_tables(scenario: Scenario) -> None:
    supply, recon = "gold.ledger_supply_balance_daily", "gold.recon_daily_snapshot_flow"
    broken = [{**row, "is_ok": False} for row in stored(scenario.expect.tables[supply])]
    calm = [{**row, "drift_abs": Decimal("0.00")} for row in stored(scenario.expect.tables[recon])]
    found = [text for text in check(scenario, {supply: broken, recon: calm}) if "verdict" in text]
    assert found == [
        "drift_mismatch: verdict: supply of 2026-02-10: expected is_ok=True, got False",
        "drift_mismatch: verdict: drifting users of 2026-02-10: expected ['u-001', 'u-002'], got []",
    ]


def test_a_column_that_is_not_there_is_a_difference(scenario: Scenario) -> None:
    rows: Rows = [
        {k: v for k, v in r.items() if k != "dq_tag"} for r in stored(scenario.expect.tables[STATUS])
    ]
    assert check(scenario, {STATUS: rows}) == [
        f"drift_mismatch: {STATUS}: columns ['dq_tag'] are not in the table"
    ]


def test_cells_are_written_as_in_the_scenario_files() -> None:
    at = datetime(2026, 2, 10, 14, 59, 59, 999999, tzinfo=UTC)
    expected: Row = {
        "a": "1500.00",
        "b": "2026-02-10T14:59:59.999999Z",
        "c": "2026-02-10T15:00:00Z",
        "d": "2026-02-10",
    }
    midnight = datetime(2026, 2, 10, 15, 0)  # naive: UTC
    values = (Decimal("1500.00"), at, midnight, date(2026, 2, 10))
    assert dict(zip("abcd", map(cell, values), strict=True)) == expected

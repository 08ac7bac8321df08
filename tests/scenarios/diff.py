"""Hold tables against a scenario's expectations (specification section 2), naming every row that is off.

Pure: rows come in as dictionaries, whoever read them, so the same comparison judges any engine.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from mock_data.scenario import Scenario, TableExpectation

Rows = list[dict[str, Any]]
ReadTable = Callable[[str], Rows]


def differences(scenario: Scenario, read: ReadTable) -> list[str]:
    """One text per thing that is not as the scenario says; empty when all is."""
    found: list[str] = []
    for table, expected in scenario.expect.tables.items():
        found += [f"{scenario.name}: {table}: {text}" for text in _table(expected, read(table))]
    found += [f"{scenario.name}: verdict: {text}" for text in _verdicts(scenario, read)]
    return found


def _table(expected: TableExpectation, actual: Rows) -> Iterator[str]:
    if len(actual) != expected.count:
        yield f"expected {expected.count} rows, got {len(actual)}"
    if expected.rows is None:
        return
    absent = [name for name in expected.columns if actual and name not in actual[0]]
    if absent:
        yield f"columns {absent} are not in the table"
        return
    as_json = {name for row in expected.rows for name, value in row.items() if isinstance(value, dict)}
    wanted = Counter(_key(dict(row)) for row in expected.rows)
    got = Counter(
        _key({name: cell(row[name], name in as_json) for name in expected.columns}) for row in actual
    )
    missing, extra = list((wanted - got).elements()), list((got - wanted).elements())
    for row in missing:
        yield f"missing {row}{_nearest(row, extra)}"
    for row in extra:
        yield f"not expected {row}"


def _verdicts(scenario: Scenario, read: ReadTable) -> Iterator[str]:
    verdicts = scenario.expect.verdicts
    supply = {str(row["date_kst"]): row["is_ok"] for row in read("gold.ledger_supply_balance_daily")}
    for day, is_ok in verdicts.supply_is_ok.items():
        if supply.get(day) is not is_ok:
            yield f"supply of {day}: expected is_ok={is_ok}, got {supply.get(day, 'no row')}"
    recon = read("gold.recon_daily_snapshot_flow")
    for day, users in verdicts.drifting_users.items():
        drifting = sorted(r["user_id"] for r in recon if str(r["date_kst"]) == day and r["drift_abs"] > 0)
        if drifting != sorted(users):
            yield f"drifting users of {day}: expected {sorted(users)}, got {drifting}"


def cell(value: Any, is_json: bool = False) -> Any:
    """A stored value as the scenario files write it: money with its scale, instants in UTC with a Z."""
    match value:
        case str() if is_json:
            return json.loads(value)
        case Decimal():
            return f"{value:f}"
        case datetime():
            return (
                f"{(value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
                + (f".{value.microsecond:06d}Z" if value.microsecond else "Z")
            )
        case date():
            return value.isoformat()
    return value


def _key(row: dict[str, Any]) -> str:
    """A row as comparable text that tells 1 from "1" and true."""
    return json.dumps(row, ensure_ascii=False, sort_keys=True)


def _nearest(row: str, others: list[str]) -> str:
    """Which columns set a missing row apart from the most similar unexpected one."""
    expected = json.loads(row)
    gaps = [{k: (v, o[k]) for k, v in expected.items() if o[k] != v} for o in map(json.loads, others)]
    gap = min(gaps, key=len, default=None)
    if not gap or len(gap) == len(expected):
        return ""
    return "; nearest has " + ", ".join(f"{k} {got!r} instead of {want!r}" for k, (want, got) in gap.items())

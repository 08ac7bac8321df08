"""Hold real Delta tables against the oracle's: column by column, as multisets of rows.

    python -m tests.oracle.compare --landing L --warehouse W --days 2026-02-01:r1,2026-02-02:r2 [--rules SEED]

A step written as `b@2026-02-02:r3` runs B alone. Clock columns are ignored, JSON text is compared after
parsing, `record_json` leniently, and values on which the specification is silent (`ANY`) match anything.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.oracle.contract import TABLES, Row
from tests.oracle.controls import ANY
from tests.oracle.views import LENIENT, actual_rows, expected_rows, schema_problems
from tests.oracle.warehouse import Oracle

DEFAULT_SEED = Path("mock_data/fixtures/dim_rule_scd2.json")


@dataclass
class Diff:
    """Differences of one table. Empty when everything matches."""

    table: str
    problems: list[str] = field(default_factory=list)
    missing: list[Row] = field(default_factory=list)
    extra: list[Row] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.problems or self.missing or self.extra)

    def report(self, limit: int = 5) -> str:
        """The first rows of each side, and in which columns the nearest other row differs."""
        lines = [f"== {self.table}: {len(self.missing)} missing, {len(self.extra)} extra"]
        lines += [f"   ! {problem}" for problem in self.problems]
        for row in self.missing[:limit]:
            lines.append(f"   - missing {render(row)}")
            nearest = min(self.extra, key=lambda other: len(differing(row, other)), default=None)
            if nearest is not None:
                lines.append(f"     nearest differs in {differing(row, nearest)}")
        lines += [f"   + extra   {render(row)}" for row in self.extra[:limit]]
        return "\n".join(lines)


def render(row: Row) -> str:
    """One row on one line."""
    return ", ".join(f"{name}={_short(value)}" for name, value in row.items())


def _short(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    text = str(value) if isinstance(value, Decimal | date) else repr(value)
    return text if len(text) <= 160 else f"{text[:160]}..."


def differing(expected: Row, actual: Row) -> dict[str, tuple[str, str]]:
    """column -> (expected, actual) where two rows do not match."""
    return {
        name: (_short(value), _short(actual.get(name)))
        for name, value in expected.items()
        if not _matches(name, value, actual.get(name))
    }


def _matches(name: str, expected: Any, actual: Any) -> bool:
    if expected is ANY:
        return True
    return LENIENT[name](expected, actual) if name in LENIENT else expected == actual


def compare_rows(table: str, expected: list[Row], actual: list[Row]) -> Diff:
    """Match the two multisets; a column that one side's row does not have counts as null."""
    left, right = expected_rows(table, expected), actual_rows(table, actual)
    names = list(dict.fromkeys(name for row in (*left, *right) for name in row))
    left, right = ([{name: row.get(name) for name in names} for row in side] for side in (left, right))
    open_names = {name for row in left for name, value in row.items() if value is ANY} | set(LENIENT)
    fixed = [name for name in names if name not in open_names]
    groups: dict[tuple[Any, ...], tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((left, right)):
        for row in rows:
            groups[tuple(row[name] for name in fixed)][side].append(row)
    diff = Diff(table)
    for wanted, found in groups.values():
        partner = _match(wanted, found)
        diff.missing += [row for at, row in enumerate(wanted) if at not in partner.values()]
        diff.extra += [row for at, row in enumerate(found) if at not in partner]
    return diff


def _match(wanted: list[Row], found: list[Row]) -> dict[int, int]:
    """A maximum matching by Kuhn's augmenting paths: index in `found` -> index in `wanted`."""
    partner: dict[int, int] = {}

    def place(at: int, tried: set[int]) -> bool:
        for other, row in enumerate(found):
            if other not in tried and all(_matches(name, wanted[at][name], row[name]) for name in row):
                tried.add(other)
                if other not in partner or place(partner[other], tried):
                    partner[other] = at
                    return True
        return False

    for at in range(len(wanted)):
        place(at, set())
    return partner


def compare_table(oracle: Oracle, warehouse: Path, table: str) -> Diff:
    """One Delta table against the oracle's. It may be absent only when it should be empty."""
    from deltalake import DeltaTable

    path = warehouse.joinpath(*table.split("."))
    if not (path / "_delta_log").is_dir():
        problems = ["the table does not exist"] if oracle.tables[table] else []
        return Diff(table, problems, missing=expected_rows(table, oracle.tables[table]))
    data = DeltaTable(str(path)).to_pyarrow_table()
    diff = compare_rows(table, oracle.tables[table], data.to_pylist())
    diff.problems += schema_problems(table, data.schema)
    return diff


def compare(oracle: Oracle, warehouse: Path, tables: list[str] | None = None) -> list[Diff]:
    """Every table that differs."""
    diffs = [compare_table(oracle, Path(warehouse), table) for table in tables or TABLES]
    return [diff for diff in diffs if diff]


def replay(oracle: Oracle, steps: str) -> None:
    """Run `2026-02-01:r1,b@2026-02-02:r2`: whole days, or one step (`ingest`, `a`, `silver`, `b`, `c`)."""
    for step in steps.split(","):
        call, _, rest = step.strip().rpartition("@")
        day, _, run_id = rest.partition(":")
        outcome = getattr(oracle, call or "day")(date.fromisoformat(day), run_id)
        print(f"oracle {step}: {'ok' if outcome.ok else outcome}")


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when nothing differs, 1 otherwise."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--landing", type=Path, required=True)
    parser.add_argument("--warehouse", type=Path, required=True)
    parser.add_argument("--days", required=True, help="2026-02-01:r1,2026-02-02:r2,b@2026-02-02:r3")
    parser.add_argument("--rules", type=Path, default=DEFAULT_SEED)
    parser.add_argument("--salt", default="local-salt-v1")
    parser.add_argument("--lookback-days", type=int, default=35)
    parser.add_argument("--rule-load-mode", default="strict")
    parser.add_argument("--table", action="append", help="only this table (repeatable)")
    options = parser.parse_args(arguments)
    oracle = Oracle(
        options.landing,
        json.loads(options.rules.read_text("utf-8")),
        options.salt,
        options.lookback_days,
        rule_load_mode=options.rule_load_mode,
    )
    replay(oracle, options.days)
    diffs = compare(oracle, options.warehouse, options.table)
    for diff in diffs:
        print(diff.report())
    print(f"{len(diffs)} of {len(options.table or TABLES)} tables differ")
    return 1 if diffs else 0


if __name__ == "__main__":
    sys.exit(main())

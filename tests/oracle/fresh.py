"""Convergence, also of sources that change: a warehouse held against a fresh one from the landing as it now is.

Left out of the comparison: what only ever grows by attempts, clocks, run ids, and `dq_tag` (A's word on the day when it
last looked: an evaluation, and as such append-only).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

from tests.oracle.compare import Diff, compare_rows
from tests.oracle.contract import SILVER
from tests.oracle.contract_gold import GOLD
from tests.oracle.controls import ANY
from tests.oracle.warehouse import Oracle
from tests.support import Home, difference, entered, ledgerctl

GROWING = {
    "silver.bad_records",
    "silver.dq_status",
    "silver.day_changes",
    "gold.exception_ledger",
    "gold.restatement_log",
    "gold.pipeline_state",
    "gold.pipeline_run_log",
    "gold.dim_rule_scd2",
}
NOT_CONVERGING = ("run_id", "last_run_id", "dq_tag")
RESULTS = [t for t in (*(f"silver.{n}" for n in SILVER), *(f"gold.{n}" for n in GOLD)) if t not in GROWING]


def landing_as_it_is(home: Home, into: Home) -> Home:
    """Copy the landing without the files whose content was withdrawn: a fresh warehouse was never told."""
    into.copy_from(home, "landing")
    newest: dict[str, dict[str, Any]] = {}
    for event in sorted(home.rows("bronze.landing_file"), key=lambda event: event["at"]):
        if event["status"] in ("loaded", "withdrawn"):
            newest[event["path"]] = event
    for path, event in newest.items():
        if event["status"] == "withdrawn":
            (into.landing / path).unlink(missing_ok=True)
    return into


def build_fresh(
    home: Home, root: Path, days: Iterable[date], settle: Callable[[Home], None] | None = None
) -> Home:
    """A new warehouse under `root`: the days ascending through `ledgerctl`, then whatever that left due."""
    fresh = landing_as_it_is(home, Home(root))
    with entered(fresh):
        for day in sorted(days):
            done = ledgerctl("day", day, "--run-id", f"fresh-{day}")
            assert done.code == 0, done.err
    if settle is not None:
        settle(fresh)
    return fresh


def fresh_oracle(landing: Path, rules: list[dict[str, Any]], days: Iterable[date]) -> Oracle:
    """The oracle's fresh warehouse, settled: Silver, B and C again until nothing is due."""
    oracle = Oracle(landing, rules)
    for day in sorted(days):
        outcome = oracle.day(day, f"fresh-{day}")
        assert outcome.ok, outcome.failure
    for _ in range(10):
        due = [(oracle.silver, d) for d in oracle.silver_due()] + [
            (oracle.b, d) for d in oracle.restatement_due()
        ]
        due += [(oracle.c, d) for d in oracle.mart_due()]
        if not due:
            return oracle
        for step, day in due:
            assert step(day, "settled").ok
    raise AssertionError("the oracle is never done")


def against_fresh(home: Home, fresh: Home) -> str:
    """Differences of two warehouses, table by table (internal ones included); empty when they agree."""
    tables = {t for t in (*home.tables(), *fresh.tables()) if not t.startswith("bronze.")} - GROWING
    left, right = (each.content(*sorted(tables), without=NOT_CONVERGING) for each in (fresh, home))
    return difference(left, right)


def against_oracle(home: Home, oracle: Oracle) -> list[Diff]:
    """Every Silver and Gold table whose results are not the oracle's."""
    free = dict.fromkeys(("run_id", "dq_tag"), ANY)
    diffs = []
    for table in RESULTS:
        expected = [row | {name: ANY for name in free if name in row} for row in oracle.tables[table]]
        diffs.append(compare_rows(table, expected, home.rows(table)))
    return [diff for diff in diffs if diff]

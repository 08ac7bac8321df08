"""Bootstrap of the catalog and sync of the rules (spec sections 8 and 9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse, WriteResult
from ledger.errors import ContractError, RulesError
from ledger.gold import dim_rule_scd2
from ledger.pipelines.catalog import bootstrap, plan_sync, sync_rules
from ledger.rule_loading import load_seed, load_table
from ledger.silver import products
from ledger.tables import ALL
from tests.ledger.rule_entries import Entry, entry, shipped, write_seed

NOW = datetime(2026, 3, 1, tzinfo=UTC)
V2 = "2026-02-15T00:00:00Z"
RULES = dim_rule_scd2.TABLE


@pytest.fixture
def lake(lakehouse: Lakehouse) -> Lakehouse:
    """A rule table with the shipped rules."""
    lakehouse.create(RULES)
    return lakehouse


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    return tmp_path / "seed.json"


def sync(lake: Lakehouse, seed: Path, entries: list[Entry], now: datetime = NOW) -> WriteResult:
    return sync_rules(lake, write_seed(seed, entries), now=now).write


def replaced(old: Entry, *new: Entry) -> list[Entry]:
    """The shipped entries with one of them replaced."""
    return [e for e in shipped() if e["rule_id"] != old["rule_id"]] + list(new)


DRIFT = entry("drift_abs")
DRIFT_START = DRIFT["effective_start_ts"][:10]
DRIFT_V2 = entry("drift_abs", rule_id="ledger-drift-abs-v2", threshold=5, effective_start_ts=V2)


def test_bootstrap_creates_every_table_once_and_loads_nothing(lakehouse: Lakehouse) -> None:
    """INV-24"""
    assert sorted(bootstrap(lakehouse)) == sorted(t.full_name for t in ALL)
    versions = {t.full_name: lakehouse.version(t) for t in ALL}
    assert bootstrap(lakehouse) == []
    assert {t.full_name: lakehouse.version(t) for t in ALL} == versions
    assert all(DeltaTable(lakehouse.path(t)).file_uris() == [] for t in ALL)
    for table in ALL:
        stored = {f.name: f.nullable for f in DeltaTable(lakehouse.path(table)).schema().fields}
        assert stored == {c.name: c.name not in table.required for c in table.columns}


def test_bootstrap_refuses_a_table_that_is_not_its_contract(lakehouse: Lakehouse) -> None:
    """INV-24: column by column, and the tables after it are not what a caller finds out first."""
    other = [c for c in products.TABLE.columns if c.name != "category"]
    lakehouse.create(Table("silver", "products", "someone's", tuple(other), "merge", "", ("product_id",)))
    with pytest.raises(ContractError, match=r"category is missing.*table=silver\.products"):
        bootstrap(lakehouse)


def test_the_first_sync_loads_the_seed_in_one_commit(lake: Lakehouse, seed: Path) -> None:
    """INV-20"""
    version = lake.version(RULES)
    assert sync(lake, seed, shipped()) == WriteResult(inserted=len(shipped()))
    assert lake.version(RULES) == version + 1
    assert all(rule.is_current for rule in load_table(lake))


def test_a_seed_without_changes_writes_nothing(lake: Lakehouse, seed: Path) -> None:
    """INV-20: whatever the order of its entries, and also much later."""
    sync(lake, seed, shipped())
    version = lake.version(RULES)
    later = NOW + timedelta(days=400)
    assert sync(lake, seed, shipped()[::-1], later) == WriteResult()
    assert lake.version(RULES) == version


@pytest.mark.parametrize("threshold", [0.1, 1e-7, 123456789.123456, 2**53, 0.12345678901234567890])
def test_any_number_is_recognised_again(lake: Lakehouse, seed: Path, threshold: float) -> None:
    """INV-20: the table's doubles are no reason to see a change where there is none."""
    sync(lake, seed, replaced(DRIFT, {**DRIFT, "threshold": threshold}))
    version = lake.version(RULES)
    assert sync(lake, seed, replaced(DRIFT, {**DRIFT, "threshold": threshold})) == WriteResult()
    assert lake.version(RULES) == version


@pytest.mark.parametrize("text", ["9007199254740993", "0.1000000000000000055"])
def test_a_number_that_no_double_holds_is_recognised_again(lake: Lakehouse, seed: Path, text: str) -> None:
    """INV-20"""
    for _ in range(2):
        write_seed(seed, replaced(DRIFT, {**DRIFT, "threshold": "@"}))
        seed.write_text(seed.read_text().replace('"@"', text))
        result = sync_rules(lake, seed, now=NOW).write
    assert result == WriteResult()


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param(replaced(DRIFT, DRIFT_V2), id="the old version left out"),
        pytest.param(
            replaced(DRIFT, {**DRIFT, "is_current": False, "effective_end_ts": V2}, DRIFT_V2),
            id="the old version closed",
        ),
    ],
)
def test_a_changed_rule_closes_and_opens_in_one_commit(
    lake: Lakehouse, seed: Path, entries: list[Entry]
) -> None:
    """INV-20: no reader sees two current versions or none."""
    sync(lake, seed, shipped())
    version = lake.version(RULES)
    assert sync(lake, seed, entries) == WriteResult(inserted=1, updated=1)
    assert lake.version(RULES) == version + 1
    rules = {rule.rule_id: rule for rule in load_table(lake)}
    old, new = rules[DRIFT["rule_id"]], rules["ledger-drift-abs-v2"]
    assert (old.is_current, old.effective_end_ts) == (False, new.effective_start_ts)
    assert (new.is_current, new.effective_end_ts, str(new.threshold)) == (True, None, "5.0")
    assert len(rules) == len(shipped()) + 1
    assert sync(lake, seed, entries) == WriteResult(), "the same seed again changes nothing"
    assert lake.version(RULES) == version + 1


def test_a_rule_may_be_closed_without_a_successor(lake: Lakehouse, seed: Path) -> None:
    """INV-20: an optional rule retires with ``effective_end_ts``."""
    optional = entry("dup_rate_tx_id", rule_id="dup-user", metric="dup_rate_user_id")
    sync(lake, seed, [*shipped(), optional])
    closed = {**optional, "is_current": False, "effective_end_ts": V2}
    assert sync(lake, seed, [*shipped(), closed]) == WriteResult(updated=1)
    assert sync(lake, seed, [*shipped(), closed]) == WriteResult()
    assert sync(lake, seed, shipped()) == WriteResult(), "history may leave the seed"


def refusals() -> dict[str, tuple[list[Entry], str]]:
    """Seeds after the first sync of the shipped one -> the entry and the problem that the error must name."""
    v1, tomorrow = DRIFT["rule_id"], (NOW + timedelta(days=1)).isoformat()
    closed = {**DRIFT, "is_current": False, "effective_end_ts": V2}
    return {
        "changed under the old id": (replaced(DRIFT, {**DRIFT, "threshold": 1}), f"{v1}.*threshold changed"),
        "comment changed under the old id": (
            replaced(DRIFT, {**DRIFT, "comment": "?"}),
            f"{v1}.*comment changed",
        ),
        "start changed under the old id": (
            replaced(DRIFT, {**DRIFT, "effective_start_ts": V2}),
            f"{v1}.*effective_start_ts",
        ),
        "metric changed under the old id": (
            replaced(DRIFT, {**DRIFT, "metric": "drift"}),
            f"{v1}.*metric changed",
        ),
        "gone": (replaced(DRIFT), f"{v1}.*gone from the seed"),
        "a required rule closed": (replaced(DRIFT, closed), "ledger/drift_abs"),
        "duplicate id": ([*shipped(), DRIFT], f"{v1}.*used twice"),
        "two currents": ([*shipped(), DRIFT_V2], "ledger-drift-abs-v2.*already has the current rule"),
        "starts in the future": (
            replaced(DRIFT, {**DRIFT_V2, "effective_start_ts": tomorrow}),
            "ledger-drift-abs-v2.*future",
        ),
        "starts before its predecessor": (
            replaced(DRIFT, {**DRIFT_V2, "effective_start_ts": "2025-01-01T00:00:00Z"}),
            f"ledger-drift-abs-v2.*start at 2025-01-01.*not after {v1}.*started at {DRIFT_START}",
        ),
        "starts with its predecessor, which was then never in force": (
            replaced(DRIFT, {**DRIFT_V2, "effective_start_ts": DRIFT["effective_start_ts"]}),
            f"ledger-drift-abs-v2.*start at {DRIFT_START}.*not after {v1}.*started at {DRIFT_START}",
        ),
        "starts before a predecessor that the seed closes": (
            replaced(DRIFT, closed, {**DRIFT_V2, "effective_start_ts": "2025-01-01T00:00:00Z"}),
            f"ledger-drift-abs-v2.*start at 2025-01-01.*not after {v1}.*started at {DRIFT_START}",
        ),
        "starts while its predecessor is in force": (
            replaced(DRIFT, {**closed, "effective_end_ts": "2026-02-20T00:00:00Z"}, DRIFT_V2),
            f"ledger-drift-abs-v2.*start at 2026-02-15.*{v1} is in force until 2026-02-20",
        ),
        "closed at its own start": (
            replaced(DRIFT, {**closed, "effective_end_ts": DRIFT["effective_start_ts"]}, DRIFT_V2),
            f"{v1}.*end at {DRIFT_START}.*started at {DRIFT_START}",
        ),
        "malformed": (
            replaced(DRIFT, {**DRIFT_V2, "threshold": "much"}),
            "ledger-drift-abs-v2.*threshold must be",
        ),
        "no id": (replaced(DRIFT, {**DRIFT, "rule_id": ""}), "ledger/drift_abs.*rule_id"),
    }


@pytest.mark.parametrize("case", refusals())
def test_a_refused_seed_is_refused_whole_with_the_entry_named(lake: Lakehouse, seed: Path, case: str) -> None:
    """INV-20: although another entry of the same seed is a valid change."""
    entries, problem = refusals()[case]
    extra = entry("dup_rate_tx_id", rule_id="valid-news", metric="dup_rate_user_id")
    sync(lake, seed, shipped())
    version = lake.version(RULES)
    with pytest.raises(RulesError, match=problem):
        sync(lake, seed, [extra, *entries])
    assert lake.version(RULES) == version
    assert "valid-news" not in {rule.rule_id for rule in load_table(lake)}


def test_a_rule_that_comes_back_starts_after_the_one_that_was_closed(lake: Lakehouse, seed: Path) -> None:
    """INV-20: also when the closed version has left the seed."""
    first = entry("dup_rate_tx_id", rule_id="dup-user", metric="dup_rate_user_id")
    sync(lake, seed, [*shipped(), first])
    sync(lake, seed, [*shipped(), {**first, "is_current": False, "effective_end_ts": V2}])
    for start in ("2025-01-01T00:00:00Z", "2026-02-14T23:59:59Z"):
        with pytest.raises(RulesError, match="dup-user-2.*would start at"):
            sync(lake, seed, [*shipped(), {**first, "rule_id": "dup-user-2", "effective_start_ts": start}])
    again = {**first, "rule_id": "dup-user-2", "effective_start_ts": V2}
    assert sync(lake, seed, [*shipped(), again]) == WriteResult(inserted=1)


def test_a_sync_says_what_it_opened_closed_and_left(lake: Lakehouse, seed: Path) -> None:
    """INV-20"""
    ids = tuple(sorted(e["rule_id"] for e in shipped()))
    first = sync_rules(lake, write_seed(seed, shipped()), now=NOW)
    assert (first.opened, first.closed, first.unchanged) == (ids, (), ())
    changed = sync_rules(lake, write_seed(seed, replaced(DRIFT, DRIFT_V2)), now=NOW)
    assert (changed.opened, changed.closed) == (("ledger-drift-abs-v2",), (DRIFT["rule_id"],))
    assert changed.unchanged == tuple(i for i in ids if i != DRIFT["rule_id"])
    assert str(changed).startswith(
        f"rules opened 1: ledger-drift-abs-v2; closed 1: {DRIFT['rule_id']}; unchanged {len(ids) - 1}: "
    )
    nothing = sync_rules(lake, write_seed(seed, replaced(DRIFT, DRIFT_V2)), now=NOW)
    assert nothing.counts() | {"unchanged": ""} == {"opened": "0", "closed": "0", "unchanged": ""}


def test_a_closed_rule_cannot_be_opened_again(lake: Lakehouse, seed: Path) -> None:
    """INV-20: rule_id is unique over the whole table, closed versions included."""
    sync(lake, seed, shipped())
    sync(lake, seed, replaced(DRIFT, DRIFT_V2))
    version = lake.version(RULES)
    closed_v2: dict[str, Any] = {**DRIFT_V2, "is_current": False, "effective_end_ts": "2026-02-20T00:00:00Z"}
    for entries in (shipped(), replaced(DRIFT, closed_v2, DRIFT)):
        with pytest.raises(RulesError, match=DRIFT["rule_id"]):
            sync(lake, seed, entries)
    assert lake.version(RULES) == version


def test_an_incomplete_first_seed_is_refused(lake: Lakehouse, seed: Path) -> None:
    """INV-19: a rule table that no pipeline could use is never written."""
    with pytest.raises(RulesError, match="ledger/drift_abs"):
        sync(lake, seed, replaced(DRIFT))
    assert load_table(lake) == []


def test_plan_sync_keeps_history_and_ends_a_replaced_version_where_its_successor_starts(seed: Path) -> None:
    """INV-20: planned without a table; a version that was closed before keeps the end that it has."""
    stored = load_seed(write_seed(seed, shipped()))
    changed = load_seed(write_seed(seed, replaced(DRIFT, DRIFT_V2)))
    planned = plan_sync(stored, changed, now=NOW)
    old, new = planned[DRIFT["rule_id"]], planned["ledger-drift-abs-v2"]
    assert (old.is_current, old.effective_end_ts) == (False, new.effective_start_ts)
    untouched = {rule.rule_id: rule for rule in stored if rule.rule_id != old.rule_id}
    assert {name: planned[name] for name in untouched} == untouched
    other_end = {**DRIFT, "is_current": False, "effective_end_ts": "2026-02-20T00:00:00Z"}
    again = load_seed(write_seed(seed, replaced(DRIFT, other_end, DRIFT_V2)))
    assert plan_sync(list(planned.values()), again, now=NOW) == planned
    assert plan_sync(stored, stored, now=NOW) == {rule.rule_id: rule for rule in stored}

"""Source of a run's rules: the table, or in fallback mode the seed (spec section 8)."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ledger.contract import Table, opt, req
from ledger.delta.lakehouse import Lakehouse
from ledger.errors import RulesError
from ledger.gold import dim_rule_scd2
from ledger.pipelines.catalog import sync_rules
from ledger.rule_loading import load_rules, load_seed, load_table
from tests.ledger.probe_tables import appended
from tests.ledger.rule_entries import SEED_PATH, entry, shipped, write_seed

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def store(lakehouse: Lakehouse, entries: list[dict[str, Any]]) -> None:
    """Write the entries to the rule table as they are, past the checks of the sync."""
    lakehouse.create(dim_rule_scd2.TABLE)
    records = [
        {
            **e,
            "is_current": str(e["is_current"]).lower(),
            "severity_map": {k: float(v) for k, v in e["severity_map"].items()}
            if e["severity_map"]
            else None,
        }
        for e in entries
    ]
    rows = lakehouse.rows(dim_rule_scd2.TABLE, records)
    lakehouse.append(appended(dim_rule_scd2.TABLE), rows, expected=len(entries))


def test_the_table_gives_back_the_seed(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """INV-21: through the doubles of the table and back the rules are the same decimals."""
    levels = {"warn": 1e-7, "crit": 123456789.125}
    extra = entry(
        "dup_rate_tx_id", rule_id="u", metric="dup_rate_user_id", severity_map=levels, threshold=0.1
    )
    seed = write_seed(tmp_path / "seed.json", [*shipped(), extra])
    lakehouse.create(dim_rule_scd2.TABLE)
    sync_rules(lakehouse, seed, now=NOW)
    assert {r.rule_id: r for r in load_table(lakehouse)} == {r.rule_id: r for r in load_seed(seed)}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[" * 200_000, "nested too deeply"),
        (f'[{{"rule_id": "r", "threshold": {"9" * 5000}}}]', "r"),
        ('[{"rule_id": "r", "rule_id": "s"}]', "names a field twice"),
        (f"[{'9' * 5000}]", "is not a list of entries"),
        ("\x00", "cannot read the rule seed"),
        ("\udcff", "cannot read the rule seed"),
    ],
    ids=["nested", "digits", "twice", "number", "control", "bytes"],
)
def test_a_hostile_seed_is_refused_in_one_short_line(tmp_path: Path, text: str, named: str) -> None:
    """INV-20: whatever a reader of JSON stumbles over."""
    seed = tmp_path / "seed.json"
    seed.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(RulesError, match=named) as refused:
        load_seed(seed)
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"threshold": int("9" * 400)}, "threshold must be finite"),
        ({"effective_start_ts": "0001-01-01T00:00:00+09:00"}, "effective_start_ts is not an ISO-8601 time"),
        ({"effective_start_ts": 1}, "effective_start_ts is not an ISO-8601 time"),
    ],
)
def test_an_extreme_value_of_a_rule_is_refused_by_field(tmp_path: Path, change: Any, named: str) -> None:
    """INV-20"""
    with pytest.raises(RulesError, match=named):
        load_seed(write_seed(tmp_path / "seed.json", [entry(**change)]))


@pytest.mark.parametrize("mode", ["strict", "fallback"])
def test_both_modes_prefer_the_table(lakehouse: Lakehouse, tmp_path: Path, mode: Any) -> None:
    """INV-19: the seed decides nothing while the table can be read."""
    store(lakehouse, [e if e["metric"] != "drift_abs" else {**e, "threshold": 5.0} for e in shipped()])
    rules = load_rules(lakehouse, mode=mode, seed_path=SEED_PATH)
    assert rules["ledger/drift_abs"].threshold == 5
    assert rules.load_description == f"{mode}:table"


def test_a_missing_table_fails_strict_and_falls_back_to_the_seed(lakehouse: Lakehouse) -> None:
    """INV-19"""
    with pytest.raises(RulesError, match="does not exist.*sync_dim_rule_scd2"):
        load_rules(lakehouse, mode="strict", seed_path=SEED_PATH)
    rules = load_rules(lakehouse, mode="fallback", seed_path=SEED_PATH)
    assert rules.load_description == "fallback:seed"
    assert len(rules.rule_ids) == len(shipped())


def test_an_unreadable_table_fails_strict_and_falls_back(lakehouse: Lakehouse) -> None:
    """INV-19: unreachable is as good as missing; strict never continues."""
    store(lakehouse, shipped())
    for file in Path(lakehouse.path(dim_rule_scd2.TABLE)).glob("*.parquet"):
        file.unlink()
    with pytest.raises(Exception, match="."):
        load_rules(lakehouse, mode="strict", seed_path=SEED_PATH)
    assert load_rules(lakehouse, mode="fallback", seed_path=SEED_PATH).source == "seed"


def test_fallback_needs_a_sound_seed(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """INV-19"""
    incomplete = write_seed(tmp_path / "seed.json", shipped()[1:])
    with pytest.raises(RulesError, match="required rules are missing: dq/freshness_sec"):
        load_rules(lakehouse, mode="fallback", seed_path=incomplete)
    with pytest.raises(RulesError, match="cannot read the rule seed"):
        load_rules(lakehouse, mode="fallback", seed_path=tmp_path / "none.json")


WRONG_CONTENT = {
    "empty": ([], "required rules are missing"),
    "incomplete": ([e for e in shipped() if e["metric"] != "drift_abs"], "missing: ledger/drift_abs"),
    "two currents": ([*shipped(), entry(rule_id="second")], "rule second: dq/freshness_sec already has"),
    "twice": ([*shipped(), entry()], "rule_id is used twice"),
    "malformed": (
        [e if e["metric"] != "freshness_sec" else {**e, "severity_map": {"warn": -1.0}} for e in shipped()],
        "rule dq-freshness-sec-v1: a threshold cannot be negative",
    ),
    "not a number": (
        [e if e["metric"] != "drift_abs" else {**e, "threshold": float("nan")} for e in shipped()],
        "rule ledger-drift-abs-v1: threshold must be finite",
    ),
}


@pytest.mark.parametrize("case", WRONG_CONTENT)
def test_wrong_content_fails_in_either_mode(lakehouse: Lakehouse, case: str) -> None:
    """INV-19: fallback is for a table that cannot be read, never for one whose content is wrong."""
    entries, problem = WRONG_CONTENT[case]
    store(lakehouse, entries)
    for mode in ("strict", "fallback"):
        with pytest.raises(RulesError, match=problem):
            load_rules(lakehouse, mode=mode, seed_path=SEED_PATH)


def test_a_table_of_another_shape_is_wrong_content(lakehouse: Lakehouse) -> None:
    """INV-19: a rule table without its columns is there and can be read; the seed does not stand in for it."""
    other = Table(
        schema="gold",
        name="dim_rule_scd2",
        description="someone's table of the same name",
        columns=(req("rule_id", "string"), opt("threshold", "double")),
        write="append",
        grain="one row",
    )
    lakehouse.create(other)
    for mode in ("strict", "fallback"):
        with pytest.raises(Exception, match="(?i)dim_rule_scd2|column|domain"):
            load_rules(lakehouse, mode=mode, seed_path=SEED_PATH)


def test_closed_versions_do_not_decide(lakehouse: Lakehouse) -> None:
    """INV-19: only current rules are in force, however many versions the table keeps."""
    old = entry(
        "drift_abs",
        rule_id="ledger-drift-abs-v0",
        threshold=99.0,
        is_current=False,
        effective_start_ts="2025-01-01T00:00:00Z",
        effective_end_ts="2026-01-01T00:00:00Z",
    )
    store(lakehouse, [*shipped(), old])
    rules = load_rules(lakehouse, mode="strict", seed_path=SEED_PATH)
    assert rules["ledger/drift_abs"].threshold == 0
    assert "ledger-drift-abs-v0" not in rules.rule_ids


def test_a_dropped_warehouse_is_a_missing_table(lakehouse: Lakehouse) -> None:
    """INV-19"""
    store(lakehouse, shipped())
    shutil.rmtree(lakehouse.path(dim_rule_scd2.TABLE))
    with pytest.raises(RulesError, match="does not exist"):
        load_rules(lakehouse, mode="strict", seed_path=SEED_PATH)

"""The product against an independent implementation of the specification, on hostile generated landing data.

INV-30: every business column of every table agrees with the oracle, on a fresh day, on reruns with the same and with
another run id, over consecutive days, for a day run after its successor (then the successor's B again), and when sources
correct and withdraw themselves in between.
"""

from __future__ import annotations

import json
import shutil
from datetime import date
from typing import Any

import pytest

from configs.settings import ROOT
from tests.oracle import Oracle
from tests.oracle.chaos import change_landing, write_landing
from tests.oracle.compare import compare
from tests.oracle.contract import BRONZE
from tests.oracle.verdicts import verdict
from tests.support import Home, ledgerctl

SEED_FILE = ROOT / "mock_data" / "fixtures" / "dim_rule_scd2.json"
D1, D2, D3 = (date(2026, 2, day) for day in (1, 2, 3))
ROWS_PER_TABLE = 120

RAW = [f"bronze.{name}" for name in BRONZE]

Step = tuple[str, date, str]
IN_ORDER: tuple[Step, ...] = (("day", D1, "r1"), ("day", D1, "r1"), ("day", D1, "again"), ("day", D2, "r2"))
OUT_OF_ORDER: tuple[Step, ...] = (("day", D1, "r1"), ("day", D3, "r3"), ("day", D2, "r2"), ("b", D3, "r3b"))


@pytest.mark.parametrize(
    ("seed", "steps", "bad_share"),
    [
        pytest.param(101, IN_ORDER, 0.004, id="in order, with reruns"),
        pytest.param(102, OUT_OF_ORDER, 0.004, id="a day after its successor"),
        pytest.param(103, IN_ORDER[:1], 0.06, id="too many bad rows"),
    ],
)
def test_every_table_agrees(home: Home, seed: int, steps: tuple[Step, ...], bad_share: float) -> None:
    """INV-30."""
    write_landing(home.landing, seed, [D1, D2, D3], rows_per_table=ROWS_PER_TABLE, bad_share=bad_share)
    oracle = Oracle(home.landing, json.loads(SEED_FILE.read_text(encoding="utf-8")))
    for kind, day, run_id in steps:
        expected = oracle.day(day, run_id) if kind == "day" else oracle.b(day, run_id)
        done = ledgerctl(*_command(kind, day, run_id))
        assert (done.code == 0) == expected.ok, f"{expected}: {done.err}"
    differences = [diff.report() for diff in compare(oracle, home.warehouse)]
    assert not differences, "\n".join(differences)


def test_sources_that_change_agree(home: Home) -> None:
    """INV-30: files replaced, withdrawn and brought back; A, Silver and B see what is live, and the days due are the same."""
    write_landing(home.landing, 104, [D1, D2], rows_per_table=ROWS_PER_TABLE)
    oracle = Oracle(home.landing, json.loads(SEED_FILE.read_text(encoding="utf-8")))
    original = Home(home.root / "original").copy_from(home, "landing")
    both(oracle, D1, "r1")
    both(oracle, D2, "r2")
    changed = change_landing(home.landing, 1, D1)
    both(oracle, D1, "r3")
    gone = changed[0]
    oracle.withdraw(gone)
    assert (
        ledgerctl("landing", "withdraw", gone, "--by", "tester", "--reason", "should not have come").code == 0
    )
    both(oracle, D1, "r4")
    shutil.copy2(original.landing / changed[-1], home.landing / changed[-1])
    both(oracle, D1, "r5")
    due = ledgerctl("state", "--json").json["due"]
    assert due["pipeline_silver"] == []
    assert due["pipeline_b"] == [str(day) for day in oracle.restatement_due()]
    said = {day["date_kst"]: day for day in ledgerctl("verdicts", "--from", D1, "--to", D2, "--json").json}
    for day in (D1, D2):
        mine = verdict(oracle, day)
        theirs = [said[str(day)][name] for name in ("verdict", "critical", "warn", "quarantined")]
        assert [str(each) for each in theirs] == [
            mine.verdict,
            str(mine.critical),
            str(mine.warn),
            str(mine.quarantined),
        ]
    differences = [diff.report() for diff in compare(oracle, home.warehouse)]
    assert not differences, "\n".join(differences)


def test_every_file_is_accounted_for(home: Home) -> None:
    """INV-30: what cannot be loaded is named and stops nothing beside it; what is gone the next time is no fault."""
    write_landing(home.landing, 105, [D1], rows_per_table=30, broken=True)
    oracle = Oracle(home.landing, json.loads(SEED_FILE.read_text(encoding="utf-8")))
    for _ in range(2):
        assert ledgerctl("ingest", D1).code == 1
        assert not oracle.ingest(D1).ok
    differences = [diff.report() for diff in compare(oracle, home.warehouse, ["bronze.landing_file", *RAW])]
    assert not differences, "\n".join(differences)


def both(oracle: Oracle, day: date, run_id: str) -> None:
    """The day by both readings, to the same end."""
    done, expected = ledgerctl("day", day, "--run-id", run_id), oracle.day(day, run_id)
    assert (done.code == 0) == expected.ok, f"{expected}: {done.err}"


def _command(kind: str, day: date, run_id: str) -> list[Any]:
    if kind == "day":
        return ["day", day.isoformat(), "--run-id", run_id]
    days = f"date_kst_start={day},date_kst_end={day}"
    return ["run", "pipeline_b_controls", "--params", f"run_mode=backfill,{days},run_id={run_id}"]

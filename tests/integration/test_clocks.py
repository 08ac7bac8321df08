"""INV-93: Whole runs under clocks that step back, differ between hosts, or run ahead (spec sections 3 and 9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from configs.settings import load_settings
from ledger.state import read_states, update_state
from ledger.window import Window
from resources.environments import ledger_of
from resources.ledger import LedgerResource
from tests.support import DAY_1, Home, ledgerctl

A, SILVER, B = "pipeline_a_guardrail", "pipeline_silver_materialization", "pipeline_b_controls"
MINUTE = timedelta(minutes=1)


class Clock:
    """The time of the product, off by so much from the real one."""

    def __init__(self) -> None:
        self.off = timedelta(0)

    def now(self, _: Any = None) -> datetime:
        return datetime.now(UTC) + self.off


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(LedgerResource, "now", made.now)
    return made


def run(job: str, run_id: str) -> int:
    return ledgerctl("run", job, "--partition", DAY_1, "--params", f"run_id={run_id}").code


def verdict() -> Any:
    return ledgerctl("verdict", DAY_1, "--json").json


def watermark(home: Home) -> datetime:
    (state,) = [r for r in home.rows("gold.pipeline_state") if r["pipeline_name"] == "pipeline_a"]
    end: datetime = state["last_processed_end"]
    return end


def test_a_clock_that_steps_back_hides_no_failure_and_no_finding(after_day_1: Home, clock: Clock) -> None:
    """INV-12, INV-56: evaluated, failed and repaired ten minutes before it was done the first time, by the clock."""
    before = verdict()
    assert before["verdict"] == "does_not_add_up"
    clock.off = -10 * MINUTE
    broken = [{"tx_id": f"b{n}", "wallet_id": "u", "type": "GIFT", "amount": 1} for n in range(90)]
    path = after_day_1.land("transaction_ledger", DAY_1, *broken, file="broken")
    assert run(A, "r2") == 0
    assert run(SILVER, "r2") == 1
    failed = verdict()
    assert (failed["verdict"], failed["failed_pipeline"]) == ("failed", "pipeline_silver")
    assert failed["quarantined"] > before["quarantined"]
    assert failed["input_critical"] >= 1, "A's newest evaluation is the one that came last"
    assert run(B, "r2") == 1, "the gate is closed"
    clock.off = -20 * MINUTE
    good = {"tx_id": "ok", "wallet_id": "u", "type": "HOLD", "amount": 1, "created_at": f"{DAY_1}T02:00:00Z"}
    path.unlink()
    after_day_1.land("transaction_ledger", DAY_1, good, file="broken")
    assert ledgerctl("ingest", DAY_1).code == 0
    assert run(SILVER, "r3") == 0
    refused = verdict()
    assert (refused["verdict"], refused["failed_pipeline"]) == ("failed", "pipeline_b")
    assert refused["due"] == ["pipeline_b"], "what Silver changed came after what B has read"
    assert run(B, "r3") == 0
    after = verdict()
    assert (after["verdict"], after["run_id"]) == ("does_not_add_up", "r3")
    assert after["quarantined"] == before["quarantined"]


def test_a_clock_ten_months_ahead_moves_no_watermark(after_day_1: Home, clock: Clock) -> None:
    """INV-10: refused by name, as often as it is tried; the right clock goes on where it was."""
    before = watermark(after_day_1)
    clock.off = timedelta(days=304)
    for _ in range(2):
        done = ledgerctl("run", A)
        assert done.code == 1
        assert "the clock of this host says" in done.err
        assert "correct the clock" in done.err
        assert watermark(after_day_1) == before
    kept = after_day_1.version("silver.bad_records")
    done = ledgerctl("run", "bad_records_retention_cleanup")
    assert (done.code, "the clock of this host says" in done.err) == (1, True)
    assert after_day_1.version("silver.bad_records") == kept, "a year ahead, everything is old"
    clock.off = timedelta(0)
    _age(after_day_1)
    now = clock.now()
    params = f"run_mode=incremental,start_ts={(now - MINUTE).isoformat()},end_ts={now.isoformat()}"
    done = ledgerctl("run", A, "--params", params)
    assert (done.code, "the clock of this host says" in done.err) == (1, True), "whoever asks for that window"
    assert watermark(after_day_1) == before
    given = (f"--to={now.isoformat()}", "--by=on-call", "--reason=the site was closed")
    assert ledgerctl("watermark", "pipeline_a", *given).code == 0
    assert ledgerctl("run", A).code == 0
    assert before < watermark(after_day_1) <= datetime.now(UTC)
    later = watermark(after_day_1)
    clock.off = -10 * MINUTE
    said = ledgerctl("state").out
    assert f"the watermark of pipeline_a ({later:%Y-%m-%dT%H:%M:%SZ}) lies in the future" in said
    to = (later - 15 * MINUTE).isoformat()
    repaired = ledgerctl("watermark", "pipeline_a", "--to", to, "--by", "on-call", "--reason", "wrong clock")
    assert repaired.code == 0, repaired.err
    assert "in the future" not in ledgerctl("state").out
    repairs = after_day_1.rows("gold.state_repair_log")
    assert [
        (r["old_end"], r["reason"]) for r in sorted(repairs, key=lambda r: r["repaired_at"], reverse=True)
    ] == [
        (before, "the site was closed"),
        (later, "wrong clock"),
    ]


def _age(home: Home) -> None:
    """Nothing has succeeded since the first day's own morning."""
    settings, then = load_settings(), Window.of_day(DAY_1).end
    with ledger_of(settings).lakehouse(settings) as lakehouse:
        for state in read_states(lakehouse):
            update_state(lakehouse, state.pipeline_name, lambda s: replace(s, last_success_ts=then), at=then)

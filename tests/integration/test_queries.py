"""How often each operation of a day may ask the engine: upper bounds, which are raised on purpose or not at all."""

from __future__ import annotations

import pytest

from benchmarks.queries import JOBS, asked
from configs.settings import load_settings
from tests.support import DAY_2, Home, ledgerctl

pytestmark = pytest.mark.skipif(
    load_settings().spark.engine != "sail", reason="counted at the Connect client"
)
# Executions per operation of a day that is not the first; measured on 6,000 entries (benchmarks/README.md) and here.
MOST = {
    "bronze_ingest": 24,
    "pipeline_a_guardrail": 14,
    "pipeline_silver_materialization": 44,
    "pipeline_b_controls": 40,
    "pipeline_c_analytics": 12,
}
MOST_ANALYSES = 40
MOST_OF_A_QUIET_TICK = 10


def test_operations_ask_the_engine_no_oftener_than_they_may(after_day_1: Home) -> None:
    """INV-95: a day with quarantined rows, drift and a new column; then ten minutes in which nothing arrived."""
    with asked() as day:
        done = ledgerctl("day", DAY_2, "--run-id", "r2")
    assert done.code == 0, done.err
    assert {job: day.executions[job] for job in JOBS if day.executions[job] > MOST[job]} == {}
    assert sum(day.analyses[job] for job in JOBS) <= MOST_ANALYSES
    window = f"start_ts={DAY_2}T00:00:00Z,end_ts={DAY_2}T00:10:00Z,run_mode=incremental"
    with asked() as quiet:
        tick = ledgerctl("run", "pipeline_a_guardrail", "--params", f"{window},run_id=tick")
    assert tick.code == 0, tick.err
    assert quiet.executions["pipeline_a_guardrail"] <= MOST_OF_A_QUIET_TICK

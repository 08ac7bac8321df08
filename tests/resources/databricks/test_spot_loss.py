"""A cluster is lost in the middle of a write, with real Spark and Delta."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
import pytest

from resources.spark_jvm import jvm_conf
from tests.databricks_emulator import Emulator, Script
from tests.databricks_emulator.script import SPOT_LOST
from tests.jvm import require_java
from tests.resources.databricks.code_server import code_server
from tests.resources.databricks.workspace import Ran, entered_host, host_environment
from tests.support import DAY_2, Home, Template, difference

pytestmark = [pytest.mark.jvm, pytest.mark.exhaustive]

_SILVER = (
    "silver.wallet_snapshot",
    "silver.ledger_entries",
    "silver.order_events",
    "silver.order_items",
    "silver.products",
    "silver.bad_records",
)


def test_a_write_cut_short_by_a_lost_cluster_is_made_whole_by_the_next_attempt(
    tmp_path: Path, instance: dg.DagsterInstance, after_day_1: Home, days_1_2: Template
) -> None:
    require_java(os.environ)
    table = "silver.ledger_entries"
    before, version = _data_files(after_day_1, table), after_day_1.version(table)
    caught: list[int] = []

    def is_writing() -> bool:
        """A data file lies there that no commit knows yet."""
        if _data_files(after_day_1, table) > before:
            caught.append(after_day_1.version(table))
            return True
        return False

    with Emulator(tmp_path / "workspace", spark=jvm_conf("local[2]", 1024, {})) as emulator:
        emulator.scripts.append(Script(kill_when=is_writing, killed_as=SPOT_LOST))
        environment = {
            **after_day_1.environment(),
            **host_environment(emulator, PATIENCE_SEC="60"),
            "PIPELINE_CFG__LAKEHOUSE__CATALOG": "",
        }
        with entered_host(environment), code_server(instance, "orchestration.definitions") as server:
            run_id = server.launch(
                "pipeline_silver_materialization",
                partition=DAY_2.isoformat(),
                parameters={"run_mode": "backfill", "run_id": "r2"},
            )
            succeeded = server.wait(run_id) == dg.DagsterRunStatus.SUCCESS
            ran = Ran(succeeded, server.events(run_id), emulator)
    assert ran.success, emulator.runs[-1].driver_log[-3000:]
    assert ran.ends == ["STEP_UP_FOR_RETRY", "STEP_SUCCESS"]
    assert caught == [version], "the cluster went while its files were there and its commit was not"
    assert (ran.databricks_runs, ran.staged) == (2, [])
    assert difference(days_1_2.home.content(*_SILVER), after_day_1.content(*_SILVER)) == ""


def _data_files(home: Home, table: str) -> set[str]:
    return {str(p) for p in home.warehouse.joinpath(*table.split(".")).rglob("*.parquet")}

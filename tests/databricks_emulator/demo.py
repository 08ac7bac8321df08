"""``make demo-databricks``: a day on the production path, without a workspace.

The real launcher and SDK talk to an emulated workspace over HTTP; every operation is a submitted run, computed by
Spark and Delta on a JVM. The workspace's view is printed.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import date

from deltalake import DeltaTable

from configs.settings import ROOT
from orchestration.cli import main as ledgerctl
from resources.spark_jvm import jvm_conf
from tests.databricks_emulator.cluster import shared_cluster
from tests.databricks_emulator.emulator import TOKEN, Emulator

_FOLDER = ROOT / ".data" / "databricks"
_DAY = date(2026, 2, 10).isoformat()
_CLUSTER = "0801-emulated"
_COMMANDS: Sequence[Sequence[str]] = (
    ("run", "bootstrap_catalog"),
    ("run", "sync_dim_rule_scd2"),
    ("day", _DAY, "--run-id", "demo"),
)


def main() -> int:
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _say("starting an emulated workspace and its cluster (Spark and Delta on a JVM) ...")
    conf = jvm_conf("local[2]", 2048, {"spark.sql.warehouse.dir": str(_FOLDER / "warehouse")})
    secrets = {"ledger-dev/anon-user-key-salt": "the demo's salt"}
    with (
        shared_cluster(conf, _FOLDER / "cluster") as gateway,
        Emulator(
            _FOLDER / "workspace", secrets=secrets, spark=conf, clusters=(_CLUSTER,), allowed=(_FOLDER,)
        ) as emulator,
    ):
        emulator.runner.gateway = gateway
        os.environ |= _environment(emulator)
        _say(f"workspace: {emulator.host}, cluster: {_CLUSTER}")
        code = ledgerctl(["mock", "--from", _DAY, "--users", "50", "--entries", "2000"])
        for command in _COMMANDS:
            _say(f"$ ledgerctl {' '.join(command)}")
            code = code or ledgerctl(list(command))
        _report(emulator)
    return code


def _environment(emulator: Emulator) -> dict[str, str]:
    """A host of the dev environment whose workspace is the emulator."""
    return {
        "PIPELINE_ENV": "dev",
        "DAGSTER_HOME": str(_FOLDER / "dagster"),
        "DATABRICKS_HOST": emulator.host,
        "DATABRICKS_TOKEN": TOKEN,
        "PIPELINE_CFG__DATABRICKS__AUTH": "token",
        "PIPELINE_CFG__DATABRICKS__CLUSTER__KIND": "existing",
        "PIPELINE_CFG__DATABRICKS__CLUSTER__EXISTING_CLUSTER_ID": _CLUSTER,
        "PIPELINE_CFG__DATABRICKS__POLL_INTERVAL_SEC": "0.5",
        "PIPELINE_CFG__LAKEHOUSE__CATALOG": "spark_catalog",
        "PIPELINE_CFG__LAKEHOUSE__WAREHOUSE": str(_FOLDER / "warehouse"),
        "PIPELINE_CFG__LAKEHOUSE__LANDING": str(_FOLDER / "landing"),
    }


def _report(emulator: Emulator) -> None:
    print("\nWhat the workspace saw")
    for run in emulator.runs:
        end = run.end.result if run.end else run.life_cycle
        print(f"  run {run.run_id}  {end:<8} {run.request['run_name']}")
    uploads = emulator.count("PUT /api/2.0/fs/files")
    print(
        f"  {len(emulator.requests)} requests, {uploads} staged files, left: {len(emulator.storage.files())}"
    )
    print("\nWhat the tables hold (warehouse: .data/databricks/warehouse)")
    for log in sorted((_FOLDER / "warehouse").glob("*/*/_delta_log")):
        table = DeltaTable(str(log.parent))
        name = f"{log.parent.parent.name.removesuffix('.db')}.{log.parent.name}"
        print(f"  {name:<40} {table.to_pyarrow_dataset().count_rows():>7,} rows, version {table.version()}")


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

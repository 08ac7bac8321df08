"""A whole day through the launcher with real Spark and Delta, against the embedded engine; and where the salt went."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from resources.spark_jvm import jvm_conf
from tests.databricks_emulator import Emulator
from tests.databricks_emulator.cluster import shared_cluster
from tests.jvm import require_java
from tests.parity.equality import differences
from tests.resources.databricks.code_server import CodeServer, code_server
from tests.resources.databricks.workspace import QUIET, entered_host, host_environment
from tests.support import DAY_1, Home, Template, entered, ledgerctl

pytestmark = pytest.mark.jvm

_CLUSTER = "0801-emulated"
_CANARY = "canary-salt-9d41c7"
_MART = "gold.fact_payment_anonymized"
_PARAMETERS = {"run_mode": "backfill", "run_id": "r1"}
# Job, its operations with the run's parameters, whether it is daily.
_DAY: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("bootstrap_catalog", (), False),
    ("sync_dim_rule_scd2", (), False),
    ("bronze_ingest", (), True),
    ("pipeline_a_guardrail", ("guardrail",), True),
    ("pipeline_silver_materialization", ("materialize_silver",), True),
    (
        "pipeline_b_controls",
        ("pipeline_b_recon", "pipeline_b_supply_ops", "pipeline_b_finalize_success"),
        True,
    ),
    ("pipeline_c_analytics", ("analytics",), True),
)


# Besides, in an operator's day: nothing is that old, and the attempt recorded itself; so nothing changes.
_ENDED = {
    "dagster_run_id": "none",
    "run_id": "r1",
    "partition": DAY_1.isoformat(),
    "started_at": "2026-01-01T00:00:00+00:00",
    "message": "none",
}
_OPERATIONS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("bad_records_retention_cleanup", "clean_up_bad_records", {"dry_run": "false"}),
    ("pipeline_b_finalize_failure", "pipeline_b_record_failure", _ENDED),
)


@dataclass(frozen=True)
class LaunchedDay:
    """Remains of the day: tables, workspace, Dagster's own files, the cluster's logs."""

    home: Home
    emulator: Emulator
    failures: list[str]
    folder: Path


@pytest.fixture(scope="module")
def embedded_day(tmp_path_factory: pytest.TempPathFactory, day_1: Template) -> Home:
    """The same day on the embedded engine, with the same salt."""
    home = Home(tmp_path_factory.mktemp("embedded")).copy_from(day_1.home, "landing")
    with entered(home), pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANON_USER_KEY_SALT", _CANARY)
        done = ledgerctl("day", DAY_1, "--run-id", "r1")
    assert done.code == 0, done.err
    return home


@pytest.fixture(scope="module")
def launched_day(tmp_path_factory: pytest.TempPathFactory, embedded_day: Home) -> Iterator[LaunchedDay]:
    """The embedded day's files, run through a code server and the launcher on an existing cluster."""
    require_java(os.environ)
    folder = tmp_path_factory.mktemp("databricks")
    home = Home(folder / "home").copy_from(embedded_day, "landing")
    (folder / "events").mkdir()
    conf = jvm_conf(
        "local[2]",
        1024,
        {
            "spark.sql.warehouse.dir": str(home.warehouse),
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": f"file:{folder / 'events'}",
        },
    )
    secrets = {"ledger-dev/anon-user-key-salt": _CANARY}
    with (
        shared_cluster(conf, folder / "cluster") as gateway,
        Emulator(folder / "workspace", secrets=secrets, spark=conf, clusters=(_CLUSTER,)) as emulator,
    ):
        emulator.runner.gateway = gateway
        environment = {
            **home.environment(),
            **host_environment(
                emulator, CLUSTER__KIND="existing", CLUSTER__EXISTING_CLUSTER_ID=_CLUSTER, PATIENCE_SEC="60"
            ),
            # Three-level names in the one catalog that a plain Spark has.
            "PIPELINE_CFG__LAKEHOUSE__CATALOG": "spark_catalog",
        }
        home.dagster_home.mkdir()
        with (
            entered_host(environment),
            dg.DagsterInstance.local_temp(str(home.dagster_home), overrides=QUIET) as instance,
            code_server(instance, "orchestration.definitions") as server,
        ):
            failures = _run_day(server)
        for schema in home.warehouse.glob("*.db"):  # how Spark's own catalog names a schema's folder
            schema.rename(schema.with_suffix(""))
        yield LaunchedDay(home, emulator, failures, folder)


def _run_day(server: CodeServer) -> list[str]:
    """Run the day's jobs one after the other; what failed first."""
    day = DAY_1.isoformat()
    for job, ops, is_daily in _DAY:
        run_id = server.launch(job, None, day if is_daily else None, _PARAMETERS if ops else None)
        if failed := _failed(server, run_id):
            return [job, *failed]
    for job, op, config in _OPERATIONS:
        if failed := _failed(server, server.launch(job, {op: config})):
            return [job, *failed]
    return []


def _failed(server: CodeServer, run_id: str) -> list[str]:
    """Failures of a run, empty for a success."""
    if server.wait(run_id) == dg.DagsterRunStatus.SUCCESS:
        return []
    return ["failed", *[str(e.step_failure_data) for e in server.events(run_id) if e.is_step_failure]]


def test_every_table_equals_the_embedded_engines(launched_day: LaunchedDay, embedded_day: Home) -> None:
    assert launched_day.failures == []
    assert launched_day.home.rows(_MART)
    assert differences(embedded_day.root, launched_day.home.root) == ""


def test_each_operation_was_one_databricks_run(launched_day: LaunchedDay) -> None:
    names = [run.request["run_name"].split()[2:4] for run in launched_day.emulator.runs]
    expected = [[job, op] for job, ops, _ in _DAY for op in ops] + [[job, op] for job, op, _ in _OPERATIONS]
    assert sorted(pair for pair in names if pair in expected) == sorted(expected)
    assert len(names) == len({tuple(name) for name in names}), "also the gates', the rules' and the catalog's"
    assert launched_day.emulator.storage.files() == []


def test_the_salt_is_nowhere(launched_day: LaunchedDay) -> None:
    canary = _CANARY.encode()
    staged = launched_day.emulator.storage.ever_written
    assert staged
    assert [path for path, parts in staged.items() if canary in b"".join(parts)] == []
    events = list((launched_day.folder / "events").rglob("*"))
    assert any(p.is_file() and p.stat().st_size > 10_000 for p in events), (
        "Spark wrote an event log, with plans"
    )
    searched = [p for p in launched_day.folder.rglob("*") if p.is_file()]
    assert [str(p) for p in searched if canary in p.read_bytes()] == []


def test_only_the_mart_asked_for_the_salt(launched_day: LaunchedDay) -> None:
    asked = [
        run.request["run_name"].split()[3]
        for run in launched_day.emulator.runs
        if "ANON_USER_KEY_SALT" in run.driver_log
    ]
    assert asked == ["analytics"]

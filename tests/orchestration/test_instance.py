"""The Dagster instance: SQLite on a laptop, PostgreSQL in production, everything else the same (spec section 3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster_postgres import PostgresEventLogStorage, PostgresRunStorage

from assets.limits import RETRIES, run_limit_sec
from configs.settings import ROOT, load_settings
from ledger.pipelines.registry import BY_NAME
from orchestration.definitions import defs
from orchestration.jobs import JOB_OPS
from orchestration.launch import INSTANCE_FILES, dagster_instance
from orchestration.runs import missed_days, newest_runs, unfinished_run
from orchestration.sensors.late_data import evaluate as evaluate_late_data
from orchestration.sensors.silver_ready import evaluate as evaluate_silver_ready
from tests.orchestration.postgres import postgres
from tests.orchestration.records import STARTED, SUCCESS, D, Records, day, requested
from tests.support import DAY_1, Home, Template, ledgerctl

STORAGE = {"storage", "run_storage", "schedule_storage", "event_log_storage"}


def config(storage: str) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((ROOT / INSTANCE_FILES[storage]).read_text())
    return parsed


def test_the_two_instances_differ_in_storage_alone() -> None:
    """INV-31"""
    local, prod = config("sqlite"), config("postgresql")
    assert {k: v for k, v in local.items() if k not in STORAGE} == {
        k: v for k, v in prod.items() if k not in STORAGE
    }


def test_limits_hold_for_every_way_to_launch() -> None:
    """INV-31: one run per pipeline, by the jobs' tag and by the assets' pool; what a run may last at most."""
    limits = config("sqlite")["concurrency"]
    assert limits["pools"] == {"granularity": "run", "default_limit": 1}
    (tag,) = limits["runs"]["tag_concurrency_limits"]
    assert (tag["key"], tag["value"], tag["limit"]) == ("pipeline", {"applyLimitPerUniqueValue": True}, 1)
    longest = run_limit_sec(max(len(ops) for ops in JOB_OPS.values()))
    assert longest <= config("sqlite")["run_monitoring"]["max_runtime_seconds"] < longest + 3600
    retries = config("sqlite")["run_retries"]
    assert (retries["max_retries"], retries["retry_on_asset_or_op_failure"]) == (RETRIES, False)


@pytest.mark.parametrize(
    ("environment", "storage", "automation"),
    [("local", "sqlite", "stopped"), ("dev", "sqlite", "stopped"), ("prod", "postgresql", "running")],
)
def test_settings_per_environment(environment: str, storage: str, automation: str) -> None:
    """INV-31: the schedules run in production and are stopped elsewhere."""
    settings = load_settings({"PIPELINE_ENV": environment}).orchestration
    assert (settings.instance_storage, settings.automation) == (storage, automation)
    from orchestration.schedules import all_schedules
    from orchestration.sensors import all_sensors

    loaded = load_settings({"PIPELINE_ENV": environment})
    statuses = {schedule.default_status.value for schedule in all_schedules(loaded)}
    statuses |= {sensor.default_status.value for sensor in all_sensors(loaded)}
    assert statuses == {automation.upper()}


def assert_every_pool_is_limited() -> None:
    with dagster_instance() as instance:
        limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
    used = {pool for job in defs.resolve_all_job_defs() for op in job.all_node_defs for pool in op.pools}
    assert used >= set(BY_NAME)
    assert limits == dict.fromkeys(used, 1)


def test_a_new_instance_knows_every_pool(home: Home) -> None:
    """INV-31: Dagster would not limit the first runs of a pool that it has never seen."""
    assert_every_pool_is_limited()
    assert_every_pool_is_limited()


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    with postgres() as environment:
        yield dict(environment)


@pytest.fixture
def on_postgres(home: Home, server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Home:
    for name, value in {**server, "PIPELINE_CFG__ORCHESTRATION__INSTANCE_STORAGE": "postgresql"}.items():
        monkeypatch.setenv(name, value)
    return home


def test_runs_are_kept_in_postgresql(on_postgres: Home, day_1: Template) -> None:
    """INV-31: a command of the operator, read back by another connection."""
    on_postgres.copy_from(day_1.home, "warehouse", "landing")
    done = ledgerctl("run", "pipeline_a_guardrail", "--partition", DAY_1, "--json")
    assert done.code == 0, done.err
    (made,) = done.json["runs"]
    with dagster_instance() as instance:
        assert isinstance(instance.run_storage, PostgresRunStorage)
        assert isinstance(instance.event_log_storage, PostgresEventLogStorage)
        run = instance.get_run_by_id(made["dagster_run_id"])
        assert run is not None
        assert run.status == SUCCESS
        assert str(DAY_1) in instance.get_materialized_partitions(dg.AssetKey(["silver", "dq_status"]))
    assert not list(on_postgres.dagster_home.rglob("*.db"))


def test_schedules_and_sensors_read_it_alike(on_postgres: Home) -> None:
    """INV-31: the queries that decisions rest on give on PostgreSQL what they give on SQLite."""
    assert_every_pool_is_limited()
    now = datetime(2026, 2, 12, 3, tzinfo=UTC)
    with dagster_instance() as instance:
        records = Records(instance)
        records.run("pipeline_silver", day(-2), SUCCESS)
        first = evaluate_silver_ready(instance, None, now)
        run = records.run("pipeline_silver", D, SUCCESS)
        b = records.run("pipeline_b", D, STARTED)
        assert missed_days(instance, "pipeline_silver", day(1), within_days=31) == [day(-1), day(1)]
        assert newest_runs(instance, "pipeline_silver", [D])[D].dagster_run.run_id == run.run_id
        found = unfinished_run(instance, "pipeline_b")
        assert found is not None
        assert found.dagster_run.run_id == b.run_id
        instance.report_run_failed(b)
        later = datetime.now(UTC)
        asked = requested(evaluate_silver_ready(instance, first.cursor, later))
        assert asked == [], "B failed after Silver was done, and C's turn is still to come"
        records.success("pipeline_silver", D, due_for_restatement={"pipeline_b": [str(D)], "pipeline_c": []})
        assert requested(evaluate_late_data(instance, None)) == [("pipeline_b_controls", str(D))]


def test_a_missing_address_is_named(on_postgres: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-28: the variable that is missing, not a traceback."""
    on_postgres.landing.mkdir(parents=True, exist_ok=True)
    monkeypatch.delenv("LEDGER_PG_HOST")
    done = ledgerctl("run", "pipeline_a_guardrail", "--partition", DAY_1)
    assert done.code in (1, 2)
    assert "LEDGER_PG_HOST" in done.err

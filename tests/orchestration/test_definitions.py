"""Definitions of the code location: a checked-in snapshot, and metadata that every asset must carry. Starts no Spark.

The snapshot shows in a review which assets, dependencies, jobs, checks, schedules and sensors a change adds or
removes. After an intended change refresh it, and look at the difference before committing it:

    python -m tests.orchestration.test_definitions
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.defs_state.base import set_defs_state_storage

from assets.checks.verdicts import MONEY
from configs.settings import load_settings
from ledger.tables import ALL, INTERNAL, by_name
from orchestration.definitions import defs
from orchestration.jobs import JOB_OPS, all_assets, all_checks, all_jobs
from resources.environments import resources

SNAPSHOT = Path(__file__).with_name("definitions_snapshot.json")
GRAPH = defs.resolve_asset_graph()
# The verdicts' asset is no table.
KEYS = sorted(GRAPH.get_all_asset_keys() - {MONEY})
RETRIES, RETRY_DELAY_SEC, TIMEOUT_SEC = 2, 300, 3600


def described() -> dict[str, Any]:
    """The whole code location as plain, sorted data."""
    repository = defs.get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    return {
        "assets": {
            key.to_user_string(): {
                "group": GRAPH.get(key).group_name,
                "dependencies": sorted(parent.to_user_string() for parent in GRAPH.get(key).parent_keys),
                "partitions": _partitions(GRAPH.get(key).partitions_def),
            }
            for key in KEYS
        },
        "checks": sorted(str(check.to_user_string()) for check in GRAPH.asset_check_keys),
        "jobs": {job.name: _job(job) for job in sorted(jobs, key=lambda job: job.name)},
        "schedules": {s.name: f"{s.cron_schedule} {s.execution_timezone}" for s in repository.schedule_defs},
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }


def _job(job: dg.JobDefinition) -> dict[str, Any]:
    return {
        "selection": sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys),
        "operations": sorted(node.name for node in job.nodes),
        "executor": job.executor_def.name,
    }


def _partitions(definition: dg.PartitionsDefinition[str] | None) -> str | None:
    if definition is None:
        return None
    assert isinstance(definition, dg.DailyPartitionsDefinition)
    last = "today" if definition.end_offset else "yesterday"
    return f"daily {definition.timezone} from {definition.start:%Y-%m-%d} to {last}"


def test_the_code_location_is_the_one_that_was_reviewed() -> None:
    """INV-23: refresh with ``python -m tests.orchestration.test_definitions``."""
    assert described() == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


@pytest.mark.parametrize("key", KEYS, ids=lambda k: k.to_user_string())
def test_every_asset_is_described(key: dg.AssetKey) -> None:
    """INV-23: description, owners, group, kinds, tags, table name and column schema."""
    node = GRAPH.get(key)
    assert node.description
    assert node.owners
    assert node.group_name not in (None, "", "default")
    assert {"spark", "deltalake"} <= node.kinds
    assert node.tags["layer"] == key.path[0]
    table = by_name(str(node.metadata["dagster/table_name"]))
    assert key.path[:2] == [table.schema, table.name]
    schema = node.metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert [(c.name, c.type, c.constraints.nullable) for c in schema.columns] == [
        (c.name, c.type, c.name not in table.required) for c in table.columns
    ]
    assert all(column.description for column in schema.columns)
    assert node.tags["contains_pii"] == str(bool(table.identifying)).lower()


def test_every_public_table_is_an_asset() -> None:
    """INV-23: and of two assets on one table each has its writer in the key."""
    tables: dict[str, int] = {}
    for key in KEYS:
        tables[".".join(key.path[:2])] = tables.get(".".join(key.path[:2]), 0) + 1
    # The run log is written with the state, the landing log with Bronze; they have no asset of their own.
    logs = {"gold.pipeline_run_log", "bronze.landing_file"}
    public = {t.full_name for t in ALL if t not in INTERNAL} - logs
    assert set(tables) == public
    assert {t: n for t, n in tables.items() if n > 1} == {
        "gold.exception_ledger": 3,
        "gold.pipeline_state": 4,
    }


@pytest.mark.parametrize("definition", all_assets(load_settings({})), ids=lambda d: d.op.name)
def test_every_operation_is_bounded(definition: dg.AssetsDefinition) -> None:
    """INV-23: timeout 3600 s, 2 retries 5 minutes apart (spec section 3)."""
    policy = definition.op.retry_policy
    assert policy is not None
    assert (policy.max_retries, policy.delay) == (RETRIES, RETRY_DELAY_SEC)
    assert definition.op.pool
    assert "dagster/max_runtime" not in definition.op.tags, "only a run's tag is read by Dagster"


@pytest.mark.parametrize("job", all_jobs(), ids=lambda j: j.name)
def test_every_run_is_bounded(job: dg.JobDefinition) -> None:
    """INV-31: one run at a time per pipeline; a run's limit has room for all attempts of its operations and pauses."""
    assert job.tags["pipeline"] == job.name
    operations = max(1, len(JOB_OPS.get(job.name, ())))
    attempts = operations * ((RETRIES + 1) * TIMEOUT_SEC + RETRIES * RETRY_DELAY_SEC)
    assert attempts < int(job.tags["dagster/max_runtime"]) < attempts + TIMEOUT_SEC


def test_the_jobs_are_the_runbook_s() -> None:
    """INV-23"""
    names = {job.name for job in all_jobs()}
    assert names >= {
        *("bronze_ingest", "pipeline_a_guardrail", "pipeline_silver_materialization", "pipeline_b_controls"),
        *("pipeline_c_analytics", "bootstrap_catalog", "sync_dim_rule_scd2", "bad_records_retention_cleanup"),
        *("pipeline_b_finalize_failure",),
    }


def test_external_bronze_is_observed_and_not_loaded() -> None:
    """INV-23: where another system fills Bronze, the keys stay and nothing materializes them."""
    settings = load_settings({"PIPELINE_CFG__BRONZE__INGEST": "external"})
    with set_defs_state_storage(
        None
    ):  # of an instance that an earlier test of this process left, and that is gone
        external = dg.Definitions(
            assets=all_assets(settings),
            asset_checks=all_checks(settings),
            jobs=all_jobs(),
            resources=resources(settings),
        ).resolve_asset_graph()
    assert external.get_all_asset_keys() - {MONEY} == set(KEYS)
    bronze = {key for key in KEYS if key.path[0] == "bronze"}
    assert bronze <= external.observable_asset_keys
    assert not bronze & external.materializable_asset_keys
    assert bronze <= GRAPH.materializable_asset_keys


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(described(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

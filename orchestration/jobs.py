"""The Dagster jobs, named as in the runbook (spec section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from assets import analytics, bronze, controls, guardrail, rules, silver
from assets.bootstrap import bootstrap_catalog
from assets.catalog import asset_key
from assets.checks.gates import gate_checks, gate_keys
from configs.settings import Settings, load_settings
from ledger.contract import Table
from ledger.gold import dim_rule_scd2
from resources.environments import run_executor

PIPELINE_JOBS = {
    "pipeline_a": "pipeline_a_guardrail",
    "pipeline_silver": "pipeline_silver_materialization",
    "pipeline_b": "pipeline_b_controls",
    "pipeline_c": "pipeline_c_analytics",
}
# The operations of each job: all of a job's operations take the same parameters. A job and an operation
# cannot share a name.
JOB_OPS = {
    "bronze_ingest": (),
    "pipeline_a_guardrail": ("guardrail",),
    "pipeline_silver_materialization": ("materialize_silver",),
    "pipeline_b_controls": (
        "pipeline_b_gate",
        "pipeline_b_recon",
        "pipeline_b_supply_ops",
        "pipeline_b_finalize_success",
    ),
    "pipeline_c_analytics": ("pipeline_c_gate", "analytics"),
    "sync_dim_rule_scd2": ("sync_rules",),
    "bootstrap_catalog": (),
}


def all_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Every asset of the graph."""
    return [
        *bronze.bronze_assets(settings),
        guardrail.guardrail_assets(settings),
        silver.silver_assets(settings),
        *controls.control_assets(settings),
        analytics.analytics_assets(settings),
        rules.dim_rule_scd2_asset,
    ]


def all_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """Every asset check with an operation of its own; the others are part of the operation that has their numbers."""
    return gate_checks(settings)


def all_jobs() -> list[Any]:
    """Every job."""
    keys = {
        "pipeline_a_guardrail": _keys(guardrail.WRITES),
        "pipeline_silver_materialization": _keys(silver.WRITES),
        "pipeline_b_controls": [
            *_keys(controls.RECON),
            *_keys(controls.SUPPLY_OPS),
            *_keys(controls.FINALIZE),
        ],
        "pipeline_c_analytics": _keys(analytics.WRITES),
        "sync_dim_rule_scd2": [asset_key(dim_rule_scd2.TABLE)],
        "bronze_ingest": list(bronze.KEYS.values()),
    }
    executor = run_executor(load_settings())
    jobs = [
        dg.define_asset_job(
            name,
            selection=_selection(name, selected),
            executor_def=executor,
            tags={"pipeline": name},
        )
        for name, selected in keys.items()
    ]
    return [*jobs, bootstrap_catalog]


def _selection(job: str, keys: Sequence[dg.AssetKey]) -> dg.AssetSelection:
    """The assets with the checks of their own operations, and the checks that the job evaluates besides.

    Left to itself Dagster adds every check on a selected asset, so that Silver's job would ask B's gate.
    """
    pipeline = next((p for p, name in PIPELINE_JOBS.items() if name == job), None)
    besides = gate_keys(pipeline) if pipeline else []
    return dg.AssetSelection.assets(*keys).without_checks() | dg.AssetSelection.checks(*besides)


def _keys(writes: Mapping[Table, tuple[str, ...]]) -> list[dg.AssetKey]:
    return [asset_key(table, *writer) for table, writer in writes.items()]

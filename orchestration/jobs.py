"""The Dagster jobs, named as in the runbook (spec section 3)."""

from __future__ import annotations

import dagster as dg

from assets import analytics, bronze, controls, guardrail, rules, silver
from assets.bootstrap import bootstrap_catalog
from assets.catalog import asset_key
from configs.settings import Settings
from ledger.gold import dim_rule_scd2

PIPELINE_JOBS = {
    "pipeline_a": "pipeline_a_guardrail",
    "pipeline_silver": "pipeline_silver_materialization",
    "pipeline_b": "pipeline_b_controls",
    "pipeline_c": "pipeline_c_analytics",
}
# The operations of each job: all of a job's operations take the same parameters.
JOB_OPS = {
    "bronze_ingest": (),
    "pipeline_a_guardrail": ("pipeline_a_guardrail",),
    "pipeline_silver_materialization": ("pipeline_silver_materialization",),
    "pipeline_b_controls": ("pipeline_b_recon", "pipeline_b_supply_ops", "pipeline_b_finalize_success"),
    "pipeline_c_analytics": ("pipeline_c_analytics",),
    "sync_dim_rule_scd2": ("sync_dim_rule_scd2",),
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


def all_jobs() -> list[dg.JobDefinition | dg.unresolved_asset_job_definition]:  # type: ignore[name-defined]
    """Every job; one process per run, so that a run starts Spark once."""
    writes = {
        "pipeline_a_guardrail": guardrail.WRITES,
        "pipeline_silver_materialization": silver.WRITES,
        "pipeline_c_analytics": analytics.WRITES,
    }
    keys = {name: [asset_key(t, *w) for t, w in tables.items()] for name, tables in writes.items()}
    keys["pipeline_b_controls"] = [
        asset_key(t, *w)
        for tables in (controls.RECON, controls.SUPPLY_OPS, controls.FINALIZE)
        for t, w in tables.items()
    ]
    keys["sync_dim_rule_scd2"] = [asset_key(dim_rule_scd2.TABLE)]
    keys["bronze_ingest"] = list(bronze.KEYS.values())
    jobs = [
        dg.define_asset_job(
            name, selection=selected, executor_def=dg.in_process_executor, tags={"pipeline": name}
        )
        for name, selected in keys.items()
    ]
    return [*jobs, bootstrap_catalog]

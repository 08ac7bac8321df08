"""The Dagster jobs, named as in the runbook (spec section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import dagster as dg

from assets import analytics, bronze, controls, guardrail, rules, silver
from assets.bootstrap import bootstrap_catalog
from assets.catalog import asset_key
from assets.checks.bronze import bronze_quality, bronze_quality_keys
from assets.checks.gates import gate_checks, gate_keys
from assets.checks.health import health_check_keys, ledger_health, rule_check_keys
from assets.checks.quality import own_keys
from assets.checks.unevaluated import say_what_was_not_evaluated
from assets.checks.verdicts import VERDICTS, verdict_checks
from assets.finalize import finalize_jobs, finalizer_op
from assets.limits import run_tags
from assets.retention import RETENTION_JOB, RETENTION_OP, bad_records_retention_cleanup
from assets.writes import WRITES
from configs.settings import Settings, load_settings
from ledger.contract import Table
from ledger.gold import dim_rule_scd2
from ledger.jobs import JOBS
from ledger.pipelines.registry import PIPELINE_A, PIPELINES
from ledger.tables import BRONZE
from resources.environments import run_executor

HEALTH_JOB = "ledger_health"
# Of each, one run at a time (dagster.yaml).
POOLS = ("bronze_ingest", *(p.name for p in PIPELINES), "sync_dim_rule_scd2", RETENTION_JOB)
# The operations of each job: a pipeline's share the run's parameters (resources/parameters.py), the others have a
# config of their own. A job and an operation cannot share a name.
JOB_OPS = {
    "bronze_ingest": (),  # takes no parameters, only its partition
    **{pipeline.job: pipeline.job_operations for pipeline in PIPELINES},
    "sync_dim_rule_scd2": ("sync_rules",),
    "bootstrap_catalog": (),
    RETENTION_JOB: (RETENTION_OP,),
    HEALTH_JOB: (),
}


def operations_of(job: str) -> tuple[str, ...]:
    """The operations of a job that take a config, those of the finalizers included."""
    finalizers = {pipeline.finalizer: (finalizer_op(pipeline),) for pipeline in PIPELINES}
    return {**JOB_OPS, **finalizers}[job]


def all_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Every asset that is computed or observed."""
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
    return [*gate_checks(settings), bronze_quality(settings), ledger_health(), verdict_checks(settings)]


def all_jobs() -> list[Any]:
    """Every job."""
    return list(_jobs())


def jobs_named(*names: str) -> list[Any]:
    """The jobs of these names, for whatever may request runs of them."""
    by_name = {job.name: job for job in _jobs()}
    return [by_name[name] for name in names]


@cache
def _jobs() -> tuple[Any, ...]:
    settings = load_settings()
    besides = {PIPELINE_A.name: bronze_quality_keys()}  # its operation has their numbers
    keys = {
        **{p.job: _selection(WRITES[p.name], [*gate_keys(p), *besides.get(p.name, ())]) for p in PIPELINES},
        "sync_dim_rule_scd2": _selection([{dim_rule_scd2.TABLE: ()}], rule_check_keys()),
        "bronze_ingest": _bronze(settings),
        HEALTH_JOB: dg.AssetSelection.checks(*health_check_keys(), VERDICTS),
    }
    executor = run_executor(settings)
    jobs = [
        dg.define_asset_job(
            name,
            selection=selected,
            executor_def=executor,
            tags=run_tags(name, tasks=max(1, len(JOB_OPS[name]))),
            description=JOBS[name].description,
            hooks={say_what_was_not_evaluated},
        )
        for name, selected in keys.items()
    ]
    return (*jobs, bootstrap_catalog, bad_records_retention_cleanup, *finalize_jobs())


def _bronze(settings: Settings) -> dg.AssetSelection:
    """The Bronze assets; what arrived is only checked where this system loads it."""
    if settings.bronze.ingest == "landing":
        return _selection([dict.fromkeys(BRONZE, ())])
    return dg.AssetSelection.assets(*bronze.KEYS.values()).without_checks()


def _selection(
    writes: Sequence[Mapping[Table, tuple[str, ...]]], besides: Sequence[dg.AssetCheckKey] = ()
) -> dg.AssetSelection:
    """The assets with the checks of their own operations, and the checks that the job evaluates besides.

    Left to itself Dagster adds every check on a selected asset, so that Silver's job would ask B's gate.
    """
    keys = [asset_key(table, *writer) for each in writes for table, writer in each.items()]
    checks = [key for each in writes for key in own_keys(each)]
    return dg.AssetSelection.assets(*keys).without_checks() | dg.AssetSelection.checks(*checks, *besides)

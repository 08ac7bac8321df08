"""Pipeline B: recon and supply_ops side by side, then finalize (spec section 7)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg

from assets.catalog import asset_key, asset_spec
from assets.checks.quality import own_specs
from assets.checks.readiness import GATE_B, ask_where_no_gate_ran
from assets.checks.verdicts import report_verdicts
from assets.execution import each_window, running
from assets.limits import RETRY_POLICY
from assets.materialization import table_results
from assets.partitions import ONE_DAY_A_RUN, kst_days
from assets.silver import SILVER_KEYS
from configs.settings import Settings
from ledger.contract import Table
from ledger.gold import exception_ledger, pipeline_state
from ledger.parameters import RunParameters
from ledger.pipelines.attempt import Outcome, Run
from ledger.pipelines.controls import (
    RECON_TABLES,
    SUPPLY_OPS_TABLES,
    finalize_success,
)
from ledger.pipelines.recon import run_recon
from ledger.pipelines.registry import PIPELINE_B
from ledger.pipelines.supply_ops import run_supply_ops
from ledger.silver import dq_status
from ledger.window import Window
from resources.ledger import LedgerResource

Writes = Mapping[Table, tuple[str, ...]]
RECON: Writes = {**dict.fromkeys(RECON_TABLES, ()), exception_ledger.TABLE: ("recon",)}
SUPPLY_OPS: Writes = {**dict.fromkeys(SUPPLY_OPS_TABLES, ()), exception_ledger.TABLE: ("supply",)}
FINALIZE: Writes = {pipeline_state.TABLE: (PIPELINE_B.name,)}

_RECON_DEPS = (SILVER_KEYS["wallet_snapshot"], SILVER_KEYS["ledger_entries"], asset_key(dq_status.TABLE))
_SUPPLY_OPS_DEPS = (*_RECON_DEPS, SILVER_KEYS["order_events"])
_FINALIZE_DEPS = tuple(asset_key(t, *w) for writes in (RECON, SUPPLY_OPS) for t, w in writes.items())


def control_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The three tasks of the runbook, one operation each."""
    days = kst_days(settings.partitions.start_date, including_today=False)
    recon, supply_ops, finalize = PIPELINE_B.operations
    return [
        _task(recon, RECON, _RECON_DEPS, run_recon, days),
        _task(supply_ops, SUPPLY_OPS, _SUPPLY_OPS_DEPS, run_supply_ops, days),
        _task(finalize, FINALIZE, _FINALIZE_DEPS, finalize_success, days),
    ]


def _task(
    name: str,
    writes: Writes,
    deps: tuple[dg.AssetKey, ...],
    compute: Callable[[Run, Window], Outcome],
    days: dg.DailyPartitionsDefinition,
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=name,
        specs=[
            asset_spec(table, *writer, group=PIPELINE_B.group, deps=deps, partitions_def=days)
            for table, writer in writes.items()
        ],
        check_specs=own_specs(writes, days),
        retry_policy=RETRY_POLICY,
        pool=PIPELINE_B.name,
        backfill_policy=ONE_DAY_A_RUN,
    )
    def task(
        context: dg.AssetExecutionContext, parameters: dg.ResourceParam[RunParameters], ledger: LedgerResource
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with running(context, ledger, PIPELINE_B, parameters) as (run, what):
            ask_where_no_gate_ran(context, GATE_B, run, what)
            outcomes = each_window(context, what.windows, lambda window: compute(run, window))
            yield from table_results(run, what, outcomes, writes)
            if writes is FINALIZE:
                report_verdicts(context.instance, run.lakehouse, ledger.settings(), ledger.now())

    return task

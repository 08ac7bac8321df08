"""Parameters of the run in hand, resolved once per pipeline in each of the run's processes (spec section 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache

import dagster as dg

from assets.run_tags import refuse_range, tick_of
from configs.settings import Settings
from ledger.parameters import ResolvedRun, RunParameters, resolve
from ledger.pipelines.registry import PIPELINES, Pipeline
from resources.ledger import LedgerResource
from resources.parameters import given_to

Context = dg.AssetExecutionContext | dg.OpExecutionContext  # an asset check's operation has the latter


@dataclass(frozen=True)
class Asked:
    """The parameters that a run was given. ``now`` is the clock of whoever looks first: every operation has the same windows."""

    dagster_run_id: str
    default_run_id: str
    parameters: RunParameters
    partition: date | None
    tick: datetime | None
    is_prod: bool
    now: datetime = field(compare=False)

    def resolved(self, pipeline: Pipeline) -> ResolvedRun:
        """The windows and the rest of it; raises :class:`ParameterError`."""
        return _resolved(pipeline, self)


@lru_cache(maxsize=16)
def _resolved(pipeline: Pipeline, asked: Asked) -> ResolvedRun:
    return resolve(
        pipeline,
        asked.parameters,
        now=asked.tick or asked.now,
        default_run_id=asked.default_run_id,
        is_prod=asked.is_prod,
        partition=asked.partition,
    )


def asked_of(
    context: Context, ledger: LedgerResource, settings: Settings, parameters: RunParameters | None = None
) -> Asked:
    """The parameters of the run in hand; ``parameters``: those of its config, unless an operation has others."""
    run = context.run
    return Asked(
        run.run_id,
        run.root_run_id or run.run_id,
        RunParameters(**given_to(run.run_config)) if parameters is None else parameters,
        date.fromisoformat(context.partition_key) if context.has_partition_key else None,
        tick_of(run.tags),
        settings.is_prod,
        ledger.now(),
    )


def refuse_unsound(context: Context, ledger: LedgerResource, settings: Settings) -> None:
    """Refuse a run that cannot be done as it was asked for; before Spark starts, by whichever operation is first.

    All operations of a run have the same parameters, and each asks on behalf of every pipeline that the run
    executes: so none writes in a run that another one would refuse. Raises :class:`ParameterError`.
    """
    refuse_range(context.run.tags)
    asked = asked_of(context, ledger, settings)
    for pipeline in PIPELINES:
        if any(context.job_def.graph.has_node_named(operation) for operation in pipeline.operations):
            asked.resolved(pipeline)

"""Tables that each pipeline writes, with their writer where a table has several."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from assets import analytics, controls, guardrail, silver
from assets.catalog import asset_key
from ledger.contract import Table
from ledger.pipelines.registry import (
    PIPELINE_A,
    PIPELINE_B,
    PIPELINE_C,
    PIPELINE_SILVER,
    Pipeline,
    PipelineName,
)

WRITES: Mapping[PipelineName, tuple[Mapping[Table, tuple[str, ...]], ...]] = {
    PIPELINE_A.name: (guardrail.WRITES,),
    PIPELINE_SILVER.name: (silver.WRITES,),
    PIPELINE_B.name: (controls.RECON, controls.SUPPLY_OPS, controls.FINALIZE),
    PIPELINE_C.name: (analytics.WRITES,),
}
"""By operation, in the order of a run."""


def written_keys(pipeline: Pipeline) -> frozenset[dg.AssetKey]:
    """The assets of a pipeline."""
    return frozenset(
        asset_key(table, *writer) for each in WRITES[pipeline.name] for table, writer in each.items()
    )

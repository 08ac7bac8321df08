"""The metadata of every asset check: severity, threshold, rule and the runbook section to open."""

import warnings
from collections.abc import Sequence
from typing import Any

import dagster as dg

RUNBOOK = "docs/runbook.md, section {}"


def check_spec(
    key: dg.AssetCheckKey,
    description: str,
    *,
    section: str,
    blocking: bool = False,
    partitions_def: dg.PartitionsDefinition[Any] | None = None,
    after: Sequence[dg.AssetKey] = (),
) -> dg.AssetCheckSpec:
    """A check of one asset; with ``partitions_def`` every day has a verdict of its own; ``after``: assets that come first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # partitioned checks are a preview in 1.13
        return dg.AssetCheckSpec(
            key.name,
            asset=key.asset_key,
            description=f"{description} Runbook: section {section}.",
            blocking=blocking,
            partitions_def=partitions_def,
            additional_deps=list(after),
            metadata={"runbook": RUNBOOK.format(section)},
        )

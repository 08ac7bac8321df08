"""The rule table, loaded from its seed on demand (spec section 8)."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field

from assets.catalog import asset_spec
from assets.execution import failing_at_once
from assets.limits import RETRY_POLICY
from assets.materialization import row_count, version_of
from assets.parameters import refuse_unsound
from assets.samples import Part, counts_and_samples
from ledger.gold import dim_rule_scd2
from ledger.jobs import PARAMETERS
from ledger.pipelines.catalog import sync_rules
from resources import told
from resources.ledger import LedgerResource


class SyncParameters(dg.Config):
    """Which seed to load; blank: ``rules.seed_path``."""

    seed_path: str = Field("", description=PARAMETERS["seed_path"])


@dg.multi_asset(
    name="sync_rules",
    specs=[asset_spec(dim_rule_scd2.TABLE, group="rules")],
    retry_policy=RETRY_POLICY,
    pool="sync_dim_rule_scd2",
)
def dim_rule_scd2_asset(
    context: dg.AssetExecutionContext, config: SyncParameters, ledger: LedgerResource
) -> Iterator[dg.MaterializeResult[Any]]:
    """Close changed rules and open their new versions, in one commit."""
    with failing_at_once():
        settings = ledger.settings()
        refuse_unsound(context, ledger, settings)  # a run of the asset graph may have pipelines, too
        seed = settings.resolved(config.seed_path.strip() or settings.rules.seed_path)
        with ledger.lakehouse(settings) as lakehouse:
            done = sync_rules(lakehouse, seed, now=ledger.now())
            context.log.info(told.text(done))
            (shown,) = counts_and_samples(lakehouse, [Part(dim_rule_scd2.TABLE)])
            yield dg.MaterializeResult(
                metadata=told.metadata(
                    {
                        **row_count(shown, of_partition=False),
                        **{f"rules_{name}": text for name, text in done.counts().items()},
                        "rows_inserted": done.write.inserted,
                        "rows_updated": done.write.updated,
                        "delta_version": version_of(lakehouse, dim_rule_scd2.TABLE),
                        "seed_path": seed,
                        "sample": shown.sample,
                    }
                )
            )

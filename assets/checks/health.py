"""Health checks: what no single run can say. Evaluated by the job ``ledger_health``, on demand or on a cadence."""

from collections.abc import Iterator

import dagster as dg

from assets.catalog import asset_key
from assets.checks.quality import Check, quality_spec, result
from assets.execution import failing_at_once
from assets.limits import RETRY_POLICY
from ledger.gold import dim_rule_scd2, pipeline_state
from ledger.pipelines.registry import PIPELINE_B, PIPELINES
from ledger.quality import health
from resources.ledger import LedgerResource

_RECENT = Check(health.RECENT, "Is the day done that has to be done by now, and every one before it?", "4")
_DUE = Check(
    health.DUE, "Does a day have to run again, because its landing or what Silver made of it changed?", "7"
)
_RULES = (
    Check(health.ONE_CURRENT, "Has every metric at most one current rule?", "7.2"),
    Check(health.UNIQUE_IDS, "Is every rule_id used once?", "7.2"),
)
_STATES = [asset_key(pipeline_state.TABLE, pipeline.name) for pipeline in PIPELINES]
_RULE_TABLE = asset_key(dim_rule_scd2.TABLE)
_B_STATE = asset_key(pipeline_state.TABLE, PIPELINE_B.name)


def rule_check_keys() -> list[dg.AssetCheckKey]:
    """The checks on the rule table; the sync evaluates them as well."""
    return [dg.AssetCheckKey(_RULE_TABLE, check.name) for check in _RULES]


def health_check_keys() -> list[dg.AssetCheckKey]:
    """Every health check."""
    recent = [dg.AssetCheckKey(state, _RECENT.name) for state in _STATES]
    return [*recent, dg.AssetCheckKey(_B_STATE, _DUE.name), *rule_check_keys()]


def ledger_health() -> dg.AssetChecksDefinition:
    """One operation for all of them: on a cluster each operation is a submitted run."""
    specs = [
        *[quality_spec(state, _RECENT, None) for state in _STATES],
        quality_spec(_B_STATE, _DUE, None),
        *[quality_spec(_RULE_TABLE, check, None) for check in _RULES],
    ]

    @dg.multi_asset_check(
        name="ledger_health_checks",
        specs=specs,
        description="Is the state recent, is a day due for restatement, are the rules sound?",
        can_subset=True,
        retry_policy=RETRY_POLICY,
    )
    def evaluate(
        context: dg.AssetCheckExecutionContext, ledger: LedgerResource
    ) -> Iterator[dg.AssetCheckResult]:
        selected = context.selected_asset_check_keys
        with failing_at_once():
            settings = ledger.settings()
            with ledger.lakehouse(settings) as lakehouse:
                if any(key.asset_key in _STATES for key in selected):
                    recent = health.state_verdicts(
                        lakehouse, ledger.now(), start=settings.partitions.start_date
                    )
                    for state, found in zip(_STATES, recent, strict=True):
                        if dg.AssetCheckKey(state, _RECENT.name) in selected:
                            yield result(state, _RECENT, found)
                if dg.AssetCheckKey(_B_STATE, _DUE.name) in selected:
                    yield result(_B_STATE, _DUE, health.restatement_verdict(lakehouse))
                if any(key.asset_key == _RULE_TABLE for key in selected):
                    for check, found in zip(_RULES, health.rule_verdicts(lakehouse), strict=True):
                        if dg.AssetCheckKey(_RULE_TABLE, check.name) in selected:
                            yield result(_RULE_TABLE, check, found)

    return evaluate

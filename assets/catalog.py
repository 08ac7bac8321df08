"""How a table of the contract appears in the asset catalog."""

from collections.abc import Iterable, Sequence

import dagster as dg

from assets.lineage import lineage_metadata, sources_of
from assets.partitions import TIMEZONE
from ledger.contract import Table
from ledger.pipelines.registry import PIPELINES

OWNERS = ["team:data-platform"]
# For display only, by group (runbook section 4); what may start is decided by the gates.
_FRESHNESS = {
    p.group: dg.FreshnessPolicy.cron(
        p.schedule.deadline_cron, lower_bound_delta=p.schedule.grace, timezone=TIMEZONE
    )
    for p in PIPELINES
}


def _description(table: Table, *writer: str) -> str:
    """The table in words; of a table with several writers, whose rows these are."""
    text = f"{table.description}\n\nGrain: {table.grain}. Write: {table.write}."
    if writer:
        text += f"\n\nThe rows that `{writer[0]}` writes: several writers share the table, each has an asset."
    return text


def asset_key(table: Table, *writer: str) -> dg.AssetKey:
    """``[schema, table]``, followed by the writer where a table has several."""
    return dg.AssetKey([table.schema, table.name, *writer])


def column_schema(table: Table, *writer: str) -> dg.TableSchema:
    """The contract's columns with types, meaning and units, and what each is made of."""
    sources = sources_of(table, *writer)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                c.name,
                c.type,
                description="; from ".join(filter(None, (c.comment, sources.get(c.name)))),
                constraints=dg.TableColumnConstraints(nullable=c.name not in table.required),
            )
            for c in table.columns
        ]
    )


def asset_spec(
    table: Table,
    *writer: str,
    group: str,
    deps: Iterable[dg.AssetKey] = (),
    partitions_def: dg.PartitionsDefinition[str] | None = None,
    extra_kinds: Sequence[str] = (),
    skippable: bool = False,
) -> dg.AssetSpec:
    """The asset of one table (or of one writer's rows in it)."""
    return dg.AssetSpec(
        asset_key(table, *writer),
        description=_description(table, *writer),
        group_name=group,
        owners=OWNERS,
        deps=list(deps),
        kinds={"spark", "deltalake", *extra_kinds},
        tags={"layer": table.schema, "contains_pii": str(bool(table.identifying)).lower()},
        metadata={
            "dagster/column_schema": column_schema(table, *writer),
            "dagster/table_name": table.full_name,
            **lineage_metadata(table, *writer),
        },
        freshness_policy=_FRESHNESS.get(group),
        partitions_def=partitions_def,
        skippable=skippable,
    )

"""How a table of the contract appears in the asset catalog."""

from collections.abc import Iterable, Sequence

import dagster as dg

from ledger.contract import Table

OWNERS = ["team:data-platform"]
_GROUPS = {"bronze": "bronze", "silver": "silver", "gold": "gold"}


def asset_key(table: Table, *writer: str) -> dg.AssetKey:
    """``[schema, table]``, followed by the writer where a table has several."""
    return dg.AssetKey([table.schema, table.name, *writer])


def column_schema(table: Table) -> dg.TableSchema:
    """The contract's columns with types, meaning and units."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                c.name,
                c.type,
                description=c.comment,
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
        description=f"{table.description}\n\nGrain: {table.grain}. Write: {table.write}.",
        group_name=group,
        owners=OWNERS,
        deps=list(deps),
        kinds={"spark", "deltalake", *extra_kinds},
        tags={"layer": table.schema, "contains_pii": str(bool(table.identifying)).lower()},
        metadata={"dagster/column_schema": column_schema(table), "dagster/table_name": table.full_name},
        partitions_def=partitions_def,
        skippable=skippable,
    )

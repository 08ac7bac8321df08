"""All tables, in the order of the specification."""

from __future__ import annotations

from ledger.bronze import (
    landing_file,
    order_items_raw,
    orders_raw,
    payment_orders_raw,
    products_raw,
    transaction_ledger_raw,
    user_wallets_raw,
)
from ledger.contract import Table
from ledger.errors import ParameterError
from ledger.gold import (
    admin_tx_search,
    dim_rule_scd2,
    exception_ledger,
    fact_payment_anonymized,
    ledger_supply_balance_daily,
    ops_ledger_pairing_quality_daily,
    ops_payment_failure_daily,
    ops_payment_refund_daily,
    pipeline_run_log,
    pipeline_state,
    recon_daily_snapshot_flow,
    restatement_log,
    state_repair_log,
)
from ledger.silver import (
    bad_records,
    day_changes,
    dq_status,
    ledger_daily_flow,
    ledger_entries,
    order_events,
    order_items,
    products,
    wallet_snapshot,
)
from ledger.silver.silver_table import SilverTable, Source

BRONZE = tuple(
    module.TABLE
    for module in (
        user_wallets_raw,
        transaction_ledger_raw,
        payment_orders_raw,
        orders_raw,
        order_items_raw,
        products_raw,
    )
)
SILVER_TABLES: tuple[SilverTable, ...] = tuple(
    module.SILVER for module in (wallet_snapshot, ledger_entries, order_events, order_items, products)
)
"""The tables that pipeline Silver fills, over which it loops; in the order in which they are shown."""
_SILVER_BY_NAME = {silver.name: silver for silver in SILVER_TABLES}
_SOURCE_BY_NAME = {source.table.full_name: source for silver in SILVER_TABLES for source in silver.sources}
SILVER = (*[silver.contract for silver in SILVER_TABLES], bad_records.TABLE, dq_status.TABLE)
GOLD = tuple(
    module.TABLE
    for module in (
        recon_daily_snapshot_flow,
        ledger_supply_balance_daily,
        ops_payment_failure_daily,
        ops_payment_refund_daily,
        ops_ledger_pairing_quality_daily,
        admin_tx_search,
        fact_payment_anonymized,
        exception_ledger,
        pipeline_state,
        pipeline_run_log,
        dim_rule_scd2,
    )
)
INTERNAL = tuple(
    module.TABLE for module in (day_changes, ledger_daily_flow, restatement_log, state_repair_log)
)
ALL: tuple[Table, ...] = (*BRONZE, landing_file.TABLE, *SILVER, *GOLD, *INTERNAL)


def silver_of(table: Table) -> SilverTable:
    """The value of one of pipeline Silver's tables."""
    return _SILVER_BY_NAME[table.full_name]


def source_of(table: Table) -> Source:
    """How pipeline Silver judges the rows of a Bronze table."""
    return _SOURCE_BY_NAME[table.full_name]


def by_name(name: str) -> Table:
    """The table ``<schema>.<table>`` (or its unique bare name); raises :class:`ParameterError`."""
    found = [t for t in ALL if name in (t.full_name, t.name)]
    if len(found) != 1:
        raise ParameterError(
            f"unknown table {name!r}", action=f"one of {', '.join(t.full_name for t in ALL)}"
        )
    return found[0]

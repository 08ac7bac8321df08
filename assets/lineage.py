"""Column lineage, declared per table: which columns a column is made of.

Declared, not parsed from plans: a plan knows the joins, not what a number means. A test holds every name against
the contracts, and every business column must be here.
"""

from collections.abc import Mapping

import dagster as dg

from ledger.contract import Table
from ledger.tables import BRONZE

Sources = Mapping[str, tuple[str, ...]]
_WALLETS, _LEDGER, _PAYMENTS = (
    "bronze.user_wallets_raw",
    "bronze.transaction_ledger_raw",
    "bronze.payment_orders_raw",
)
_ORDERS, _ITEMS, _PRODUCTS = "bronze.orders_raw", "bronze.order_items_raw", "bronze.products_raw"
_SNAPSHOT, _ENTRIES, _EVENTS = "silver.wallet_snapshot", "silver.ledger_entries", "silver.order_events"
_RECON, _SUPPLY, _DQ = (
    "gold.recon_daily_snapshot_flow",
    "gold.ledger_supply_balance_daily",
    "silver.dq_status",
)
_RULE = {"rule_id": ("gold.dim_rule_scd2.rule_id",)}


def _of(table: str, *columns: str) -> tuple[str, ...]:
    return tuple(f"{table}.{column}" for column in columns)


def _same(table: str, *columns: str) -> dict[str, tuple[str, ...]]:
    return {column: _of(table, column) for column in columns}


def _order_of(*tables: str) -> dict[str, tuple[str, ...]]:
    """The three columns that keep a row's place in the source order."""
    names = ("source_extracted_at", "ingested_at", "batch_id")
    return {f"_{name}": tuple(f"{table}.{name}" for table in tables) for name in names}


_TAKEN = _of(_WALLETS, "source_extracted_at", "ingested_at")
_BALANCE, _FLOW = _of(_SNAPSHOT, "balance_total", "snapshot_ts"), _of(_ENTRIES, "amount_signed", "event_time")
_ISSUED = _of(_ENTRIES, "amount", "entry_type", "event_date_kst")
_GROUP = _of(_ENTRIES, "related_id", "wallet_id", "tx_id")
_PAID = (*_of(_EVENTS, "order_ref"), *_of(_ENTRIES, "related_id"))
_OUTCOME = _of(_EVENTS, "status", "order_ref")
_PER_MERCHANT = {
    "date_kst": _of(_EVENTS, "event_date_kst"),
    "merchant_name": _of(_EVENTS, "merchant_name"),
    "total_cnt": _of(_EVENTS, "order_ref"),
}

LINEAGE: Mapping[tuple[str, ...], Sources] = {
    (_SNAPSHOT,): {
        "snapshot_ts": _TAKEN,
        "snapshot_date_kst": _TAKEN,
        "user_id": _of(_WALLETS, "user_id"),
        "balance_available": _of(_WALLETS, "balance"),
        "balance_frozen": _of(_WALLETS, "frozen_amount"),
        "balance_total": _of(_WALLETS, "balance", "frozen_amount"),
        "source_updated_at": _of(_WALLETS, "updated_at"),
        **_RULE,
    },
    (_ENTRIES,): {
        **_same(_LEDGER, "tx_id", "wallet_id", "amount", "related_id", "created_at"),
        "event_time": _of(_LEDGER, "created_at"),
        "event_date_kst": _of(_LEDGER, "created_at"),
        "entry_type": _of(_LEDGER, "type"),
        "amount_signed": _of(_LEDGER, "amount", "type"),
        "related_type": (
            *_of(_LEDGER, "related_id"),
            *_of(_PAYMENTS, "order_id"),
            *_of(_ORDERS, "order_id"),
        ),
        "status": (*_of(_PAYMENTS, "status"), *_of(_LEDGER, "related_id")),
        **_order_of(_LEDGER),
        **_RULE,
    },
    (_EVENTS,): {
        "order_ref": (*_of(_ORDERS, "order_id"), *_of(_PAYMENTS, "order_id")),
        "user_id": (*_of(_ORDERS, "user_id"), *_of(_PAYMENTS, "user_id")),
        "merchant_name": _of(_PAYMENTS, "merchant_name"),
        "amount": (*_of(_ORDERS, "total_amount"), *_of(_PAYMENTS, "amount")),
        "status": (*_of(_ORDERS, "status"), *_of(_PAYMENTS, "status")),
        "event_time": (*_of(_ORDERS, "created_at"), *_of(_PAYMENTS, "created_at")),
        "event_date_kst": (*_of(_ORDERS, "created_at"), *_of(_PAYMENTS, "created_at")),
        **_order_of(_ORDERS, _PAYMENTS),
    },
    ("silver.order_items",): {
        **_same(_ITEMS, "item_id", "order_id", "product_id", "quantity", "price_at_purchase"),
        "order_ref": _of(_ITEMS, "order_id"),
        **_order_of(_ITEMS),
    },
    ("silver.products",): {
        **_same(_PRODUCTS, "product_id", "product_name", "category", "price_krw", "is_display"),
        **_order_of(_PRODUCTS),
    },
    ("silver.bad_records",): {
        "record_json": tuple(f"{table.full_name}._raw" for table in BRONZE),
        **_RULE,
    },
    (_DQ,): {
        "freshness_sec": (
            *_of(_LEDGER, "ingested_at", "created_at"),
            *_of(_WALLETS, "ingested_at", "updated_at"),
            *_of(_PAYMENTS, "ingested_at", "created_at"),
        ),
        "dup_rate": (*_of(_LEDGER, "tx_id"), *_of(_WALLETS, "user_id"), *_of(_PAYMENTS, "order_id")),
        "bad_records_rate": (
            *_of(_LEDGER, "type", "amount", "created_at"),
            *_of(_WALLETS, "balance", "frozen_amount"),
            *_of(_PAYMENTS, "amount", "status"),
        ),
        **_RULE,
    },
    (_RECON,): {
        "date_kst": _of(_SNAPSHOT, "snapshot_date_kst"),
        "user_id": _of(_SNAPSHOT, "user_id"),
        "opening_ts": _of(_SNAPSHOT, "snapshot_ts"),
        "closing_ts": _of(_SNAPSHOT, "snapshot_ts"),
        "delta_balance_total": _BALANCE,
        "net_flow_total": _FLOW,
        "drift_abs": (*_BALANCE, *_FLOW),
        "drift_pct": (*_BALANCE, *_FLOW),
        "dq_tag": _of(_DQ, "dq_tag", "severity"),
        **_RULE,
    },
    (_SUPPLY,): {
        "issued_supply": _ISSUED,
        "wallet_total_balance": (*_BALANCE, *_FLOW),
        "diff_amount": (*_ISSUED, *_BALANCE, *_FLOW),
        "is_ok": (*_ISSUED, *_BALANCE, *_FLOW),
        "dq_tag": _of(_DQ, "dq_tag", "severity"),
        **_RULE,
    },
    ("gold.ops_payment_failure_daily",): {**_PER_MERCHANT, "failed_cnt": _OUTCOME, "failure_rate": _OUTCOME},
    ("gold.ops_payment_refund_daily",): {**_PER_MERCHANT, "refunded_cnt": _OUTCOME, "refund_rate": _OUTCOME},
    ("gold.ops_ledger_pairing_quality_daily",): {
        "date_kst": _of(_ENTRIES, "event_date_kst"),
        "entry_cnt": _of(_ENTRIES, "tx_id"),
        "related_id_null_rate": _of(_ENTRIES, "related_id"),
        "pair_candidate_rate": _GROUP,
        "join_payment_orders_rate": _of(_ENTRIES, "related_id", "related_type"),
    },
    ("gold.admin_tx_search",): {
        **_same(_ENTRIES, "event_date_kst", "tx_id", "wallet_id", "entry_type", "amount", "amount_signed"),
        **_same(_ENTRIES, "event_time", "related_id", "related_type"),
        "merchant_name": (*_of(_EVENTS, "merchant_name"), *_PAID),
        "payment_status": (*_of(_EVENTS, "status"), *_PAID),
        "paired_tx_id": _of(_ENTRIES, "tx_id", "related_id"),
    },
    ("gold.fact_payment_anonymized",): {
        "date_kst": _of(_EVENTS, "event_date_kst"),
        "user_key": _of(_EVENTS, "user_id"),
        **_same(_EVENTS, "merchant_name", "amount", "status"),
        "category": (
            "silver.products.category",
            *_of("silver.order_items", "order_ref", "product_id", "price_at_purchase", "quantity"),
        ),
    },
    ("gold.exception_ledger", "dq"): {
        "metric_value": _of(_DQ, "freshness_sec", "dup_rate", "bad_records_rate"),
        "message": _of(_DQ, "source_table"),
        **_RULE,
    },
    ("gold.exception_ledger", "recon"): {
        "metric_value": _of(_RECON, "drift_abs"),
        "message": _of(_RECON, "user_id", "delta_balance_total", "net_flow_total", "drift_abs"),
        **_RULE,
    },
    ("gold.exception_ledger", "supply"): {
        "metric_value": _of(_SUPPLY, "diff_amount"),
        "message": _of(_SUPPLY, "issued_supply", "wallet_total_balance", "diff_amount"),
        **_RULE,
    },
}


def column_lineage(table: Table, *writer: str) -> dg.TableColumnLineage | None:
    """Lineage of the table's columns; None for a table whose columns come from outside."""
    sources = LINEAGE.get((table.full_name, *writer))
    if sources is None:
        return None
    return dg.TableColumnLineage(
        deps_by_column={column: [_dep(source) for source in names] for column, names in sources.items()}
    )


def sources_of(table: Table, *writer: str) -> dict[str, str]:
    """Column to its sources as text, for column descriptions: the open-source UI has no graph of columns."""
    declared = LINEAGE.get((table.full_name, *writer), {})
    return {column: _text(names) for column, names in declared.items()}


def _text(names: tuple[str, ...]) -> str:
    """``silver.t: a, b; silver.u: c``"""
    per_table: dict[str, list[str]] = {}
    for name in names:
        table, _, column = name.rpartition(".")
        per_table.setdefault(table, []).append(column)
    return "; ".join(f"{table}: {', '.join(columns)}" for table, columns in per_table.items())


def lineage_metadata(table: Table, *writer: str) -> dict[str, dg.TableColumnLineage]:
    """As metadata of a materialization, where the UI looks for it; empty without lineage."""
    lineage = column_lineage(table, *writer)
    return {"dagster/column_lineage": lineage} if lineage else {}


def _dep(source: str) -> dg.TableColumnDep:
    schema, name, column = source.split(".")
    return dg.TableColumnDep(asset_key=dg.AssetKey([schema, name]), column_name=column)

"""Table contracts of section 2 as plain data: column -> type, in the specification's own words.

`money` stands for `decimal(18,2)` (Bronze), the rest is spelled out. `!` marks a required column.
"""

from __future__ import annotations

from typing import Any

from tests.oracle.contract_gold import GOLD as GOLD

Row = dict[str, Any]

# Columns that only the oracle uses start with this mark and are no part of any table.
HIDDEN = "~"

METADATA = {
    "ingested_at": "timestamp",
    "source_extracted_at": "timestamp",
    "batch_id": "string",
    "source_system": "string",
}

BRONZE: dict[str, dict[str, str]] = {
    "user_wallets_raw": {
        "user_id": "string!",
        "balance": "money!",
        "frozen_amount": "money!",
        "updated_at": "timestamp",
    },
    "transaction_ledger_raw": {
        "tx_id": "string!",
        "wallet_id": "string!",
        "type": "string!",
        "amount": "money!",
        "related_id": "string",
        "created_at": "timestamp",
    },
    "payment_orders_raw": {
        "order_id": "string!",
        "user_id": "string",
        "merchant_name": "string",
        "amount": "money!",
        "status": "string",
        "created_at": "timestamp",
    },
    "orders_raw": {
        "order_id": "bigint!",
        "user_id": "string",
        "total_amount": "money",
        "status": "string",
        "created_at": "timestamp",
    },
    "order_items_raw": {
        "item_id": "bigint!",
        "order_id": "bigint!",
        "product_id": "bigint!",
        "quantity": "int",
        "price_at_purchase": "money",
    },
    "products_raw": {
        "product_id": "bigint!",
        "product_name": "string",
        "price_krw": "money",
        "stock_quantity": "int",
        "category": "string",
        "is_display": "boolean",
    },
}

LANDING_FILE = {
    "path": "string!",
    "sha256": "string!",
    "landing_date_kst": "date!",
    "bytes": "bigint",
    "rows": "bigint",
    "unparsable_rows": "bigint",
    "status": "string!",
    "reason": "string",
    "run_id": "string!",
    "at": "timestamp!",
}

SILVER: dict[str, dict[str, str]] = {
    "wallet_snapshot": {
        "snapshot_ts": "timestamp!",
        "snapshot_date_kst": "date!",
        "user_id": "string!",
        "balance_available": "decimal(38,2)!",
        "balance_frozen": "decimal(38,2)!",
        "balance_total": "decimal(38,2)!",
        "source_updated_at": "timestamp",
        "run_id": "string!",
        "rule_id": "string",
    },
    "ledger_entries": {
        "tx_id": "string!",
        "wallet_id": "string!",
        "event_time": "timestamp!",
        "event_date_kst": "date!",
        "entry_type": "string!",
        "amount": "decimal(38,2)!",
        "amount_signed": "decimal(38,2)!",
        "related_id": "string",
        "related_type": "string",
        "status": "string",
        "created_at": "timestamp",
        "run_id": "string!",
        "rule_id": "string",
    },
    "order_events": {
        "order_ref": "string!",
        "order_source": "string!",
        "user_id": "string",
        "merchant_name": "string",
        "amount": "decimal(38,2)",
        "status": "string",
        "event_time": "timestamp",
        "event_date_kst": "date",
        "run_id": "string!",
    },
    "order_items": {
        "item_id": "bigint!",
        "order_id": "bigint!",
        "order_ref": "string!",
        "product_id": "bigint!",
        "quantity": "int",
        "price_at_purchase": "decimal(38,2)",
        "run_id": "string!",
    },
    "products": {
        "product_id": "bigint!",
        "product_name": "string",
        "category": "string",
        "price_krw": "decimal(38,2)",
        "is_display": "boolean",
        "run_id": "string!",
    },
    "bad_records": {
        "detected_date_kst": "date!",
        "source_table": "string!",
        "reason": "string!",
        "record_json": "string!",
        "run_id": "string!",
        "rule_id": "string",
        "detected_at": "timestamp!",
        "window_start_ts": "timestamp!",
        "window_end_ts": "timestamp!",
    },
    "dq_status": {
        "source_table": "string!",
        "window_start_ts": "timestamp!",
        "window_end_ts": "timestamp!",
        "date_kst": "date!",
        "freshness_sec": "bigint",
        "event_count": "bigint!",
        "dup_rate": "decimal(38,6)",
        "bad_records_rate": "decimal(38,6)",
        "dq_tag": "string",
        "severity": "string",
        "run_id": "string!",
        "rule_id": "string",
        "generated_at": "timestamp!",
    },
}

TABLES = (
    [f"bronze.{name}" for name in (*BRONZE, "landing_file")]
    + [f"silver.{name}" for name in SILVER]
    + [f"gold.{name}" for name in GOLD]
)


def columns_of(table: str) -> dict[str, str]:
    """The known columns of a table: of a Bronze one without the stamps that begin with an underscore."""
    schema, name = table.split(".")
    if schema == "bronze":
        return (
            LANDING_FILE if name == "landing_file" else BRONZE[name] | METADATA | {"ingest_date_kst": "date!"}
        )
    return (SILVER if schema == "silver" else GOLD)[name]

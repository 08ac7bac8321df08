"""Section 5, first half: what makes one Bronze row bad, and what a good one becomes in Silver.

Pure functions of one row (plus, for the ledger, the order that it relates to). The first failing rule is the
reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from tests.oracle.contract import Row
from tests.oracle.rules import RuleBook
from tests.oracle.values import Window, kst_date, trim

SIGNS = (
    dict.fromkeys(("CHARGE", "MINT", "RECEIVE", "REFUND_IN"), 1)
    | dict.fromkeys(("WITHDRAW", "BURN", "PAYMENT", "REFUND_OUT"), -1)
    | dict.fromkeys(("HOLD", "RELEASE"), 0)
)

# Bronze table -> the Silver table that its rows are meant for.
TARGETS = {
    "user_wallets_raw": "wallet_snapshot",
    "transaction_ledger_raw": "ledger_entries",
    "payment_orders_raw": "order_events",
    "orders_raw": "order_events",
    "order_items_raw": "order_items",
    "products_raw": "products",
}


def wallet_reason(row: Row) -> str | None:
    """`wallet_snapshot` from `user_wallets_raw`."""
    if trim(row["user_id"]) is None:
        return "missing_user_id"
    if row["balance"] is None or row["frozen_amount"] is None:
        return "invalid_balance"
    if row["balance"] < 0 or row["frozen_amount"] < 0:
        return "negative_balance"
    if snapshot_ts(row) is None:
        return "missing_snapshot_ts"
    return None


def snapshot_ts(row: Row) -> datetime | None:
    """`source_extracted_at`, else `ingested_at`."""
    taken_at: datetime | None = row["source_extracted_at"] or row["ingested_at"]
    return taken_at


def ledger_reason(row: Row, rules: RuleBook) -> str | None:
    """`ledger_entries` from `transaction_ledger_raw`, without `invalid_status` (it needs a join)."""
    entry_type = trim(row["type"])
    if trim(row["tx_id"]) is None or trim(row["wallet_id"]) is None:
        return "missing_tx_or_wallet"
    if entry_type is None:
        return "missing_entry_type"
    if entry_type not in rules.get("silver", "entry_type_allowed").allowed_values:
        return "invalid_entry_type"
    if row["amount"] is None:
        return "invalid_amount"
    if row["amount"] <= 0:
        return "non_positive_amount"
    if entry_type not in SIGNS:
        return "amount_signed_unavailable"
    if row["created_at"] is None:
        return "missing_event_time"
    return None


def payment_order_reason(row: Row, rules: RuleBook) -> str | None:
    """`order_events` from `payment_orders_raw`. A null status is not a status that the rule does not list."""
    if trim(row["order_id"]) is None:
        return "missing_order_id"
    if row["amount"] is None:
        return "invalid_amount"
    if row["amount"] <= 0:
        return "non_positive_amount"
    return status_reason(trim(row["status"]), rules)


def status_reason(status: str | None, rules: RuleBook) -> str | None:
    """`invalid_status`: a status that rule `silver/payment_status_allowed` does not list."""
    allowed = rules.get("silver", "payment_status_allowed").allowed_values
    return "invalid_status" if status is not None and status not in allowed else None


def row_reason(table: str, row: Row, rules: RuleBook) -> str | None:
    """The first failing row rule of any Bronze row (also for Guardrail's `bad_records_rate`, section 6)."""
    if row["~unparsable"]:
        return "unparsable_record"
    match table:
        case "user_wallets_raw":
            return wallet_reason(row)
        case "transaction_ledger_raw":
            return ledger_reason(row, rules)
        case "payment_orders_raw":
            return payment_order_reason(row, rules)
        case "orders_raw":
            return "missing_order_id" if row["order_id"] is None else None
        case "order_items_raw":
            keys = (row["item_id"], row["order_id"], row["product_id"])
            return "missing_required_keys" if None in keys else None
        case "products_raw":
            return "missing_product_id" if row["product_id"] is None else None
    raise AssertionError(table)


@dataclass
class RelatedOrders:
    """Targets of a ledger entry's `related_id`: payment order id -> status, and the ids of orders."""

    payment_status: dict[str, str | None] = field(default_factory=dict)
    order_ids: set[str] = field(default_factory=set)

    def related_type(self, related_id: str | None) -> str | None:
        """A payment order is looked at first, then an order."""
        if related_id in self.payment_status:
            return "PAYMENT_ORDER"
        return "ORDER" if related_id in self.order_ids else None


def related_orders(
    payment_orders: list[Row], orders: list[Row], order_events: list[Row], window: Window, lookback_days: int
) -> RelatedOrders:
    """The window's raw orders, whatever their quality, over `silver.order_events` of the days before it."""
    related = RelatedOrders()
    first: date = window.date_kst - timedelta(days=lookback_days)
    for event in order_events:
        if event["event_date_kst"] is None or not first <= event["event_date_kst"] < window.date_kst:
            continue
        if event["order_source"] == "PAYMENT_ORDERS":
            related.payment_status[event["order_ref"]] = event["status"]
        else:
            related.order_ids.add(event["order_ref"])
    # Ascending by (created_at, ingested_at, batch_id), nulls first: the last one written is the latest.
    for row in sorted(payment_orders, key=latest_order("created_at", "ingested_at", "batch_id")):
        order_id = trim(row["order_id"])
        if order_id is not None:
            related.payment_status[order_id] = trim(row["status"])
    related.order_ids |= {str(row["order_id"]) for row in orders if row["order_id"] is not None}
    return related


def latest_order(*columns: str) -> Callable[[Row], tuple[tuple[bool, object], ...]]:
    """Sort key: ascending, nulls first."""
    return lambda row: tuple((row[name] is not None, row[name]) for name in columns)


def earliest_order(*columns: str) -> Callable[[Row], tuple[tuple[bool, object], ...]]:
    """Sort key: ascending, nulls last."""
    return lambda row: tuple((row[name] is None, row[name]) for name in columns)


def silver_row(table: str, row: Row, related: RelatedOrders, rules: RuleBook, run_id: str) -> Row:
    """A good Bronze row in its Silver shape."""
    order = {
        "_source_extracted_at": row["source_extracted_at"],
        "_ingested_at": row["ingested_at"],
        "_batch_id": row["batch_id"],
        "run_id": run_id,
    }
    created_at: datetime | None = row.get("created_at")
    created_date = kst_date(created_at) if created_at else None
    match table:
        case "user_wallets_raw":
            taken_at = snapshot_ts(row)
            assert taken_at is not None  # wallet_reason saw to it
            return order | {
                "snapshot_ts": taken_at,
                "snapshot_date_kst": kst_date(taken_at),
                "user_id": trim(row["user_id"]),
                "balance_available": row["balance"],
                "balance_frozen": row["frozen_amount"],
                "balance_total": row["balance"] + row["frozen_amount"],
                "source_updated_at": row["updated_at"],
                "rule_id": rules.get("silver", "bad_records_rate").rule_id,
            }
        case "transaction_ledger_raw":
            related_id = trim(row["related_id"])
            return order | {
                "tx_id": trim(row["tx_id"]),
                "wallet_id": trim(row["wallet_id"]),
                "event_time": created_at,
                "event_date_kst": created_date,
                "entry_type": trim(row["type"]),
                "amount": row["amount"],
                "amount_signed": row["amount"] * SIGNS[trim(row["type"]) or ""],
                "related_id": related_id,
                "related_type": related.related_type(related_id),
                "status": related.payment_status.get(related_id) if related_id else None,
                "created_at": created_at,
                "rule_id": rules.get("silver", "entry_type_allowed").rule_id,
            }
        case "payment_orders_raw" | "orders_raw":
            payment = table == "payment_orders_raw"
            return order | {
                "order_ref": trim(str(row["order_id"])),
                "order_source": "PAYMENT_ORDERS" if payment else "ORDERS",
                "user_id": trim(row["user_id"]),
                "merchant_name": trim(row["merchant_name"]) if payment else None,
                "amount": row["amount" if payment else "total_amount"],
                "status": trim(row["status"]),
                "event_time": created_at,
                "event_date_kst": created_date,
            }
        case "order_items_raw":
            names = ("item_id", "order_id", "product_id", "quantity", "price_at_purchase")
            return order | {name: row[name] for name in names} | {"order_ref": str(row["order_id"])}
        case "products_raw":
            return order | {
                "product_id": row["product_id"],
                "product_name": trim(row["product_name"]),
                "category": trim(row["category"]),
                "price_krw": row["price_krw"],
                "is_display": row["is_display"],
            }
    raise AssertionError(table)

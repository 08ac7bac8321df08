"""Section 7: the searches and marts that decide nothing (B's pairing and admin search, pipeline C)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction

from tests.oracle.contract import Row
from tests.oracle.values import ratio, round_half_up

Tables = dict[str, list[Row]]
ENTRY_COLUMNS = (
    "event_date_kst",
    "tx_id",
    "wallet_id",
    "entry_type",
    "amount",
    "amount_signed",
    "event_time",
    "related_id",
    "related_type",
)


def day_entries(tables: Tables, day: date) -> list[Row]:
    """The ledger entries of one KST day."""
    return [row for row in tables["silver.ledger_entries"] if row["event_date_kst"] == day]


def related_groups(entries: list[Row]) -> dict[str, list[Row]]:
    """The day's entries by equal `related_id`; entries without one form no group."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for entry in entries:
        if entry["related_id"] is not None:
            groups[entry["related_id"]].append(entry)
    return groups


def pairing_quality(tables: Tables, day: date, run_id: str) -> Row:
    """`ops_ledger_pairing_quality_daily`: always one row; rates are 0 without rows."""
    entries = day_entries(tables, day)
    groups = list(related_groups(entries).values())
    pairs = sum(
        1 for group in groups if len(group) == 2 and len({entry["wallet_id"] for entry in group}) == 2
    )
    joined = sum(1 for group in groups if any(entry["related_type"] == "PAYMENT_ORDER" for entry in group))
    unrelated = sum(1 for entry in entries if entry["related_id"] is None)
    return {
        "date_kst": day,
        "entry_cnt": len(entries),
        "related_id_null_rate": round_half_up(ratio(unrelated, len(entries)), 6),
        "pair_candidate_rate": round_half_up(ratio(pairs, len(groups)), 6),
        "join_payment_orders_rate": round_half_up(ratio(joined, len(groups)), 6),
        "run_id": run_id,
        "rule_id": None,
    }


def admin_tx_search(tables: Tables, day: date, run_id: str, lookback_days: int) -> list[Row]:
    """`admin_tx_search`: one row per entry of the day, with its payment order and its pair."""
    first_day = day - timedelta(days=lookback_days)
    payments = {
        row["order_ref"]: row
        for row in tables["silver.order_events"]
        if row["order_source"] == "PAYMENT_ORDERS"
        and row["event_date_kst"] is not None
        and first_day <= row["event_date_kst"] <= day
    }
    entries = day_entries(tables, day)
    groups = related_groups(entries)
    result = []
    for entry in entries:
        payment = payments.get(entry["related_id"], {})
        tx_ids = {other["tx_id"] for other in groups.get(entry["related_id"], [])}
        paired = (tx_ids - {entry["tx_id"]}).pop() if len(tx_ids) == 2 else None
        result.append(
            {name: entry[name] for name in ENTRY_COLUMNS}
            | {
                "merchant_name": payment.get("merchant_name"),
                "payment_status": payment.get("status"),
                "paired_tx_id": paired,
                "run_id": run_id,
                "rule_id": None,
            }
        )
    return result


def user_key(user_id: str, salt: str) -> str:
    """`sha256(user_id || salt)` in hex."""
    return hashlib.sha256(f"{user_id}{salt}".encode()).hexdigest()


def categories(tables: Tables) -> dict[str, str]:
    """order_ref -> category of its weightiest item among those whose product has a category.

    Weight = price * quantity (null price 0, null quantity 1); ties by smallest item_id, product_id, category.
    """
    category_of = {row["product_id"]: row["category"] for row in tables["silver.products"]}
    best: dict[str, tuple[tuple[object, ...], str]] = {}
    for item in tables["silver.order_items"]:
        category = category_of.get(item["product_id"])
        if category is None:
            continue
        price = Fraction(0 if item["price_at_purchase"] is None else item["price_at_purchase"])
        quantity = 1 if item["quantity"] is None else item["quantity"]
        rank = (-price * quantity, item["item_id"], item["product_id"], category)
        if item["order_ref"] not in best or rank < best[item["order_ref"]][0]:
            best[item["order_ref"]] = (rank, category)
    return {order_ref: category for order_ref, (_, category) in best.items()}


def fact_payment_anonymized(tables: Tables, day: date, run_id: str, salt: str) -> list[Row]:
    """Pipeline C: one row per payment of the day that has a user, without any raw identifier."""
    category_of = categories(tables)
    return [
        {
            "date_kst": day,
            "user_key": user_key(event["user_id"], salt),
            "merchant_name": event["merchant_name"],
            "amount": event["amount"],
            "status": event["status"],
            "category": category_of.get(event["order_ref"]),
            "run_id": run_id,
        }
        for event in tables["silver.order_events"]
        if event["order_source"] == "PAYMENT_ORDERS"
        and event["event_date_kst"] == day
        and event["user_id"] is not None
    ]

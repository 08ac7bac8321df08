"""Shop orders as the order service writes them (spec section 2, Bronze)."""

from ledger.bronze.metadata import bronze_table
from ledger.contract import opt, req
from ledger.money import SOURCE_MONEY

TABLE = bronze_table(
    "orders_raw",
    "Shop orders as the order service writes them.",
    "order_id",
    (
        req("order_id", "bigint", "shop order"),
        opt("user_id", "string", "buyer"),
        opt("total_amount", SOURCE_MONEY, "order total, KRW"),
        opt("status", "string", "order status"),
        opt("created_at", "timestamp", "UTC instant of the order"),
    ),
)

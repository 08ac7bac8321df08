"""Payment orders as the payment service writes them (spec section 2, Bronze)."""

from ledger.bronze.metadata import bronze_table
from ledger.contract import opt, req
from ledger.money import SOURCE_MONEY

TABLE = bronze_table(
    "payment_orders_raw",
    "Payment orders as the payment service writes them; a status change is a new record.",
    "order_id",
    (
        req("order_id", "string", "payment order"),
        opt("user_id", "string", "payer"),
        opt("merchant_name", "string", "merchant"),
        req("amount", SOURCE_MONEY, "amount, KRW"),
        opt("status", "string", "payment status"),
        opt("created_at", "timestamp", "UTC instant of the order"),
    ),
)

"""Items of shop orders (spec section 2, Bronze)."""

from ledger.bronze.metadata import bronze_table
from ledger.contract import opt, req
from ledger.money import SOURCE_MONEY

TABLE = bronze_table(
    "order_items_raw",
    "Items of shop orders.",
    "item_id",
    (
        req("item_id", "bigint", "order item"),
        req("order_id", "bigint", "shop order"),
        req("product_id", "bigint", "product"),
        opt("quantity", "int", "pieces"),
        opt("price_at_purchase", SOURCE_MONEY, "price of one piece, KRW"),
    ),
)

"""The product catalogue (spec section 2, Bronze)."""

from ledger.bronze.metadata import bronze_table
from ledger.contract import opt, req
from ledger.money import SOURCE_MONEY

TABLE = bronze_table(
    "products_raw",
    "The product catalogue.",
    "product_id",
    (
        req("product_id", "bigint", "product"),
        opt("product_name", "string", "name"),
        opt("price_krw", SOURCE_MONEY, "price of one piece, KRW"),
        opt("stock_quantity", "int", "pieces in stock"),
        opt("category", "string", "category"),
        opt("is_display", "boolean", "shown in the shop"),
    ),
)

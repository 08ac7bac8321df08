"""Items of shop orders (spec sections 2 and 5)."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze import order_items_raw
from ledger.contract import Table, opt, req
from ledger.money import MONEY
from ledger.silver.silver_table import Reason, SilverTable, Source
from ledger.silver.source_order import ORDER_COLUMNS, SOURCE_ORDER, latest_per_key, source_order
from ledger.silver.window_rows import first_reason

TABLE = Table(
    schema="silver",
    name="order_items",
    description="Items of shop orders, each in its latest state.",
    grain="one order item",
    columns=(
        req("item_id", "bigint", "order item"),
        req("order_id", "bigint", "shop order"),
        req("order_ref", "string", "order_id as canonical text"),
        req("product_id", "bigint", "product"),
        opt("quantity", "int", "pieces"),
        opt("price_at_purchase", MONEY, "price of one piece, KRW"),
        req("run_id", "string", "run that wrote the row"),
        *SOURCE_ORDER,
    ),
    write="merge",
    key=("item_id",),
)
BUSINESS = ("order_id", "order_ref", "product_id", "quantity", "price_at_purchase")


def reason() -> Column:
    """The first row rule that a ``bronze.order_items_raw`` row breaks, else null."""
    keys = ("item_id", "order_id", "product_id")
    return first_reason(("missing_required_keys", F.greatest(*[F.col(k).isNull() for k in keys])))


def evaluate(items: DataFrame) -> DataFrame:
    """Bronze items as candidates with ``_reason`` and ``_record_json``, one row per input row."""
    return items.select(
        "item_id",
        "order_id",
        F.col("order_id").cast("string").alias("order_ref"),
        "product_id",
        "quantity",
        F.col("price_at_purchase").cast(MONEY).alias("price_at_purchase"),
        *[c.alias(n) for n, c in source_order().items()],
        "_reason",
        "_record_json",
    )


def collapse(valid: DataFrame) -> DataFrame:
    """One row per item_id: the latest in source order."""
    return latest_per_key(valid, TABLE.key, BUSINESS)


SILVER = SilverTable(
    contract=TABLE,
    sources=(Source(order_items_raw.TABLE, lambda rules: reason(), evaluate),),
    settled="latest",
    collapse=collapse,
    business=BUSINESS,
    origin=(*BUSINESS, *ORDER_COLUMNS),
    reasons={"missing_required_keys": Reason(("item_id", "order_id", "product_id"))},
    has_keys_at_gate=False,  # it grows without end, and the mart takes one item per order however often it is stored
)

"""The product catalogue (spec sections 2 and 5)."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze import products_raw
from ledger.contract import Table, opt, req
from ledger.money import MONEY
from ledger.silver.silver_table import Reason, SilverTable, Source
from ledger.silver.source_order import ORDER_COLUMNS, SOURCE_ORDER, latest_per_key, source_order
from ledger.silver.window_rows import first_reason
from ledger.text import clean

TABLE = Table(
    schema="silver",
    name="products",
    description="The product catalogue, each product in its latest state.",
    grain="one product",
    columns=(
        req("product_id", "bigint", "product"),
        opt("product_name", "string", "name"),
        opt("category", "string", "category"),
        opt("price_krw", MONEY, "price of one piece, KRW"),
        opt("is_display", "boolean", "shown in the shop"),
        req("run_id", "string", "run that wrote the row"),
        *SOURCE_ORDER,
    ),
    write="merge",
    key=("product_id",),
)
BUSINESS = ("product_name", "category", "price_krw", "is_display")


def reason() -> Column:
    """The first row rule that a ``bronze.products_raw`` row breaks, else null."""
    return first_reason(("missing_product_id", F.col("product_id").isNull()))


def evaluate(products: DataFrame) -> DataFrame:
    """Bronze products as candidates with ``_reason`` and ``_record_json``, one row per input row."""
    return products.select(
        "product_id",
        clean(F.col("product_name")).alias("product_name"),
        clean(F.col("category")).alias("category"),
        F.col("price_krw").cast(MONEY).alias("price_krw"),
        "is_display",
        *[c.alias(n) for n, c in source_order().items()],
        "_reason",
        "_record_json",
    )


def collapse(valid: DataFrame) -> DataFrame:
    """One row per product_id: the latest in source order."""
    return latest_per_key(valid, TABLE.key, BUSINESS)


SILVER = SilverTable(
    contract=TABLE,
    sources=(Source(products_raw.TABLE, lambda rules: reason(), evaluate),),
    settled="latest",
    collapse=collapse,
    business=BUSINESS,
    origin=(*BUSINESS, *ORDER_COLUMNS),
    reasons={"missing_product_id": Reason(("product_id",))},
)

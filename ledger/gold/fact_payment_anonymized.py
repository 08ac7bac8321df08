"""The analytics mart: payments without personal data (spec section 7, C)."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import Window as Frame
from pyspark.sql import functions as F

from ledger.anonymize import with_user_key
from ledger.contract import Table, opt, req
from ledger.money import MONEY
from ledger.window import lit_date

TABLE = Table(
    schema="gold",
    name="fact_payment_anonymized",
    description="A day's payments without personal data.",
    grain="one payment order with a user",
    columns=(
        req("date_kst", "date", "KST day"),
        req("user_key", "string", "sha256(user_id || salt), hex"),
        opt("merchant_name", "string", "merchant"),
        opt("amount", MONEY, "KRW"),
        opt("status", "string", "payment status"),
        opt("category", "string", "category of the order's most valuable item"),
        req("run_id", "string", "run that wrote the row"),
    ),
    write="replace_partition",
    partition_by="date_kst",
    identifying=frozenset({"user_key"}),
)


def category_per_order(items: DataFrame, products: DataFrame) -> DataFrame:
    """(order_ref, category): the item with the largest price times quantity among items with a category.

    A missing quantity counts as 1, a missing price as 0; ties go to the smallest item_id, product_id, category.
    """
    categories = products.where("category IS NOT NULL").select("product_id", "category")
    price = F.coalesce("price_at_purchase", F.lit(0).cast(MONEY)).cast(MONEY)
    value = (price * F.coalesce("quantity", F.lit(1)).cast("decimal(10,0)")).cast(MONEY)
    order = [value.desc(), *[F.col(c).asc_nulls_last() for c in ("item_id", "product_id", "category")]]
    ranked = items.join(categories, ["product_id"]).withColumn(
        "_rank", F.row_number().over(Frame.partitionBy("order_ref").orderBy(*order))
    )
    return ranked.where("_rank = 1").select("order_ref", "category")


def anonymized_payments(
    payments: DataFrame, categories: DataFrame, salt: DataFrame, *, day: date, run_id: str
) -> DataFrame:
    """The day's payment orders that have a user, one row each, without any raw identifier.

    ``salt``: a one-row relation (salt), so that no plan shows its value.
    """
    with_category = payments.where("user_id IS NOT NULL").join(categories, ["order_ref"], "left")
    return TABLE.conform(
        with_user_key(with_category, salt).withColumns({"date_kst": lit_date(day), "run_id": F.lit(run_id)})
    )

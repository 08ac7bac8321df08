"""How well a day's entries pair up and link to payment orders (spec section 7, ops)."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table, opt, req
from ledger.money import RATE, rate
from ledger.window import lit_date

TABLE = Table(
    schema="gold",
    name="ops_ledger_pairing_quality_daily",
    description="How well the day's entries pair up and link to payment orders.",
    grain="one KST day",
    columns=(
        req("date_kst", "date", "KST day"),
        req("entry_cnt", "bigint", "entries"),
        req("related_id_null_rate", RATE, "entries without related_id over entries, a ratio"),
        req("pair_candidate_rate", RATE, "groups of exactly 2 entries of 2 wallets over groups, a ratio"),
        req("join_payment_orders_rate", RATE, "groups that name a payment order over groups, a ratio"),
        req("run_id", "string", "run that wrote the row"),
        opt("rule_id", "string", "always null: no rule decides here"),
    ),
    write="merge",
    key=("date_kst",),
    partition_by="date_kst",
)


def pairing_quality(entries: DataFrame, *, day: date, run_id: str) -> DataFrame:
    """One row for the day's entries, grouped by equal ``related_id``; rates are 0 without rows."""
    per_related = entries.groupBy("related_id").agg(
        F.count(F.lit(1)).alias("n"),
        F.min("wallet_id").alias("low"),
        F.max("wallet_id").alias("high"),
        F.max(F.coalesce(F.col("related_type") == "PAYMENT_ORDER", F.lit(False)).cast("int")).alias(
            "is_payment"
        ),
    )
    is_group = F.col("related_id").isNotNull()
    is_pair = is_group & (F.col("n") == 2) & (F.col("low") != F.col("high"))
    counts = per_related.agg(
        _total(F.col("n")).alias("entry_cnt"),
        _total(F.when(~is_group, F.col("n"))).alias("unrelated"),
        _total(is_group.cast("bigint")).alias("groups"),
        _total(is_pair.cast("bigint")).alias("pairs"),
        _total(F.when(is_group, F.col("is_payment").cast("bigint"))).alias("payments"),
    )
    zero = F.lit(0)
    return TABLE.conform(
        counts.select(
            lit_date(day).alias("date_kst"),
            "entry_cnt",
            rate(F.col("unrelated"), F.col("entry_cnt"), when_zero=zero).alias("related_id_null_rate"),
            rate(F.col("pairs"), F.col("groups"), when_zero=zero).alias("pair_candidate_rate"),
            rate(F.col("payments"), F.col("groups"), when_zero=zero).alias("join_payment_orders_rate"),
            F.lit(run_id).alias("run_id"),
            F.lit(None).cast("string").alias("rule_id"),
        )
    )


def _total(column: F.Column) -> F.Column:  # type: ignore[name-defined]  # re-exported without a stub
    return F.coalesce(F.sum(column), F.lit(0)).cast("bigint")

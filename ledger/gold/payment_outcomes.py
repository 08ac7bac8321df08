"""Payment outcomes per merchant: failures and refunds share their grain and arithmetic (spec section 7, ops)."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table, opt, req
from ledger.money import RATE, rate
from ledger.window import lit_date


def outcome_table(name: str, description: str, counted: str, rate_name: str, meaning: str) -> Table:
    """The contract of one outcome table."""
    return Table(
        schema="gold",
        name=name,
        description=description,
        grain="one merchant (null: payments without one) in one KST day",
        columns=(
            req("date_kst", "date", "KST day"),
            opt("merchant_name", "string", "merchant"),
            req("total_cnt", "bigint", "payment orders"),
            req(counted, "bigint", f"payment orders that {meaning}"),
            req(rate_name, RATE, f"{counted} over total_cnt, a ratio"),
            req("run_id", "string", "run that wrote the row"),
            opt("rule_id", "string", "always null: no rule decides here"),
        ),
        write="merge",
        key=("date_kst", "merchant_name"),
        partition_by="date_kst",
    )


def outcome_per_merchant(
    table: Table, payments: DataFrame, *, statuses: tuple[str, ...], day: date, run_id: str
) -> DataFrame:
    """The day's payment orders per merchant, and how many of them ended in one of ``statuses``."""
    counted, rate_name = table.column_names[3], table.column_names[4]
    has_outcome = F.coalesce(F.col("status").isin(*statuses), F.lit(False))
    counts = payments.groupBy("merchant_name").agg(
        F.count(F.lit(1)).alias("total_cnt"), F.sum(has_outcome.cast("bigint")).alias(counted)
    )
    return table.conform(
        counts.select(
            "*",
            lit_date(day).alias("date_kst"),
            rate(F.col(counted), F.col("total_cnt"), when_zero=F.lit(0)).alias(rate_name),
            F.lit(run_id).alias("run_id"),
            F.lit(None).cast("string").alias("rule_id"),
        )
    )

"""The support desk's view of a day's transactions (spec section 7)."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table, opt, req
from ledger.money import MONEY

TABLE = Table(
    schema="gold",
    name="admin_tx_search",
    description="A day's transactions with their payment order and their counterpart, for the support desk.",
    grain="one transaction of one wallet",
    columns=(
        req("event_date_kst", "date", "KST day of event_time"),
        req("tx_id", "string", "transaction"),
        req("wallet_id", "string", "wallet"),
        req("entry_type", "string", "entry type"),
        req("amount", MONEY, "unsigned amount, KRW"),
        opt("amount_signed", MONEY, "signed amount, KRW"),
        req("event_time", "timestamp", "UTC instant of the event"),
        opt("related_id", "string", "payment order or order"),
        opt("related_type", "string", "PAYMENT_ORDER, ORDER or null"),
        opt("merchant_name", "string", "merchant of the payment order"),
        opt("payment_status", "string", "status of the payment order"),
        opt(
            "paired_tx_id",
            "string",
            "the other transaction of the same related_id, when there are exactly two",
        ),
        req("run_id", "string", "run that wrote the row"),
        opt("rule_id", "string", "always null: no rule decides here"),
    ),
    write="merge",
    key=("event_date_kst", "tx_id", "wallet_id"),
    partition_by="event_date_kst",
    identifying=frozenset({"wallet_id"}),
)


def search_rows(entries: DataFrame, payments: DataFrame, *, run_id: str) -> DataFrame:
    """The day's entries, one row each.

    ``payments``: ``silver.order_events`` of PAYMENT_ORDERS, day and lookback, one row per order_ref.
    """
    transactions = entries.where("related_id IS NOT NULL").select("related_id", "tx_id").distinct()
    pairs = (
        transactions.groupBy("related_id")
        .agg(F.count(F.lit(1)).alias("n"), F.min("tx_id").alias("low"), F.max("tx_id").alias("high"))
        .where("n = 2")
        .drop("n")
    )
    orders = payments.select(
        F.col("order_ref").alias("related_id"), "merchant_name", F.col("status").alias("payment_status")
    )
    joined = entries.join(orders, ["related_id"], "left").join(pairs, ["related_id"], "left")
    paired = F.when(F.col("tx_id") == F.col("low"), F.col("high")).otherwise(F.col("low"))
    return TABLE.conform(
        joined.withColumns(
            {"paired_tx_id": paired, "run_id": F.lit(run_id), "rule_id": F.lit(None).cast("string")}
        )
    )

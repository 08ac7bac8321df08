"""Shop orders and payment orders as one stream of order events (spec sections 2 and 5)."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze import orders_raw, payment_orders_raw
from ledger.contract import Table, opt, req
from ledger.money import MONEY
from ledger.rules import RuleBook
from ledger.silver.silver_table import Reason, SilverTable, Source
from ledger.silver.source_order import ORDER_COLUMNS, SOURCE_ORDER, latest_per_key, source_order
from ledger.silver.window_rows import first_reason
from ledger.text import clean
from ledger.window import kst_date

ORDERS, PAYMENT_ORDERS = "ORDERS", "PAYMENT_ORDERS"
STATUS_RULE = "silver/payment_status_allowed"

TABLE = Table(
    schema="silver",
    name="order_events",
    description="Shop orders and payment orders, each in its latest state.",
    grain="one order of one source",
    columns=(
        req("order_ref", "string", "order id as canonical text"),
        req("order_source", "string", "ORDERS or PAYMENT_ORDERS"),
        opt("user_id", "string", "buyer or payer"),
        opt("merchant_name", "string", "merchant (payment orders)"),
        opt("amount", MONEY, "KRW"),
        opt("status", "string", "status of the order"),
        opt("event_time", "timestamp", "UTC instant of the order"),
        opt("event_date_kst", "date", "KST day of event_time"),
        req("run_id", "string", "run that wrote the row"),
        *SOURCE_ORDER,
    ),
    write="merge",
    key=("order_ref", "order_source"),
    partition_by="event_date_kst",
    identifying=frozenset({"user_id"}),
)
BUSINESS = ("user_id", "merchant_name", "amount", "status", "event_time", "event_date_kst")


def order_reason() -> Column:
    """The first row rule that a ``bronze.orders_raw`` row breaks, else null."""
    return first_reason(("missing_order_id", F.col("order_id").isNull()))


def payment_reason(allowed_status: tuple[str, ...]) -> Column:
    """The first row rule that a ``bronze.payment_orders_raw`` row breaks, else null. A missing status is allowed."""
    status = clean(F.col("status"))
    return first_reason(
        ("missing_order_id", clean(F.col("order_id")).isNull()),
        ("invalid_amount", F.col("amount").isNull()),
        ("non_positive_amount", F.col("amount") <= 0),
        ("invalid_status", status.isNotNull() & ~status.isin(*allowed_status)),
    )


def evaluate_orders(orders: DataFrame) -> DataFrame:
    """Bronze shop orders as candidate events with ``_reason`` and ``_record_json``, one row per input row."""
    missing_merchant = F.lit(None).cast("string")
    return _evaluate(orders, ORDERS, F.col("order_id").cast("string"), missing_merchant, "total_amount")


def evaluate_payment_orders(payments: DataFrame) -> DataFrame:
    """Bronze payment orders as candidate events with ``_reason`` and ``_record_json``, one row per input row."""
    merchant = clean(F.col("merchant_name"))
    return _evaluate(payments, PAYMENT_ORDERS, clean(F.col("order_id")), merchant, "amount")


def _evaluate(rows: DataFrame, source: str, order_ref: Column, merchant: Column, amount: str) -> DataFrame:
    return rows.select(
        order_ref.alias("order_ref"),
        F.lit(source).alias("order_source"),
        clean(F.col("user_id")).alias("user_id"),
        merchant.alias("merchant_name"),
        F.col(amount).cast(MONEY).alias("amount"),
        clean(F.col("status")).alias("status"),
        F.col("created_at").alias("event_time"),
        kst_date(F.col("created_at")).alias("event_date_kst"),
        *[c.alias(n) for n, c in source_order().items()],
        "_reason",
        "_record_json",
    )


def collapse(valid: DataFrame) -> DataFrame:
    """One row per (order_ref, order_source): the latest in source order."""
    return latest_per_key(valid, TABLE.key, BUSINESS)


def _payment_reason(rules: RuleBook) -> Column:
    return payment_reason(rules.allowed(STATUS_RULE))


SILVER = SilverTable(
    contract=TABLE,
    sources=(
        Source(orders_raw.TABLE, lambda rules: order_reason(), evaluate_orders),
        Source(payment_orders_raw.TABLE, _payment_reason, evaluate_payment_orders),
    ),
    settled="latest",
    collapse=collapse,
    business=BUSINESS,
    origin=(*BUSINESS, *ORDER_COLUMNS),
    reasons={
        "missing_order_id": Reason(("order_id",)),
        "invalid_amount": Reason(("amount",)),
        "non_positive_amount": Reason(("amount",)),
        "invalid_status": Reason(("status",), STATUS_RULE),
    },
    has_null_partition=True,
)

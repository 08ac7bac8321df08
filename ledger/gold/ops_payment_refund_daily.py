"""Refunded payments per merchant and day (spec section 7, ops)."""

from ledger.gold.payment_outcomes import outcome_table

TABLE = outcome_table(
    "ops_payment_refund_daily",
    "Refunded payments per merchant.",
    "refunded_cnt",
    "refund_rate",
    "were refunded",
)
STATUSES = ("REFUNDED",)

"""Failed payments per merchant and day (spec section 7, ops)."""

from ledger.gold.payment_outcomes import outcome_table

TABLE = outcome_table(
    "ops_payment_failure_daily",
    "Failed payments per merchant.",
    "failed_cnt",
    "failure_rate",
    "failed or were cancelled",
)
STATUSES = ("FAILED", "CANCELLED")

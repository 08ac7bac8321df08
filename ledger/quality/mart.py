"""No personal data in the mart: neither as a column nor as a value (spec section 7, C)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.gold import fact_payment_anonymized
from ledger.quality.measured import answers, measured, value_of
from ledger.quality.verdict import Verdict, verdict

NO_PII_COLUMNS, NO_RAW_USER_IDS = "no_pii_columns", "no_raw_user_ids"
_KEY = "^[0-9a-f]{64}$"
_TEXTS = ("user_key", "merchant_name", "status", "category")


def mart_verdicts(rows: DataFrame, stored_columns: Sequence[str], payments: DataFrame) -> list[Verdict]:
    """``rows``: the day's mart; ``payments``: the day's payment orders with their raw ``user_id``."""
    name = fact_payment_anonymized.TABLE.full_name
    beyond = sorted(set(stored_columns) - set(fact_payment_anonymized.TABLE.column_names))
    return [
        verdict(
            name,
            NO_PII_COLUMNS,
            f"columns beyond the contract: {', '.join(beyond) or 'none'}",
            passed=not beyond,
            value=len(beyond),
            threshold="0",
        ),
        measured(name, NO_RAW_USER_IDS, partial(_no_raw_ids, rows, payments)),
    ]


def _no_raw_ids(rows: DataFrame, payments: DataFrame) -> Verdict:
    """One query: keys that are no digest, and texts of the mart that are some user's raw id; counted, never shown."""
    texts = rows.select(F.explode(F.array(*[F.col(c) for c in _TEXTS])).alias("text")).distinct()
    users = payments.where("user_id IS NOT NULL").select(F.col("user_id").alias("text")).distinct()
    found = answers(
        {
            "no_digest": lambda: rows.where(~F.col("user_key").rlike(_KEY)).agg(F.sum(F.lit(1)).alias("n")),
            "reappearing": lambda: texts.join(users, ["text"], "left_semi").agg(F.sum(F.lit(1)).alias("n")),
        }
    )
    no_digest, reappearing = (value_of(found[name])[0]["n"] or 0 for name in ("no_digest", "reappearing"))
    return verdict(
        fact_payment_anonymized.TABLE.full_name,
        NO_RAW_USER_IDS,
        f"{reappearing:,} raw user ids reappear; {no_digest:,} rows have a key that is no digest",
        passed=not (no_digest or reappearing),
        value=no_digest + reappearing,
        threshold="0",
    )

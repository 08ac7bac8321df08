"""Wallet balances at an instant (spec sections 2 and 5)."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze import user_wallets_raw
from ledger.contract import Table, opt, req
from ledger.money import MONEY
from ledger.silver.silver_table import BAD_RATE_RULE, Reason, SilverTable, Source
from ledger.silver.source_order import ORDER_COLUMNS, is_later, latest_per_key, source_order
from ledger.silver.window_rows import first_reason
from ledger.text import clean
from ledger.window import Window, kst_date

TABLE = Table(
    schema="silver",
    name="wallet_snapshot",
    description="Wallet balances as the source saw them at an instant.",
    grain="one user at one snapshot instant",
    columns=(
        req(
            "snapshot_ts", "timestamp", "UTC instant of the snapshot; it includes the entries of that instant"
        ),
        req("snapshot_date_kst", "date", "KST day of snapshot_ts"),
        req("user_id", "string", "wallet owner"),
        req("balance_available", MONEY, "KRW"),
        req("balance_frozen", MONEY, "KRW"),
        req("balance_total", MONEY, "balance_available + balance_frozen, KRW"),
        opt("source_updated_at", "timestamp", "UTC instant of the last balance change"),
        req("run_id", "string", "run that wrote the row"),
        opt("rule_id", "string", "silver/bad_records_rate rule in force"),
    ),
    write="merge",
    key=("snapshot_ts", "user_id"),
    partition_by="snapshot_date_kst",
    identifying=frozenset({"user_id"}),
)
BUSINESS = ("balance_available", "balance_frozen", "balance_total", "source_updated_at")


def snapshot_ts() -> Column:
    """When the snapshot was taken: the extraction, else the arrival."""
    return F.coalesce("source_extracted_at", "ingested_at")


def is_outside(window: Window) -> Column:
    """Whether a candidate was taken outside the window: only then may another window hold a later row of it."""
    return ~window.contains(F.col("snapshot_ts"))


def reason() -> Column:
    """The first row rule that a ``bronze.user_wallets_raw`` row breaks, else null."""
    return first_reason(
        ("missing_user_id", clean(F.col("user_id")).isNull()),
        ("invalid_balance", F.col("balance").isNull() | F.col("frozen_amount").isNull()),
        ("negative_balance", (F.col("balance") < 0) | (F.col("frozen_amount") < 0)),
        ("missing_snapshot_ts", snapshot_ts().isNull()),
    )


def evaluate(wallets: DataFrame) -> DataFrame:
    """Bronze wallet rows as candidate snapshots with ``_reason`` and ``_record_json``, one row per input row."""
    available, frozen = F.col("balance").cast(MONEY), F.col("frozen_amount").cast(MONEY)
    return wallets.select(
        snapshot_ts().alias("snapshot_ts"),
        kst_date(snapshot_ts()).alias("snapshot_date_kst"),
        clean(F.col("user_id")).alias("user_id"),
        available.alias("balance_available"),
        frozen.alias("balance_frozen"),
        (available + frozen).cast(MONEY).alias("balance_total"),
        F.col("updated_at").alias("source_updated_at"),
        *[c.alias(n) for n, c in source_order().items()],
        "_reason",
        "_record_json",
    )


def collapse(valid: DataFrame) -> DataFrame:
    """One row per (snapshot_ts, user_id): the latest in source order."""
    return latest_per_key(valid, TABLE.key, BUSINESS)


def without_superseded(winners: DataFrame, others: DataFrame, stored: DataFrame) -> DataFrame:
    """``winners`` without those whose stored row comes from a later Bronze row that the window does not hold.

    A snapshot does not store its source order, so "the latest stays" is decided by the Bronze row itself:
    ``others`` are the valid candidates outside the window.
    """
    keys = [F.col(f"s.{k}") == F.col(f"t.{k}") for k in TABLE.key]
    is_newer = F.expr(is_later((*ORDER_COLUMNS, *BUSINESS), "t.{}", "s.{}"))
    newer = winners.alias("s").join(others.alias("t"), [*keys, is_newer]).select("t.*")
    same = [newer[c].eqNullSafe(stored[c]) for c in (*TABLE.key, *BUSINESS)]
    kept = newer.join(stored, same, "left_semi").select(*TABLE.key)
    return winners.join(kept, list(TABLE.key), "left_anti")


SILVER = SilverTable(
    contract=TABLE,
    sources=(Source(user_wallets_raw.TABLE, lambda rules: reason(), evaluate),),
    settled="snapshot",
    collapse=collapse,
    business=BUSINESS,
    origin=BUSINESS,
    reasons={
        "missing_user_id": Reason(("user_id",)),
        "invalid_balance": Reason(("balance", "frozen_amount")),
        "negative_balance": Reason(("balance", "frozen_amount")),
        "missing_snapshot_ts": Reason(("source_extracted_at", "ingested_at")),
    },
    is_guarded=True,
    rule=BAD_RATE_RULE,
)

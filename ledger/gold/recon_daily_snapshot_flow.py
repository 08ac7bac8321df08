"""Snapshot delta held against ledger flow, per user and day (spec section 7, recon)."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table, opt, req
from ledger.money import MONEY, RATE, cents, rate
from ledger.window import lit_date

TABLE = Table(
    schema="gold",
    name="recon_daily_snapshot_flow",
    description="Does each wallet's balance change equal its ledger flow?",
    grain="one user with a snapshot in the KST day",
    columns=(
        req("date_kst", "date", "KST day"),
        req("user_id", "string", "wallet owner"),
        req("opening_ts", "timestamp", "UTC instant of the opening snapshot"),
        req("closing_ts", "timestamp", "UTC instant of the closing snapshot"),
        req("delta_balance_total", MONEY, "closing less opening balance, KRW"),
        req("net_flow_total", MONEY, "signed entries in (opening_ts, closing_ts], KRW"),
        req("drift_abs", MONEY, "|delta - net flow|, KRW"),
        opt("drift_pct", RATE, "drift_abs over |net flow|, a ratio; null when net flow is 0"),
        opt("dq_tag", "string", "most severe guardrail finding of the day's inputs"),
        req("run_id", "string", "run that wrote the row"),
        opt("rule_id", "string", "ledger/drift_abs rule in force"),
    ),
    write="merge",
    key=("date_kst", "user_id"),
    partition_by="date_kst",
    identifying=frozenset({"user_id"}),
)


def snapshot_pairs(snapshots: DataFrame, day: date) -> DataFrame:
    """Opening and closing snapshot of every user who has one in the day.

    ``snapshots``: the day and its lookback. Without an earlier snapshot the day's first one opens.
    """
    in_day, taken = F.col("snapshot_date_kst") == lit_date(day), F.col("snapshot_ts")
    opening = F.coalesce(F.max(F.when(~in_day, taken)), F.min(F.when(in_day, taken)))
    instants = (
        snapshots.groupBy("user_id")
        .agg(opening.alias("opening_ts"), F.max(F.when(in_day, taken)).alias("closing_ts"))
        .where(F.col("closing_ts").isNotNull())
    )
    # A join on the key brings the balances: the maximum of a struct would cost ten times as much (Sail).
    for name in ("opening", "closing"):
        balances = snapshots.select(
            "user_id", taken.alias(f"{name}_ts"), F.col("balance_total").alias(f"_{name}")
        )
        instants = instants.join(balances, ["user_id", f"{name}_ts"])
    delta = (F.col("_closing") - F.col("_opening")).cast(MONEY)
    return instants.select("user_id", "opening_ts", "closing_ts", delta.alias("delta_balance_total"))


def reconcile(
    pairs: DataFrame, entries: DataFrame, *, day: date, dq_tag: str | None, run_id: str, rule_id: str
) -> DataFrame:
    """Hold each user's balance change against the entries after the opening and up to the closing snapshot."""
    e, p = entries.alias("e"), pairs.alias("p")
    is_between = (F.col("e.event_time") > F.col("p.opening_ts")) & (
        F.col("e.event_time") <= F.col("p.closing_ts")
    )
    flows = (
        e.join(p, (F.col("e.wallet_id") == F.col("p.user_id")) & is_between)
        .groupBy("p.user_id")
        .agg(F.sum("e.amount_signed").cast(MONEY).alias("flow"))
        .select("user_id", "flow")
    )
    delta = F.col("delta_balance_total")
    net_flow = F.coalesce("flow", F.lit(0).cast(MONEY)).cast(MONEY)
    rows = pairs.join(flows, ["user_id"], "left").select(
        "*", net_flow.alias("net_flow_total"), F.abs(delta - net_flow).cast(MONEY).alias("drift_abs")
    )
    drift_pct = rate(
        cents(F.col("drift_abs")), cents(F.abs(F.col("net_flow_total"))), when_zero=F.lit(None).cast(RATE)
    )
    return TABLE.conform(
        rows.select(
            "*",
            lit_date(day).alias("date_kst"),
            drift_pct.alias("drift_pct"),
            F.lit(dq_tag).alias("dq_tag"),
            F.lit(run_id).alias("run_id"),
            F.lit(rule_id).alias("rule_id"),
        )
    )

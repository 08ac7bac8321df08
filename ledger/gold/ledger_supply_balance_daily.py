"""Issued supply held against all wallets at the day's end (spec section 7, supply)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, localcontext
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table, opt, req
from ledger.money import MONEY

TABLE = Table(
    schema="gold",
    name="ledger_supply_balance_daily",
    description="Does everything ever issued equal what the wallets hold at the day's end?",
    grain="one KST day",
    columns=(
        req("date_kst", "date", "KST day"),
        req(
            "issued_supply", MONEY, "MINT and CHARGE less BURN and WITHDRAW up to and including the day, KRW"
        ),
        req("wallet_total_balance", MONEY, "sum of all wallets at the day's end, KRW"),
        req("diff_amount", MONEY, "issued_supply - wallet_total_balance, KRW"),
        req("is_ok", "boolean", "|diff_amount| is not above the rule"),
        opt("dq_tag", "string", "most severe guardrail finding of the day's inputs"),
        req("run_id", "string", "run that wrote the row"),
        opt("rule_id", "string", "ledger/supply_diff_abs rule in force"),
    ),
    write="merge",
    key=("date_kst",),
    partition_by="date_kst",
)
ISSUED = ("CHARGE", "MINT")
WITHDRAWN = ("BURN", "WITHDRAW")
_DIGITS = 60  # the default decimal context would round sums beyond 28 digits


def issued_flow_per_day(entries: DataFrame) -> DataFrame:
    """(event_date_kst, issued_flow, entry_cnt) of the given entries."""
    entry_type, amount = F.col("entry_type"), F.col("amount")
    issued = F.when(entry_type.isin(*ISSUED), amount).when(entry_type.isin(*WITHDRAWN), -amount)
    return entries.groupBy("event_date_kst").agg(
        F.coalesce(F.sum(issued.cast(MONEY)), F.lit(0)).cast(MONEY).alias("issued_flow"),
        F.count(F.lit(1)).alias("entry_cnt"),
    )


def issued_total(flows: DataFrame) -> DataFrame:
    """One row (total): supply issued by all daily flows, KRW; 0 without one."""
    return flows.agg(F.coalesce(F.sum("issued_flow"), F.lit(0)).cast(MONEY).alias("total"))


def last_snapshots(snapshots: DataFrame) -> DataFrame:
    """(user_id, snapshot_ts, balance_total): every user's last snapshot of the day and its lookback."""
    latest = snapshots.groupBy("user_id").agg(F.max("snapshot_ts").alias("snapshot_ts"))
    balances = snapshots.select("user_id", "snapshot_ts", "balance_total")
    return balances.join(latest, ["user_id", "snapshot_ts"], "left_semi")


def wallet_total(last: DataFrame, entries: DataFrame) -> DataFrame:
    """One row (total): all last snapshots, rolled forward by each user's own later entries."""
    after = F.col("e.event_time") > F.col("w.snapshot_ts")
    rolled = (
        entries.alias("e")
        .join(last.alias("w"), (F.col("e.wallet_id") == F.col("w.user_id")) & after)
        .select(F.col("e.amount_signed").alias("amount"))
    )
    amounts = last.select(F.col("balance_total").alias("amount")).unionByName(rolled)
    return amounts.agg(F.coalesce(F.sum("amount"), F.lit(0)).cast(MONEY).alias("total"))


def supply_row(
    *,
    day: date,
    issued: Decimal,
    wallets: Decimal,
    alert_above: Decimal,
    dq_tag: str | None,
    run_id: str,
    rule_id: str,
) -> dict[str, Any]:
    """The day's verdict: not ok when ``|issued - wallets|`` is above the rule; an equal value is ok."""
    with localcontext() as context:
        context.prec = _DIGITS
        difference = issued - wallets
        return {
            "date_kst": day,
            "issued_supply": issued,
            "wallet_total_balance": wallets,
            "diff_amount": difference,
            "is_ok": abs(difference) <= alert_above,
            "dq_tag": dq_tag,
            "run_id": run_id,
            "rule_id": rule_id,
        }

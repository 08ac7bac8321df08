"""Signed ledger entries, immutable once stored (spec sections 2 and 5)."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.bronze import transaction_ledger_raw
from ledger.contract import Table, opt, req
from ledger.money import MONEY
from ledger.rules import RuleBook
from ledger.silver import order_events
from ledger.silver.silver_table import Reason, SilverTable, Source
from ledger.silver.source_order import (
    ORDER_COLUMNS,
    SOURCE_ORDER,
    earliest_per_key,
    first_per_key,
    is_earlier,
    source_order,
)
from ledger.silver.window_rows import first_reason
from ledger.text import clean
from ledger.window import kst_date

TABLE = Table(
    schema="silver",
    name="ledger_entries",
    description="Signed ledger entries; an entry is immutable, only its payment status may be refreshed.",
    grain="one transaction of one wallet",
    columns=(
        req("tx_id", "string", "transaction"),
        req("wallet_id", "string", "wallet; the same thing as user_id"),
        req("event_time", "timestamp", "UTC instant of the event"),
        req("event_date_kst", "date", "KST day of event_time"),
        req("entry_type", "string", "one of rule silver/entry_type_allowed"),
        req("amount", MONEY, "unsigned amount, KRW"),
        req("amount_signed", MONEY, "amount with the sign of its type (HOLD and RELEASE are 0), KRW"),
        opt("related_id", "string", "payment order or order that caused the entry"),
        opt("related_type", "string", "PAYMENT_ORDER, ORDER or null: what related_id names"),
        opt("status", "string", "status of the payment order"),
        opt("created_at", "timestamp", "UTC instant at which the source created the entry"),
        req("run_id", "string", "run that wrote the row"),
        opt("rule_id", "string", "silver/entry_type_allowed rule that decided"),
        *SOURCE_ORDER,
    ),
    write="merge",
    key=("tx_id", "wallet_id"),
    partition_by="event_date_kst",
    identifying=frozenset({"wallet_id"}),
)
SIGNS = {
    **dict.fromkeys(("CHARGE", "MINT", "RECEIVE", "REFUND_IN"), 1),
    **dict.fromkeys(("WITHDRAW", "BURN", "PAYMENT", "REFUND_OUT"), -1),
    **dict.fromkeys(("HOLD", "RELEASE"), 0),
}
IMMUTABLE = ("entry_type", "amount", "related_id", "event_time")
RELATION = ("related_type", "status")
BUSINESS = (*IMMUTABLE, "amount_signed", "event_date_kst", "created_at", *RELATION)
CONFLICTING = "conflicting_duplicate"
TYPE_RULE = "silver/entry_type_allowed"


def sign(entry_type: Column) -> Column:
    """+1, -1 or 0 by entry type; null for a type without a sign."""
    result = F.lit(None).cast("int")
    for value in sorted(set(SIGNS.values())):
        result = F.when(
            entry_type.isin(*[t for t, s in SIGNS.items() if s == value]), F.lit(value)
        ).otherwise(result)
    return result


def reason(allowed_types: tuple[str, ...], allowed_status: tuple[str, ...] | None = None) -> Column:
    """The first row rule that a ``bronze.transaction_ledger_raw`` row breaks, else null.

    With ``allowed_status`` (pipeline Silver) also ``invalid_status``, over the joined column ``_status``.
    """
    entry_type = clean(F.col("type"))
    checks = [
        ("missing_tx_or_wallet", clean(F.col("tx_id")).isNull() | clean(F.col("wallet_id")).isNull()),
        ("missing_entry_type", entry_type.isNull()),
        ("invalid_entry_type", ~entry_type.isin(*allowed_types)),
        ("invalid_amount", F.col("amount").isNull()),
        ("non_positive_amount", F.col("amount") <= 0),
        ("amount_signed_unavailable", sign(entry_type).isNull()),
        ("missing_event_time", F.col("created_at").isNull()),
    ]
    if allowed_status is not None:
        status = F.col("_status")
        checks.append(("invalid_status", status.isNotNull() & ~status.isin(*allowed_status)))
    return first_reason(*checks)


def payment_status_of_window(payments: DataFrame) -> DataFrame:
    """One row per order_id of the window's raw payment orders, whatever their quality: the latest one's status."""
    rows = payments.select(
        clean(F.col("order_id")).alias("_order_id"),
        clean(F.col("status")).alias("_window_status"),
        F.col("created_at").alias("_created_at"),
        F.col("ingested_at").alias("_ingested"),
        F.col("batch_id").alias("_batch"),
    ).where("_order_id IS NOT NULL")
    order = [F.col(c).desc_nulls_last() for c in ("_created_at", "_ingested", "_batch", "_window_status")]
    return first_per_key(rows, ("_order_id",), order).select("_order_id", "_window_status")


# The columns by which with_related joins.
_RELATED_BY = (
    *("_order_id", "_window_status", "_in_window"),
    *("_earlier_id", "_earlier_status", "_is_earlier", "_shop_order_id"),
)


def with_related(
    ledger: DataFrame, *, payments: DataFrame, earlier_payments: DataFrame, order_ids: DataFrame
) -> DataFrame:
    """Bronze ledger rows with ``_status`` and ``_related_type``, one row per input row.

    ``payments``: the window's (_order_id, _window_status); ``earlier_payments``: (_earlier_id, _earlier_status)
    from Silver's lookback; ``order_ids``: distinct _shop_order_id of window and lookback.
    """
    rows = ledger.withColumn("_related", clean(F.col("related_id")))
    window = payments.withColumn("_in_window", F.lit(True))
    earlier = earlier_payments.withColumn("_is_earlier", F.lit(True))
    joined = (
        rows.join(window, F.col("_related") == F.col("_order_id"), "left")
        .join(earlier, F.col("_related") == F.col("_earlier_id"), "left")
        .join(order_ids, F.col("_related") == F.col("_shop_order_id"), "left")
    )
    is_payment = F.col("_in_window").isNotNull() | F.col("_is_earlier").isNotNull()
    status = F.when(F.col("_in_window").isNotNull(), F.col("_window_status")).otherwise(
        F.col("_earlier_status")
    )
    kind = F.when(is_payment, F.lit("PAYMENT_ORDER")).when(
        F.col("_shop_order_id").isNotNull(), F.lit("ORDER")
    )
    related = joined.withColumns({"_status": status, "_related_type": kind})
    return related.drop("_related", *_RELATED_BY)


def evaluate(ledger: DataFrame) -> DataFrame:
    """Related Bronze ledger rows as candidate entries with ``_reason`` and ``_record_json``, one row per input row."""
    entry_type, amount = clean(F.col("type")), F.col("amount").cast(MONEY)
    return ledger.select(
        clean(F.col("tx_id")).alias("tx_id"),
        clean(F.col("wallet_id")).alias("wallet_id"),
        F.col("created_at").alias("event_time"),
        kst_date(F.col("created_at")).alias("event_date_kst"),
        entry_type.alias("entry_type"),
        amount.alias("amount"),
        F.when(sign(entry_type) == 0, F.lit(0).cast(MONEY))
        .when(sign(entry_type) < 0, (-amount).cast(MONEY))
        .otherwise(amount)
        .alias("amount_signed"),
        clean(F.col("related_id")).alias("related_id"),
        F.col("_related_type").alias("related_type"),
        F.col("_status").alias("status"),
        "created_at",
        *[c.alias(n) for n, c in source_order().items()],
        "_reason",
        "_record_json",
    )


def stored_otherwise(valid: DataFrame, stored: DataFrame) -> DataFrame:
    """The keys whose stored entry is not simply the valid row itself; ``_relation``: 1 where it relates to something else."""

    def differs(columns: Sequence[str]) -> str:
        return " OR ".join(f"NOT (s.{c} <=> t.{c})" for c in columns)

    on = [F.col(f"s.{k}") == F.col(f"t.{k}") for k in TABLE.key]
    found = valid.alias("s").join(stored.alias("t"), on)
    otherwise = found.where(differs((*ORDER_COLUMNS, *IMMUTABLE, *RELATION)))
    return otherwise.select(
        *[f"s.{k}" for k in TABLE.key], F.expr(differs(RELATION)).cast("int").alias("_relation")
    )


def reconcile_duplicates(valid: DataFrame, stored: DataFrame) -> DataFrame:
    """Each valid row with ``_conflict`` and the values and source order of the row that stays for its key.

    The row that stays is the earliest in source order among the window's rows and the stored entry; a row
    that differs from it in an immutable column conflicts.
    """
    kept = (*ORDER_COLUMNS, *IMMUTABLE)
    first = earliest_per_key(valid, TABLE.key, IMMUTABLE)
    first = first.select(*TABLE.key, *[F.col(c).alias(f"_f_{c}") for c in kept])
    known = stored.select(*TABLE.key, *[F.col(c).alias(f"_t_{c}") for c in kept], F.lit(True).alias("_known"))
    joined = valid.join(first, list(TABLE.key)).join(known, list(TABLE.key), "left")
    from_window = F.col("_known").isNull() | F.expr(is_earlier(kept, "_f_{}", "_t_{}"))
    reference = [
        F.when(from_window, F.col(f"_f_{c}")).otherwise(F.col(f"_t_{c}")).alias(f"_r_{c}") for c in kept
    ]
    conflict = F.expr(" OR ".join(f"NOT ({c} <=> _r_{c})" for c in IMMUTABLE))
    return joined.select(*valid.columns, *reference).withColumn("_conflict", conflict)


def collapse(reconciled: DataFrame) -> DataFrame:
    """One row per key that has an agreeing row: its values, with the source order of the row that stays."""
    agreeing = first_per_key(reconciled.where(~F.col("_conflict")), TABLE.key, [F.col("event_time").asc()])
    order = [F.col(f"_r_{c}").alias(c) for c in ORDER_COLUMNS]
    return agreeing.select(
        *[c for c in TABLE.column_names if c in agreeing.columns and c not in ORDER_COLUMNS], *order
    )


def unrelated(rows: DataFrame) -> DataFrame:
    """Bronze ledger rows as if nothing were known of what they relate to."""
    return rows.withColumns({n: F.lit(None).cast("string") for n in ("_status", "_related_type")})


def _reason_alone(rules: RuleBook) -> Column:
    return reason(rules.allowed(TYPE_RULE))


def _evaluate_alone(rows: DataFrame) -> DataFrame:
    return evaluate(unrelated(rows))


SILVER = SilverTable(
    contract=TABLE,
    sources=(Source(transaction_ledger_raw.TABLE, _reason_alone, _evaluate_alone),),
    settled="earliest",
    collapse=collapse,
    business=BUSINESS,
    origin=(*IMMUTABLE, *ORDER_COLUMNS),  # status and related_type come from elsewhere
    reasons={
        "missing_tx_or_wallet": Reason(("tx_id", "wallet_id")),
        "missing_entry_type": Reason(("type",)),
        "invalid_entry_type": Reason(("type",), TYPE_RULE),
        "invalid_amount": Reason(("amount",)),
        "non_positive_amount": Reason(("amount",)),
        "amount_signed_unavailable": Reason(("type",)),
        "missing_event_time": Reason(("created_at",)),
        "invalid_status": Reason(("status", "related_id"), order_events.STATUS_RULE, is_of_the_row=False),
        CONFLICTING: Reason(("type", "amount", "related_id", "created_at"), is_of_the_row=False),
    },
    is_guarded=True,
    rule=TYPE_RULE,
    relates_to=order_events.SILVER,
)

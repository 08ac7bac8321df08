"""The hand-written day in DuckDB SQL: one statement per table, in the order in which they are computed."""

from __future__ import annotations

TYPES = "'CHARGE','MINT','RECEIVE','REFUND_IN','WITHDRAW','BURN','PAYMENT','REFUND_OUT','HOLD','RELEASE'"
STATUSES = "'PAID','PENDING','FAILED','CANCELLED','REFUNDED'"
_META = "source_extracted_at AS _source_extracted_at, ingested_at AS _ingested_at, batch_id AS _batch_id"
_LATEST = "_source_extracted_at DESC NULLS LAST, _ingested_at DESC NULLS LAST, _batch_id DESC NULLS LAST"
_EARLIEST = "_source_extracted_at NULLS LAST, _ingested_at NULLS LAST, _batch_id NULLS LAST"

MACROS = (
    r"CREATE MACRO clean(x) AS nullif(trim(x, E' \t\n\r\f\v'), '')",
    """CREATE MACRO money(x) AS CASE WHEN regexp_full_match(clean(x), '[+-]?0*[0-9]{1,16}([.][0-9]{1,2}0*)?')
       THEN try_cast(clean(x) AS decimal(18,2)) END""",
    """CREATE MACRO instant(x) AS try_cast(
       regexp_replace(clean(x), '([.][0-9]{6})[0-9]+', '\\1') AS timestamptz)""",
    "CREATE MACRO whole(x) AS CASE WHEN regexp_full_match(clean(x), '[+-]?[0-9]+') THEN try_cast(clean(x) AS bigint) END",
    "CREATE MACRO kst(t) AS CAST(t AT TIME ZONE 'Asia/Seoul' AS date)",
    """CREATE MACRO rate(n, d) AS CAST(CASE WHEN d = 0 THEN 0 ELSE
       CAST((2 * n::hugeint * 1000000 + d::hugeint) // (2 * d::hugeint) AS decimal(38,0)) * 0.000001 END AS decimal(38,6))""",
    """CREATE MACRO sign_of(t) AS CASE WHEN t IN ('CHARGE','MINT','RECEIVE','REFUND_IN') THEN 1
       WHEN t IN ('WITHDRAW','BURN','PAYMENT','REFUND_OUT') THEN -1 WHEN t IN ('HOLD','RELEASE') THEN 0 END""",
)

# Row rules, shared by Silver and by the guardrail's bad_records_rate. An unparsable record comes first.
WALLET_REASON = """CASE WHEN _raw IS NOT NULL AND NOT json_valid(_raw) THEN 'unparsable_record'
  WHEN clean(user_id) IS NULL THEN 'missing_user_id'
  WHEN balance IS NULL OR frozen_amount IS NULL THEN 'invalid_balance'
  WHEN balance < 0 OR frozen_amount < 0 THEN 'negative_balance'
  WHEN coalesce(source_extracted_at, ingested_at) IS NULL THEN 'missing_snapshot_ts' END"""
LEDGER_REASON = f"""CASE WHEN _raw IS NOT NULL AND NOT json_valid(_raw) THEN 'unparsable_record'
  WHEN clean(tx_id) IS NULL OR clean(wallet_id) IS NULL THEN 'missing_tx_or_wallet'
  WHEN clean(type) IS NULL THEN 'missing_entry_type'
  WHEN clean(type) NOT IN ({TYPES}) THEN 'invalid_entry_type'
  WHEN amount IS NULL THEN 'invalid_amount'
  WHEN amount <= 0 THEN 'non_positive_amount'
  WHEN sign_of(clean(type)) IS NULL THEN 'amount_signed_unavailable'
  WHEN created_at IS NULL THEN 'missing_event_time' END"""
PAYMENT_REASON = f"""CASE WHEN _raw IS NOT NULL AND NOT json_valid(_raw) THEN 'unparsable_record'
  WHEN clean(order_id) IS NULL THEN 'missing_order_id'
  WHEN amount IS NULL THEN 'invalid_amount'
  WHEN amount <= 0 THEN 'non_positive_amount'
  WHEN clean(status) NOT IN ({STATUSES}) THEN 'invalid_status' END"""

SILVER_STAGES = {
    "judged_wallets": f"""
SELECT coalesce(source_extracted_at, ingested_at) AS snapshot_ts, kst(snapshot_ts) AS snapshot_date_kst,
  clean(user_id) AS user_id, CAST(balance AS decimal(38,2)) AS balance_available,
  CAST(frozen_amount AS decimal(38,2)) AS balance_frozen,
  CAST(balance_available + balance_frozen AS decimal(38,2)) AS balance_total, updated_at AS source_updated_at,
  {_META}, {WALLET_REASON} AS reason, CASE WHEN reason IS NOT NULL THEN to_json(b) END AS record_json
FROM user_wallets_raw b""",
    "judged_ledger": f"""
WITH payment AS (
  SELECT clean(order_id) AS id,
    arg_max(coalesce(clean(status), ''), (created_at, ingested_at, batch_id)) AS payment_status
  FROM payment_orders_raw WHERE clean(order_id) IS NOT NULL GROUP BY 1),
shop AS (SELECT DISTINCT CAST(order_id AS varchar) AS id FROM orders_raw WHERE order_id IS NOT NULL)
SELECT clean(b.tx_id) AS tx_id, clean(b.wallet_id) AS wallet_id, b.created_at AS event_time,
  kst(b.created_at) AS event_date_kst, clean(b.type) AS entry_type, CAST(b.amount AS decimal(38,2)) AS amount,
  CAST(b.amount * sign_of(clean(b.type)) AS decimal(38,2)) AS amount_signed, clean(b.related_id) AS related_id,
  CASE WHEN p.id IS NOT NULL THEN 'PAYMENT_ORDER' WHEN s.id IS NOT NULL THEN 'ORDER' END AS related_type,
  nullif(p.payment_status, '') AS status, b.created_at, {_META.replace("source_extracted_at AS", "b.source_extracted_at AS")},
  coalesce({LEDGER_REASON}, CASE WHEN nullif(p.payment_status, '') NOT IN ({STATUSES}) THEN 'invalid_status' END)
    AS reason,
  CASE WHEN reason IS NOT NULL THEN to_json(b) END AS record_json
FROM transaction_ledger_raw b LEFT JOIN payment p ON p.id = clean(b.related_id)
LEFT JOIN shop s ON s.id = clean(b.related_id)""",
    "judged_orders": f"""
SELECT CAST(order_id AS varchar) AS order_ref, 'ORDERS' AS order_source, clean(user_id) AS user_id,
  CAST(NULL AS varchar) AS merchant_name, CAST(total_amount AS decimal(38,2)) AS amount, clean(status) AS status,
  created_at AS event_time, kst(created_at) AS event_date_kst, {_META},
  CASE WHEN order_id IS NULL THEN 'missing_order_id' END AS reason,
  CASE WHEN reason IS NOT NULL THEN to_json(b) END AS record_json
FROM orders_raw b
UNION ALL
SELECT clean(order_id), 'PAYMENT_ORDERS', clean(user_id), clean(merchant_name), CAST(amount AS decimal(38,2)),
  clean(status), created_at, kst(created_at), {_META},
  {PAYMENT_REASON} AS reason, CASE WHEN reason IS NOT NULL THEN to_json(b) END
FROM payment_orders_raw b""",
    "judged_items": f"""
SELECT item_id, order_id, CAST(order_id AS varchar) AS order_ref, product_id, quantity,
  CAST(price_at_purchase AS decimal(38,2)) AS price_at_purchase, {_META},
  CASE WHEN item_id IS NULL OR order_id IS NULL OR product_id IS NULL THEN 'missing_required_keys' END AS reason,
  CASE WHEN reason IS NOT NULL THEN to_json(b) END AS record_json
FROM order_items_raw b""",
    "judged_products": f"""
SELECT product_id, clean(product_name) AS product_name, clean(category) AS category,
  CAST(price_krw AS decimal(38,2)) AS price_krw, is_display, {_META},
  CASE WHEN product_id IS NULL THEN 'missing_product_id' END AS reason,
  CASE WHEN reason IS NOT NULL THEN to_json(b) END AS record_json
FROM products_raw b""",
    # The earliest row of a key stays; a later one that differs from it is quarantined.
    "ranked_ledger": f"""
SELECT *, row_number() OVER earliest AS rank,
  (entry_type, amount, related_id, event_time) IS DISTINCT FROM
    (first_value(entry_type) OVER earliest, first_value(amount) OVER earliest,
     first_value(related_id) OVER earliest, first_value(event_time) OVER earliest) AS is_conflict
FROM judged_ledger WHERE reason IS NULL
WINDOW earliest AS (PARTITION BY tx_id, wallet_id ORDER BY {_EARLIEST}, entry_type, amount, related_id, event_time)""",
}


def _latest(columns: str, stage: str, key: str) -> str:
    return (
        f"SELECT {columns} FROM {stage} WHERE reason IS NULL"
        f" QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {_LATEST}) = 1"
    )


def _rejected(stage: str, table: str, reason: str = "reason", where: str = "reason IS NOT NULL") -> str:
    return f"SELECT '{table}' AS source_table, {reason} AS reason, record_json FROM {stage} WHERE {where}"


_CONFLICTS = _rejected(
    "(SELECT to_json(r) AS record_json, is_conflict FROM ranked_ledger r)",
    "silver.ledger_entries",
    "'conflicting_duplicate'",
    "is_conflict",
)
SILVER = {
    "wallet_snapshot": _latest(
        "snapshot_ts, snapshot_date_kst, user_id, balance_available, balance_frozen, balance_total,"
        " source_updated_at, $run_id AS run_id, 'silver-bad-records-rate-v1' AS rule_id",
        "judged_wallets",
        "snapshot_ts, user_id",
    ),
    "ledger_entries": """
SELECT * EXCLUDE (reason, record_json, rank, is_conflict), $run_id AS run_id, 'silver-entry-type-allowed-v1' AS rule_id
FROM ranked_ledger WHERE rank = 1""",
    "order_events": _latest(
        "* EXCLUDE (reason, record_json), $run_id AS run_id", "judged_orders", "order_ref, order_source"
    ),
    "order_items": _latest("* EXCLUDE (reason, record_json), $run_id AS run_id", "judged_items", "item_id"),
    "products": _latest(
        "* EXCLUDE (reason, record_json), $run_id AS run_id", "judged_products", "product_id"
    ),
    "bad_records": f"""
SELECT kst(now()) AS detected_date_kst, *, $run_id AS run_id, 'silver-bad-records-rate-v1' AS rule_id,
  now() AS detected_at, $window_start AS window_start_ts, $window_end AS window_end_ts
FROM ({_rejected("judged_wallets", "silver.wallet_snapshot")} UNION ALL
  {_rejected("judged_ledger", "silver.ledger_entries")} UNION ALL {_CONFLICTS} UNION ALL
  {_rejected("judged_orders", "silver.order_events")} UNION ALL
  {_rejected("judged_items", "silver.order_items")} UNION ALL
  {_rejected("judged_products", "silver.products")})""",
}


def _guarded(table: str, key: str, event_time: str, reason: str, warn_sec: int, crit_sec: int) -> str:
    """One row of dq_status: rows, duplicates, bad rows, freshness, and the tag of the most severe finding."""
    newest = f"greatest(max(ingested_at), max({event_time}))"
    return f"""
SELECT 'bronze.{table}' AS source_table, CAST($window_start AS timestamptz) AS window_start_ts,
  CAST($window_end AS timestamptz) AS window_end_ts, CAST($day AS date) AS date_kst, freshness_sec, event_count,
  rate(keyed - keys, keyed) AS dup_rate, rate(bad, event_count) AS bad_records_rate,
  CASE WHEN freshness_sec >= {crit_sec} THEN 'SOURCE_STALE' WHEN dup_rate >= 0.01 THEN 'DUP_SUSPECTED'
    WHEN bad_records_rate >= 0.01 THEN 'CONTRACT_VIOLATION' WHEN freshness_sec >= {warn_sec} THEN 'SOURCE_STALE'
    WHEN dup_rate >= 0.001 THEN 'DUP_SUSPECTED' WHEN event_count = 0 THEN 'EVENT_DROP_SUSPECTED'
    WHEN bad_records_rate >= 0.001 THEN 'CONTRACT_VIOLATION' END AS dq_tag,
  CASE WHEN freshness_sec >= {crit_sec} OR dup_rate >= 0.01 OR bad_records_rate >= 0.01 THEN 'CRITICAL'
    WHEN dq_tag IS NOT NULL THEN 'WARN' END AS severity, $run_id AS run_id, now() AS generated_at
FROM (SELECT count(*) AS event_count, count({key}) AS keyed, count(DISTINCT {key}) AS keys,
  count({reason}) AS bad, CAST(floor(epoch(CAST($window_end AS timestamptz) - {newest})) AS bigint) AS freshness_sec
  FROM {table})"""


GUARDRAIL = {
    "dq_status": " UNION ALL ".join(
        (
            _guarded("transaction_ledger_raw", "clean(tx_id)", "created_at", LEDGER_REASON, 300, 600),
            _guarded(
                "user_wallets_raw",
                "clean(user_id) || '@' || coalesce(source_extracted_at, ingested_at)",
                "updated_at",
                WALLET_REASON,
                90_000,
                172_800,
            ),
            _guarded("payment_orders_raw", "clean(order_id)", "created_at", PAYMENT_REASON, 300, 600),
        )
    )
}

"""The hand-written day in DuckDB SQL, continued: B's controls and C's mart."""

from __future__ import annotations

_RUN = "$run_id AS run_id"
_OUTCOME = """
SELECT CAST($day AS date) AS date_kst, merchant_name, count(*) AS total_cnt,
  count(*) FILTER (status IN ({statuses})) AS {counted}, rate({counted}, total_cnt) AS {rate},
  $run_id AS run_id, CAST(NULL AS varchar) AS rule_id
FROM order_events WHERE order_source = 'PAYMENT_ORDERS' AND event_date_kst = CAST($day AS date) GROUP BY merchant_name"""

CONTROLS = {
    "recon_daily_snapshot_flow": f"""
WITH pairs AS (
  SELECT user_id, min(snapshot_ts) AS opening_ts, max(snapshot_ts) AS closing_ts,
    arg_max(balance_total, snapshot_ts) - arg_min(balance_total, snapshot_ts) AS delta
  FROM wallet_snapshot WHERE snapshot_date_kst = CAST($day AS date) GROUP BY user_id),
flows AS (
  SELECT user_id, sum(amount_signed) AS flow FROM ledger_entries JOIN pairs
    ON wallet_id = user_id AND event_time > opening_ts AND event_time <= closing_ts GROUP BY user_id)
SELECT CAST($day AS date) AS date_kst, user_id, opening_ts, closing_ts,
  CAST(delta AS decimal(38,2)) AS delta_balance_total, CAST(coalesce(flow, 0) AS decimal(38,2)) AS net_flow_total,
  CAST(abs(delta - net_flow_total) AS decimal(38,2)) AS drift_abs,
  CASE WHEN net_flow_total <> 0 THEN rate(drift_abs * 100, abs(net_flow_total) * 100) END AS drift_pct,
  (SELECT min(dq_tag) FROM dq_status) AS dq_tag, {_RUN}, 'ledger-drift-abs-v1' AS rule_id
FROM pairs LEFT JOIN flows USING (user_id)""",
    "ledger_supply_balance_daily": f"""
WITH last AS (
  SELECT user_id, max(snapshot_ts) AS ts, arg_max(balance_total, snapshot_ts) AS balance
  FROM wallet_snapshot WHERE snapshot_ts <= CAST($window_end AS timestamptz) GROUP BY user_id),
rolled AS (
  SELECT sum(amount_signed) AS total FROM ledger_entries JOIN last ON wallet_id = user_id AND event_time > ts),
issued AS (
  SELECT sum(CASE WHEN entry_type IN ('CHARGE', 'MINT') THEN amount ELSE -amount END) AS total FROM ledger_entries
  WHERE entry_type IN ('CHARGE', 'MINT', 'BURN', 'WITHDRAW'))
SELECT CAST($day AS date) AS date_kst, CAST(coalesce(issued.total, 0) AS decimal(38,2)) AS issued_supply,
  CAST(coalesce(held.total, 0) + coalesce(rolled.total, 0) AS decimal(38,2)) AS wallet_total_balance,
  CAST(issued_supply - wallet_total_balance AS decimal(38,2)) AS diff_amount, diff_amount = 0 AS is_ok,
  tag.dq_tag, {_RUN}, 'ledger-supply-diff-abs-v1' AS rule_id
FROM issued, rolled, (SELECT sum(balance) AS total FROM last) held, (SELECT min(dq_tag) AS dq_tag FROM dq_status) tag""",
    "ops_payment_failure_daily": _OUTCOME.format(
        statuses="'FAILED', 'CANCELLED'", counted="failed_cnt", rate="failure_rate"
    ),
    "ops_payment_refund_daily": _OUTCOME.format(
        statuses="'REFUNDED'", counted="refunded_cnt", rate="refund_rate"
    ),
    "ops_ledger_pairing_quality_daily": f"""
WITH groups AS (
  SELECT related_id, count(*) AS n, count(DISTINCT wallet_id) AS wallets,
    bool_or(related_type IS NOT DISTINCT FROM 'PAYMENT_ORDER') AS is_payment
  FROM ledger_entries WHERE related_id IS NOT NULL AND event_date_kst = CAST($day AS date) GROUP BY related_id),
entries AS (
  SELECT count(*) AS n, count(*) - count(related_id) AS unrelated
  FROM ledger_entries WHERE event_date_kst = CAST($day AS date))
SELECT CAST($day AS date) AS date_kst, any_value(e.n) AS entry_cnt,
  rate(any_value(e.unrelated), any_value(e.n)) AS related_id_null_rate,
  rate(count(*) FILTER (g.n = 2 AND wallets = 2), count(g.n)) AS pair_candidate_rate,
  rate(count(*) FILTER (is_payment), count(g.n)) AS join_payment_orders_rate,
  {_RUN}, CAST(NULL AS varchar) AS rule_id
FROM entries e LEFT JOIN groups g ON true""",
    "admin_tx_search": f"""
WITH pairs AS (
  SELECT related_id, min(tx_id) AS low, max(tx_id) AS high FROM ledger_entries
  WHERE related_id IS NOT NULL AND event_date_kst = CAST($day AS date)
  GROUP BY related_id HAVING count(DISTINCT tx_id) = 2)
SELECT e.event_date_kst, e.tx_id, e.wallet_id, e.entry_type, e.amount, e.amount_signed, e.event_time, e.related_id,
  e.related_type, o.merchant_name, o.status AS payment_status,
  CASE WHEN e.tx_id = p.low THEN p.high ELSE p.low END AS paired_tx_id, {_RUN}, CAST(NULL AS varchar) AS rule_id
FROM ledger_entries e
LEFT JOIN order_events o ON o.order_source = 'PAYMENT_ORDERS' AND o.order_ref = e.related_id
LEFT JOIN pairs p ON p.related_id = e.related_id
WHERE e.event_date_kst = CAST($day AS date)""",
    "exception_ledger": f"""
SELECT CAST($day AS date) AS date_kst, 'dq' AS domain, dq_tag AS exception_type, severity, source_table,
  CAST(NULL AS varchar) AS metric, CAST(NULL AS decimal(38,6)) AS metric_value, CAST(NULL AS varchar) AS message,
  {_RUN}, now() AS generated_at
FROM dq_status WHERE dq_tag IS NOT NULL
UNION ALL
SELECT date_kst, 'ledger', 'RECON_DRIFT_HIGH', 'CRITICAL', 'gold.recon_daily_snapshot_flow', 'drift_abs',
  CAST(drift_abs AS decimal(38,6)), CAST(to_json({{user_id: user_id, drift_abs: CAST(drift_abs AS varchar)}}) AS varchar),
  $run_id, now() FROM recon_daily_snapshot_flow WHERE drift_abs > 0
UNION ALL
SELECT date_kst, 'ledger', 'SUPPLY_MISMATCH', 'CRITICAL', 'gold.ledger_supply_balance_daily', 'supply_diff_abs',
  CAST(abs(diff_amount) AS decimal(38,6)), CAST(to_json({{diff_amount: CAST(diff_amount AS varchar)}}) AS varchar),
  $run_id, now() FROM ledger_supply_balance_daily WHERE NOT is_ok""",
}

ANALYTICS = {
    "fact_payment_anonymized": f"""
WITH category AS (
  SELECT i.order_ref, p.category
  FROM order_items i JOIN products p ON p.product_id = i.product_id AND p.category IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY i.order_ref ORDER BY
    coalesce(i.price_at_purchase, 0) * coalesce(i.quantity, 1) DESC, i.item_id, i.product_id, p.category) = 1)
SELECT CAST($day AS date) AS date_kst, sha256(o.user_id || $salt) AS user_key, o.merchant_name, o.amount, o.status,
  c.category, {_RUN}
FROM order_events o LEFT JOIN category c USING (order_ref)
WHERE o.order_source = 'PAYMENT_ORDERS' AND o.event_date_kst = CAST($day AS date) AND o.user_id IS NOT NULL""",
}

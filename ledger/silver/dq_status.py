"""Guardrail evaluations of the Bronze inputs (spec sections 2 and 6)."""

from __future__ import annotations

from ledger.contract import Table, opt, req
from ledger.money import RATE

TABLE = Table(
    schema="silver",
    name="dq_status",
    description="Guardrail evaluations of the Bronze inputs, one per table and window.",
    grain="one Bronze table in one window of one run",
    columns=(
        req("source_table", "string", "Bronze table"),
        req("window_start_ts", "timestamp", "UTC start of the window"),
        req("window_end_ts", "timestamp", "UTC end of the window, exclusive"),
        req("date_kst", "date", "KST day of the window's last instant"),
        opt("freshness_sec", "bigint", "seconds from the newest row to the window end; null without rows"),
        req("event_count", "bigint", "rows in the window"),
        opt("dup_rate", RATE, "rows beyond the first per key, over rows with a key"),
        opt("bad_records_rate", RATE, "rows that break a row rule, over rows"),
        opt("dq_tag", "string", "most severe finding; null when no rule fired"),
        opt("severity", "string", "WARN or CRITICAL; null when no rule fired"),
        req("run_id", "string", "run that evaluated the window"),
        opt("rule_id", "string", "rule behind dq_tag"),
        req("generated_at", "timestamp", "UTC instant of the run's clock"),
    ),
    write="append",
    partition_by="date_kst",
)
# Identity of a row, by which a retry's equals the stored one: everything but the clock.
IDENTITY = tuple(n for n in TABLE.column_names if n != "generated_at")

# Most severe first among equals (spec section 6).
TAG_ORDER = ("SOURCE_STALE", "DUP_SUSPECTED", "EVENT_DROP_SUSPECTED", "CONTRACT_VIOLATION")
SEVERITY_ORDER = ("CRITICAL", "WARN")

"""Every alert-worthy finding of A and B, in one table (spec sections 2, 6 and 7)."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table, opt, req
from ledger.json_text import stable_json_column
from ledger.money import RATE, above
from ledger.rules import Rule
from ledger.window import Window, lit_date, lit_ts

TABLE = Table(
    schema="gold",
    name="exception_ledger",
    description="Findings of the guardrail (dq) and of the ledger controls (ledger).",
    grain="one finding of one run",
    columns=(
        req("date_kst", "date", "KST day"),
        req("domain", "string", "dq, ledger or analytics"),
        req("exception_type", "string", "what was found"),
        req("severity", "string", "WARN or CRITICAL"),
        opt("source_table", "string", "table that the finding is about"),
        opt("window_start_ts", "timestamp", "UTC start of the evaluated window"),
        opt("window_end_ts", "timestamp", "UTC end of the evaluated window, exclusive"),
        opt("metric", "string", "metric of the rule that fired"),
        opt("metric_value", RATE, "measured value in the metric's unit"),
        opt("message", "string", "evidence as JSON with sorted keys and text values"),
        req("run_id", "string", "run that found it"),
        opt("rule_id", "string", "rule that fired"),
        req("generated_at", "timestamp", "UTC instant of the run's clock"),
    ),
    write="merge",
    key=("date_kst", "domain", "exception_type", "run_id", "metric", "message"),
    partition_by="date_kst",
    identifying=frozenset({"message"}),
)
# Identity of a finding, by which a retry's equals the stored one: everything but the clock.
IDENTITY = tuple(n for n in TABLE.column_names if n != "generated_at")

RECON_DRIFT_HIGH, SUPPLY_MISMATCH = "RECON_DRIFT_HIGH", "SUPPLY_MISMATCH"


def ledger_exceptions(
    findings: DataFrame,
    *,
    exception_type: str,
    value: str,
    evidence: tuple[str, ...],
    source_table: str,
    rule: Rule,
    run_id: str,
    window: Window,
    now: datetime,
) -> DataFrame:
    """The rows of ``findings`` whose ``value`` is above the rule, as exceptions; equal is no alert (spec section 7)."""
    measured = F.col(value)
    severity = F.lit("WARN")
    if rule.critical_above is not None:
        severity = F.when(above(measured, rule.critical_above), F.lit("CRITICAL")).otherwise(severity)
    return TABLE.conform(
        findings.where(above(measured, rule.alert_above)).select(
            lit_date(window.date_kst).alias("date_kst"),
            F.lit("ledger").alias("domain"),
            F.lit(exception_type).alias("exception_type"),
            severity.alias("severity"),
            F.lit(source_table).alias("source_table"),
            lit_ts(window.start).alias("window_start_ts"),
            lit_ts(window.end).alias("window_end_ts"),
            F.lit(rule.metric).alias("metric"),
            measured.cast(RATE).alias("metric_value"),
            stable_json_column({name: F.col(name) for name in evidence}).alias("message"),
            F.lit(run_id).alias("run_id"),
            F.lit(rule.rule_id).alias("rule_id"),
            lit_ts(now).alias("generated_at"),
        )
    )

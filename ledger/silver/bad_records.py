"""The quarantine: every rejected source row with its reason (spec sections 2 and 5)."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table, opt, req
from ledger.window import Window, kst_day, lit_date, lit_ts

DETECTED = "detected_date_kst"
TABLE = Table(
    schema="silver",
    name="bad_records",
    description="Quarantined source rows, each with the first rule that it breaks.",
    grain="one rejected source row of one run",
    columns=(
        req(DETECTED, "date", "KST day of the run's clock"),
        req("source_table", "string", "Silver table that the row was meant for"),
        req("reason", "string", "first failing rule"),
        req("record_json", "string", "the whole Bronze row as JSON text"),
        req("run_id", "string", "run that quarantined the row"),
        opt("rule_id", "string", "rule that decided, else the bad-rate rule"),
        req("detected_at", "timestamp", "UTC instant of the run's clock"),
        req("window_start_ts", "timestamp", "UTC start of the evaluated window"),
        req("window_end_ts", "timestamp", "UTC end of the evaluated window, exclusive"),
    ),
    write="append",
    partition_by=DETECTED,
    identifying=frozenset({"record_json"}),
)
# Identity of a row, by which a retry's equals the stored one: everything but the clock and the rule version.
IDENTITY = ("source_table", "reason", "record_json")


def quarantine(
    rejected: DataFrame, *, source_table: str, rule_id: Column, run_id: str, window: Window, now: datetime
) -> DataFrame:
    """Rows with ``reason`` and ``record_json`` as bad records, one row per rejected row."""
    return TABLE.conform(
        rejected.select(
            lit_date(kst_day(now)).alias(DETECTED),
            F.lit(source_table).alias("source_table"),
            "reason",
            "record_json",
            F.lit(run_id).alias("run_id"),
            rule_id.alias("rule_id"),
            lit_ts(now).alias("detected_at"),
            lit_ts(window.start).alias("window_start_ts"),
            lit_ts(window.end).alias("window_end_ts"),
        )
    )

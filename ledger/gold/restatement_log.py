"""Figures of controlled days that a rerun changed (spec section 2, Convergence)."""

from __future__ import annotations

from ledger.contract import Table, opt, req
from ledger.money import RATE

TABLE = Table(
    schema="gold",
    name="restatement_log",
    description="Every figure of a controlled day that a later run of the day changed, with the cause.",
    grain="one changed figure of one row of one restated KST day",
    columns=(
        req("date_kst", "date", "KST day that was restated"),
        req("pipeline_name", "string", "pipeline_b or pipeline_c"),
        req("table_name", "string", "Gold table of the figure"),
        opt(
            "row_key",
            "string",
            "user_id or merchant_name of the row; null where the day has one row or none is named",
        ),
        req("metric", "string", "column, or rows and amount_total for the mart"),
        opt("old_value", RATE, "the earlier result; null: the row was not there"),
        opt("new_value", RATE, "the restated result; null: the row is gone"),
        req("difference", RATE, "new less old, an absent value counting as 0; in the column's unit"),
        opt("previous_run_id", "string", "run whose result was replaced"),
        req("run_id", "string", "run that restated the day"),
        opt(
            "caused_by_runs",
            "string",
            "Silver runs that changed the day or an earlier one since it was controlled",
        ),
        opt("caused_by_batches", "string", "Bronze batches of the rows that those runs changed"),
        opt("changed_days", "string", "KST days that those runs changed"),
        req("restated_at", "timestamp", "UTC instant of the run's clock, before the result is replaced"),
    ),
    write="append",
    partition_by="date_kst",
    identifying=frozenset({"row_key"}),
)
# A run that is repeated after a crash notes the same change again: all but the clock and the run make it the same.
IDENTITY = (
    *("pipeline_name", "table_name", "row_key", "metric", "old_value", "new_value"),
    *("previous_run_id", "caused_by_runs"),
)

"""Internal tables: what reruns changed (spec section 2, Convergence), and what an operator set right in the state."""

from __future__ import annotations

from ledger.contract import Table, opt, req
from ledger.money import RATE

RESTATEMENT_LOG = Table(
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
    internal=True,
)
# A run that is repeated after a crash notes the same change again: all but the clock and the run make it the same.
IDENTITY = (
    *("pipeline_name", "table_name", "row_key", "metric", "old_value", "new_value"),
    *("previous_run_id", "caused_by_runs"),
)
STATE_REPAIR_LOG = Table(
    schema="gold",
    name="state_repair_log",
    description="Every watermark that an operator set right, who decided it and why.",
    grain="one repair of one pipeline's watermark",
    columns=(
        req("pipeline_name", "string", "pipeline whose watermark was set"),
        opt("old_end", "timestamp", "last_processed_end before; null: there was none"),
        req("new_end", "timestamp", "last_processed_end since"),
        req("decided_by", "string", "who decided it"),
        req("reason", "string", "why"),
        req("repaired_at", "timestamp", "UTC instant of the host's clock, for people"),
    ),
    write="append",
    internal=True,
)

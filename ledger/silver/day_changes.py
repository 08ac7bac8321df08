"""The order of what Silver changes and what the controls read (spec section 2, Convergence)."""

from __future__ import annotations

from ledger.contract import Table, opt, req

TABLE = Table(
    schema="silver",
    name="day_changes",
    description="Which KST days Silver changes, written ahead of its merges and after them, and from which of these"
    " notes on each control has read: one order for all, which no clock decides.",
    grain="one day and Silver table (or operation of a control) of one note",
    columns=(
        req("seq", "bigint", "position of the note: each is given once, in the order of the notes"),
        req("phase", "string", "under_way, done, outdated (Silver); computed, controlled (B and C)"),
        req("pipeline_name", "string", "pipeline_silver, pipeline_b or pipeline_c"),
        req(
            "changed_date_kst",
            "date",
            "KST day whose rows change, that has to run again, or that was controlled",
        ),
        opt("source_table", "string", "Silver table that changes, or the operation that has computed"),
        req("rows_changed", "bigint", "rows inserted, updated or removed; 0 where none of the day changes"),
        req("run_id", "string", "run that writes the note"),
        req("window_start_ts", "timestamp", "UTC start of the run's window"),
        req("window_end_ts", "timestamp", "UTC end of the run's window, exclusive"),
        opt("read_from", "bigint", "newest note that had been written when the run began to read"),
        opt("landing_at", "timestamp", "newest event of the landing day that Silver has taken into account"),
        req("changed_at", "timestamp", "UTC instant of the run's clock, for people"),
    ),
    write="append",
)

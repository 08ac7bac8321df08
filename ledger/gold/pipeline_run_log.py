"""Every attempt of every pipeline, day by day (spec sections 2 and 3)."""

from ledger.contract import Table, opt, req

TABLE = Table(
    schema="gold",
    name="pipeline_run_log",
    description="Every attempt of every pipeline, day by day.",
    grain="one pipeline, day and attempt",
    columns=(
        req("pipeline_name", "string", "pipeline_a, pipeline_silver, pipeline_b or pipeline_c"),
        req("date_kst", "date", "KST day of the window's last instant"),
        req("run_id", "string", "run"),
        req("status", "string", "success or failure"),
        req("window_start_ts", "timestamp", "UTC start of the window"),
        req("window_end_ts", "timestamp", "UTC end of the window, exclusive"),
        req("started_at", "timestamp", "UTC instant at which the attempt started"),
        req("ended_at", "timestamp", "UTC instant at which the attempt ended"),
        opt("rows_read", "bigint", "rows read from the inputs"),
        opt("rows_written", "bigint", "rows inserted or updated"),
        opt("rows_quarantined", "bigint", "rows quarantined"),
        opt("rule_load_mode", "string", "strict or fallback (not C)"),
        opt("message", "string", "why it failed"),
    ),
    write="append",
    partition_by="date_kst",
)

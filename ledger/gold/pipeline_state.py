"""Progress of each pipeline (spec sections 2 and 3)."""

from ledger.contract import Table, opt, req

TABLE = Table(
    schema="gold",
    name="pipeline_state",
    description="Where each pipeline stands.",
    grain="one pipeline",
    columns=(
        req("pipeline_name", "string", "pipeline_a, pipeline_silver, pipeline_b or pipeline_c"),
        opt("last_success_ts", "timestamp", "UTC instant of the last success"),
        opt(
            "last_processed_end",
            "timestamp",
            "UTC watermark: end of the newest window processed; never moves back",
        ),
        opt("last_run_id", "string", "last run, successful or not"),
        opt(
            "dq_zero_window_counts", "string", "JSON: consecutive empty windows per Bronze table (pipeline_a)"
        ),
        req("updated_at", "timestamp", "UTC instant of the last change"),
    ),
    write="merge",
    key=("pipeline_name",),
)

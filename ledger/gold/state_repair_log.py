"""Watermarks that an operator set right, who decided it and why."""

from __future__ import annotations

from ledger.contract import Table, opt, req

TABLE = Table(
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
)

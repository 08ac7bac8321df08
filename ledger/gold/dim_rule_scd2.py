"""The rule table, slowly changing dimension type 2 (spec sections 2 and 8)."""

from __future__ import annotations

from ledger.contract import Table, opt, req

TABLE = Table(
    schema="gold",
    name="dim_rule_scd2",
    description="The rules that decide at run time, with their versions.",
    grain="one version of one rule",
    columns=(
        req("rule_id", "string", "version of the rule, unique over the whole table"),
        req("domain", "string", "dq, ledger or silver"),
        req("metric", "string", "what is measured; <metric>:<table> overrides it for one Bronze table"),
        opt("threshold", "double", "limit in the metric's unit"),
        opt("severity_map", "map<string,double>", "limits by level (warn, crit, fail) in the metric's unit"),
        opt("allowed_values", "array<string>", "values that a list rule allows"),
        opt("comment", "string", "why the rule is so"),
        req("effective_start_ts", "timestamp", "UTC instant from which the version is in force"),
        opt("effective_end_ts", "timestamp", "UTC instant from which it no longer is"),
        req("is_current", "boolean", "one current version per (domain, metric)"),
    ),
    write="scd2",
    key=("rule_id",),
)

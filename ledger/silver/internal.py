"""Two internal tables that keep B's cost flat and its results due for restatement known (spec sections 2 and 7)."""

from __future__ import annotations

from ledger.contract import Table, req
from ledger.money import MONEY

DAY_CHANGES = Table(
    schema="silver",
    name="day_changes",
    description="Which KST days a Silver run changed, written ahead of the merges that change them.",
    grain="one Silver table and changed day of one run",
    columns=(
        req("changed_date_kst", "date", "KST day whose rows change"),
        req("source_table", "string", "Silver table"),
        req("rows_changed", "bigint", "rows inserted or updated"),
        req("run_id", "string", "run that changes them"),
        req("changed_at", "timestamp", "UTC instant of the run's clock, before the merge"),
    ),
    write="append",
    internal=True,
)
LEDGER_DAILY_FLOW = Table(
    schema="silver",
    name="ledger_daily_flow",
    description="Issued supply per KST day, so that cumulative supply does not read the whole history.",
    grain="one KST day",
    columns=(
        req("event_date_kst", "date", "KST day"),
        req("issued_flow", MONEY, "MINT and CHARGE less BURN and WITHDRAW of the day, KRW"),
        req("entry_cnt", "bigint", "entries of the day"),
        req("run_id", "string", "run that refreshed the row"),
        req("refreshed_at", "timestamp", "UTC instant of the run's clock, after the merge"),
    ),
    write="merge",
    key=("event_date_kst",),
    internal=True,
)

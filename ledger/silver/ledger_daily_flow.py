"""Issued supply per day: B at the cost of a day, however long the history is (spec section 7)."""

from __future__ import annotations

from ledger.contract import Table, req
from ledger.money import MONEY

TABLE = Table(
    schema="silver",
    name="ledger_daily_flow",
    description="Issued supply per KST day, so that cumulative supply does not read the whole history.",
    grain="one KST day",
    columns=(
        req("event_date_kst", "date", "KST day"),
        req("issued_flow", MONEY, "MINT and CHARGE less BURN and WITHDRAW of the day, KRW"),
        req("entry_cnt", "bigint", "entries of the day"),
        req("run_id", "string", "run that refreshed the row"),
        req("refreshed_at", "timestamp", "UTC instant of the run's clock, for people"),
    ),
    write="merge",
    key=("event_date_kst",),
)

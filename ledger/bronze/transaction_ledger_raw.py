"""Ledger transactions as the ledger service writes them (spec section 2, Bronze)."""

from ledger.bronze.metadata import bronze_table
from ledger.contract import opt, req
from ledger.money import SOURCE_MONEY

TABLE = bronze_table(
    "transaction_ledger_raw",
    "Ledger transactions as the ledger service writes them.",
    "tx_id",
    (
        req("tx_id", "string", "transaction"),
        req("wallet_id", "string", "wallet; the same thing as user_id"),
        req("type", "string", "entry type"),
        req("amount", SOURCE_MONEY, "unsigned amount, KRW"),
        opt("related_id", "string", "payment order or order that caused the entry"),
        opt("created_at", "timestamp", "UTC instant of the event"),
    ),
)

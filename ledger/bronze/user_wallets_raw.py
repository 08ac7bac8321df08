"""Wallet balances as the wallet service reports them (spec section 2, Bronze)."""

from ledger.bronze.metadata import bronze_table
from ledger.contract import opt, req
from ledger.money import SOURCE_MONEY

TABLE = bronze_table(
    "user_wallets_raw",
    "Wallet balances as the wallet service reports them, one record per user and extraction.",
    "user_id",
    (
        req("user_id", "string", "wallet owner; the same thing as wallet_id"),
        req("balance", SOURCE_MONEY, "available balance, KRW"),
        req("frozen_amount", SOURCE_MONEY, "frozen balance, KRW"),
        opt("updated_at", "timestamp", "UTC instant of the last balance change"),
    ),
)

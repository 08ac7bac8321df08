"""State of the generated wallets: the only thing that is kept from entry to entry and from day to day."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from mock_data.catalog import Amount, money_text
from mock_data.stream import FLUSH_LINES, KST_OFFSET, DayClock, LandingWriter, record_tail

NEVER = -1
INGEST_DELAY_SEC = 40  # a snapshot of every wallet takes a while to arrive


class Refundable(NamedTuple):
    """A paid payment order of the day before that may still be refunded in part."""

    related: str
    payer: int
    payee: int
    amount: Amount


class Wallets:
    """Balances in cents per wallet index. The last `merchant_count` wallets belong to merchants.

    Arrays and one shared list of ids: 1 million users take about 90 MB, and entries take none.
    """

    def __init__(self, users: int, merchants: int) -> None:
        self.count = users
        self.ids = [f"user-{number:07d}" for number in range(users)]
        self.available = array("q", bytes(8 * users))
        self.frozen = array("q", bytes(8 * users))
        self.updated_epoch_sec = array("q", [NEVER]) * users
        self.merchant_count = max(1, min(merchants, users // 4))

    def merchant_wallet(self, merchant: int) -> int:
        """The wallet index that receives a merchant's payments."""
        return self.count - 1 - merchant % self.merchant_count

    def snapshot(self, writer: LandingWriter, clock: DayClock, at_sec: int, wallets: Iterable[int]) -> None:
        """Append one `user_wallets` row per given wallet; balances include every entry up to `at_sec`."""
        batch = f"{clock.start + KST_OFFSET:%Y%m%d}-{at_sec // 60:04d}"
        tail = record_tail(clock, "wallets", at_sec, at_sec + INGEST_DELAY_SEC, batch)
        available, frozen, updated, ids = self.available, self.frozen, self.updated_epoch_sec, self.ids
        for wallet in wallets:
            writer.lines.append(
                f'{{"user_id":"{ids[wallet]}","balance":"{money_text(available[wallet])}",'
                f'"frozen_amount":"{money_text(frozen[wallet])}","updated_at":{_instant(updated[wallet])},{tail}'
            )
            if len(writer.lines) >= FLUSH_LINES:
                writer.flush()


def _instant(epoch_sec: int) -> str:
    """JSON text of an instant, `null` for a wallet that never had an entry."""
    if epoch_sec == NEVER:
        return "null"
    return datetime.fromtimestamp(epoch_sec, UTC).strftime('"%Y-%m-%dT%H:%M:%SZ"')

"""The records of one generated KST day: formats each table's JSON lines and keeps the day's clock and ids."""

from __future__ import annotations

from datetime import date

from mock_data.catalog import Amount, Basket
from mock_data.stream import FLUSH_LINES, DayClock, LandingWriter, record_tail
from mock_data.wallets import Wallets

BATCH_SEC = 60
INGEST_DELAY_SEC = 5
NULL = "null"


class DayRecords:
    """Appends records at the current instant. Sources deliver in one-minute batches, as their metadata says.

    `related` arguments are JSON text. The lines are formatted by hand: they are most of the generator's time.
    """

    def __init__(self, day: date, wallets: Wallets, files: dict[str, LandingWriter]) -> None:
        self.clock = DayClock(day)
        self.day_text = f"{day:%Y%m%d}"
        self.entries = 0
        self.now_micros = 0
        self.now = ""
        self._files = files
        self._ids = wallets.ids
        self._updated = wallets.updated_epoch_sec
        self._ledger = files["transaction_ledger"].lines
        self._payment_orders = files["payment_orders"].lines
        self._start_epoch_sec = int(self.clock.start.timestamp())
        self._payment_count = self._order_count = self._item_count = 0
        self._batch_minute = -1

    def advance(self, micros: int) -> None:
        """Move to an instant (microseconds from KST midnight); a new minute starts a new batch."""
        self.now_micros = micros
        self.now = self.clock.text(micros)
        second = micros // 1_000_000
        self._now_epoch_sec = self._start_epoch_sec + second
        minute = second // BATCH_SEC
        if minute != self._batch_minute:
            self._batch_minute = minute
            self._ledger_tail = self.tail("ledger")
            self._payment_tail = self.tail("payments")
            self._order_tail = self.tail("orders")
            self._item_tail = self.tail("items")

    @property
    def ingested_sec(self) -> int:
        """`ingested_at` of the current batch, in seconds from KST midnight."""
        return (self._batch_minute + 1) * BATCH_SEC + INGEST_DELAY_SEC

    def tail(self, feed: str) -> str:
        """Metadata of the current batch: extracted when its minute ends, ingested a few seconds later."""
        extracted_sec = (self._batch_minute + 1) * BATCH_SEC
        batch = f"{self.day_text}-{self._batch_minute:04d}"
        return record_tail(self.clock, feed, extracted_sec, self.ingested_sec, batch)

    def flush(self) -> None:
        """Write out every file's buffer once the ledger's is full; the other feeds grow in step with it."""
        if len(self._ledger) >= FLUSH_LINES:
            for file in self._files.values():
                file.flush()

    def entry(self, kind: str, wallet: int, amount: str, related: str) -> None:
        """One ledger entry."""
        self.entries += 1
        self._updated[wallet] = self._now_epoch_sec
        self._ledger.append(
            f'{{"tx_id":"tx-{self.day_text}-{self.entries:08d}","wallet_id":"{self._ids[wallet]}","type":"{kind}",'
            f'"amount":"{amount}","related_id":{related},"created_at":"{self.now}",{self._ledger_tail}'
        )

    def ledger_line(self, tx_id: str, wallet: str, kind: str, amount: str, created_at: str) -> None:
        """One ledger record as given, outside the day's own entries; `wallet` and `created_at` are JSON text."""
        self._ledger.append(
            f'{{"tx_id":"{tx_id}","wallet_id":{wallet},"type":"{kind}","amount":"{amount}","related_id":null,'
            f'"created_at":{created_at},{self._ledger_tail}'
        )

    def new_payment_ref(self) -> str:
        """The id of a payment order that pays no order, as JSON text."""
        self._payment_count += 1
        return f'"po-{self.day_text}-{self._payment_count:07d}"'

    def payment_order(self, related: str, user: str, merchant: str, amount: Amount, status: str) -> None:
        """One payment order; `user` and `merchant` are JSON text."""
        self._payment_orders.append(
            f'{{"order_id":{related},"user_id":{user},"merchant_name":{merchant},"amount":"{amount.text}",'
            f'"status":"{status}","created_at":"{self.now}",{self._payment_tail}'
        )

    def user(self, wallet: int) -> str:
        """A wallet's user id as JSON text."""
        return f'"{self._ids[wallet]}"'

    def order(self, payer: int, basket: Basket, status: str) -> str:
        """One order with its items; gives its id as its payment refers to it, as JSON text."""
        self._order_count += 1
        order_id = f"{self.day_text}{self._order_count:07d}"
        self._files["orders"].lines.append(
            f'{{"order_id":{order_id},"user_id":"{self._ids[payer]}","total_amount":"{basket.total.text}",'
            f'"status":"{status}","created_at":"{self.now}",{self._order_tail}'
        )
        items = self._files["order_items"].lines
        for members in basket.items:
            self._item_count += 1
            item_id = f"{self.day_text}{self._item_count:08d}"
            items.append(f'{{"item_id":{item_id},"order_id":{order_id},{members}{self._item_tail}')
        return f'"{order_id}"'

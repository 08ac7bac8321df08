"""One generated KST day: events in time order, each moving balances and appending the records it causes.

Clean days reconcile exactly under specification section 7: whatever leaves a wallet by PAYMENT or REFUND_OUT arrives
in another one under the same `related_id`, so only CHARGE, MINT, WITHDRAW and BURN change the money in the wallets,
and these four are what issued supply counts. A wallet that cannot pay is charged instead: no balance turns negative.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random

from mock_data.catalog import AMOUNT_BITS, BASKET_BITS, MERCHANT_BITS, Amount, Catalog, amount
from mock_data.records import NULL, DayRecords
from mock_data.wallets import Refundable, Wallets

FIRST_EVENT_SEC = 300
LAST_EVENT_SEC = 86_310  # 23:58:30 KST: its batch lands 55 s before midnight, within the 300 s of freshness
REFUNDABLE_ORDERS = 64
DAY_SEC = 86_400

UNPAID_STATUSES = ("PENDING", "FAILED", "FAILED", "CANCELLED")


class DaySimulation:
    """Emits exactly `entries` ledger entries up to `last_event_sec` (seconds from KST midnight)."""

    def __init__(
        self,
        records: DayRecords,
        entries: int,
        rng: Random,
        catalog: Catalog,
        wallets: Wallets,
        refundable: deque[Refundable],
        last_event_sec: int = LAST_EVENT_SEC,
    ) -> None:
        self.paid_today: deque[Refundable] = deque(maxlen=REFUNDABLE_ORDERS)
        self._records = records
        self._entries = entries
        self._rng = rng
        self._catalog = catalog
        self._wallets = wallets
        self._refundable = refundable
        self._last_micros = last_event_sec * 1_000_000
        self._first_micros = FIRST_EVENT_SEC * 1_000_000
        self._step_micros = (self._last_micros - self._first_micros) // max(1, entries - 1)
        self._deck = self._build_deck()

    def _build_deck(self) -> list[tuple[Callable[[], None], int]]:
        """256 cards of (event, its ledger entries): one byte of randomness picks an event by its weight."""
        weights: list[tuple[Callable[[], None], int, int]] = [
            (self._pay_order, 2, 60),
            (self._pay, 2, 42),
            (self._pay_and_refund, 4, 6),
            (self._transfer, 2, 16),
            (self._pay_order_from_wallet, 2, 8),
            (self._refund_yesterdays_payment, 2, 2),
            (self._leave_unpaid, 0, 30),
            (self._charge, 1, 36),
            (self._mint, 1, 6),
            (self._withdraw, 1, 16),
            (self._burn, 1, 4),
            (self._hold, 1, 16),
            (self._release, 1, 14),
        ]
        deck = [(event, size) for event, size, weight in weights for _ in range(weight)]
        assert len(deck) == 256, "one card per value of a byte"
        return deck

    def run_until(self, until_sec: int) -> None:
        """Emit the events that happen at or before `until_sec`; the next call goes on after that instant."""
        deck, records, getrandbits, random = (
            self._deck,
            self._records,
            self._rng.getrandbits,
            self._rng.random,
        )
        until_micros = until_sec * 1_000_000
        while (remaining := self._entries - records.entries) > 0:
            event, size = deck[getrandbits(8)]
            if size > remaining:
                event, size = self._charge, 1
            index = records.entries + max(size, 1) - 1
            instant = self._last_micros
            if index < self._entries - 1:
                instant = self._first_micros + int((index + random()) * self._step_micros)
            if instant > until_micros:
                break
            records.advance(max(instant, records.now_micros))
            event()
            records.flush()
        # A snapshot may follow: nothing that happens later may carry an instant it already covers.
        records.advance(until_micros + 1)

    def finish(self) -> None:
        """Emit what is left and one last payment order, so that both feeds are fresh until the day's end."""
        self.run_until(DAY_SEC)
        self._records.advance(self._last_micros)
        user = self._records.user(self._payer())
        self._unpaid(self._records.new_payment_ref(), user, self._payment(), "PENDING")

    # Draws

    def _payer(self) -> int:
        """A wallet index; squaring makes a few customers busy, as they are."""
        draw = self._rng.random()
        return int(draw * draw * self._wallets.count)

    def _payment(self) -> Amount:
        return self._catalog.payments[self._rng.getrandbits(AMOUNT_BITS)]

    def _merchant(self, payer: int) -> tuple[str, int]:
        """A merchant's name (JSON text) and the wallet that is paid, never the payer's own."""
        merchant = self._rng.getrandbits(MERCHANT_BITS)
        payee = self._wallets.merchant_wallet(merchant)
        return self._catalog.merchants[merchant], payee if payee != payer else (
            payee + 1
        ) % self._wallets.count

    # Movements

    def _move(
        self, out_kind: str, in_kind: str, source: int, target: int, money: Amount, related: str
    ) -> None:
        """Both sides of a movement between two wallets, under one `related_id`."""
        available = self._wallets.available
        available[source] -= money.cents
        available[target] += money.cents
        self._records.entry(out_kind, source, money.text, related)
        self._records.entry(in_kind, target, money.text, related)

    def _charge(self) -> None:
        self._fund(self._payer(), "CHARGE")

    def _mint(self) -> None:
        self._fund(self._payer(), "MINT")

    def _fund(self, wallet: int, kind: str) -> None:
        charge = self._catalog.charges[self._rng.getrandbits(AMOUNT_BITS)]
        self._wallets.available[wallet] += charge.cents
        self._records.entry(kind, wallet, charge.text, NULL)

    def _withdraw(self) -> None:
        self._defund("WITHDRAW")

    def _burn(self) -> None:
        self._defund("BURN")

    def _defund(self, kind: str) -> None:
        wallet, payment = self._payer(), self._payment()
        if self._wallets.available[wallet] < payment.cents:
            return self._fund(wallet, "CHARGE")
        self._wallets.available[wallet] -= payment.cents
        self._records.entry(kind, wallet, payment.text, NULL)

    def _hold(self) -> None:
        self._freeze(self._payer(), self._payment())

    def _freeze(self, wallet: int, payment: Amount) -> None:
        """Money moves between the two parts of a balance, so the total stays."""
        if self._wallets.available[wallet] < payment.cents:
            return self._fund(wallet, "CHARGE")
        self._wallets.available[wallet] -= payment.cents
        self._wallets.frozen[wallet] += payment.cents
        self._records.entry("HOLD", wallet, payment.text, NULL)

    def _release(self) -> None:
        wallet, payment = self._payer(), self._payment()
        if self._wallets.frozen[wallet] < payment.cents:
            return self._freeze(wallet, payment)
        self._wallets.frozen[wallet] -= payment.cents
        self._wallets.available[wallet] += payment.cents
        self._records.entry("RELEASE", wallet, payment.text, NULL)

    # Payments

    def _pay_order(self) -> None:
        """An order paid through a payment order that carries the order's id: C finds its category."""
        payer, basket = self._payer(), self._catalog.baskets[self._rng.getrandbits(BASKET_BITS)]
        if self._wallets.available[payer] < basket.total.cents:
            return self._fund(payer, "CHARGE")
        self._paid(self._records.order(payer, basket, "PAID"), payer, basket.total, "PAID")

    def _pay(self) -> None:
        payer, payment = self._payer(), self._payment()
        if self._wallets.available[payer] < payment.cents:
            return self._fund(payer, "CHARGE")
        self._paid(self._records.new_payment_ref(), payer, payment, "PAID")

    def _paid(self, related: str, payer: int, payment: Amount, status: str) -> int:
        """A payment order and both sides of its payment; gives the payee."""
        name, payee = self._merchant(payer)
        self._records.payment_order(related, self._records.user(payer), name, payment, status)
        self._move("PAYMENT", "RECEIVE", payer, payee, payment, related)
        self.paid_today.append(Refundable(related, payer, payee, payment))
        return payee

    def _pay_and_refund(self) -> None:
        payer, payment = self._payer(), self._payment()
        if self._wallets.available[payer] < payment.cents:
            return self._fund(payer, "CHARGE")
        related = self._records.new_payment_ref()
        payee = self._paid(related, payer, payment, "REFUNDED")
        self.paid_today.pop()
        self._move("REFUND_OUT", "REFUND_IN", payee, payer, payment, related)

    def _refund_yesterdays_payment(self) -> None:
        """Half of a payment of the day before comes back; its order stays PAID, as partial refunds do."""
        if not self._refundable:
            return self._charge()
        order = self._refundable.pop()
        half = amount(order.amount.cents // 2)
        if self._wallets.available[order.payee] < half.cents:
            return self._charge()
        self._move("REFUND_OUT", "REFUND_IN", order.payee, order.payer, half, order.related)

    def _transfer(self) -> None:
        """Between two wallets, without any order."""
        payer, payment = self._payer(), self._payment()
        if self._wallets.available[payer] < payment.cents:
            return self._fund(payer, "CHARGE")
        payee = int(self._rng.random() * self._wallets.count)
        payee = payee if payee != payer else (payee + 1) % self._wallets.count
        related = f'"trf-{self._records.day_text}-{self._records.entries:08d}"'
        self._move("PAYMENT", "RECEIVE", payer, payee, payment, related)

    def _pay_order_from_wallet(self) -> None:
        """An order paid without a payment order: its entries relate to the order itself."""
        payer, basket = self._payer(), self._catalog.baskets[self._rng.getrandbits(BASKET_BITS)]
        if self._wallets.available[payer] < basket.total.cents:
            return self._fund(payer, "CHARGE")
        _, payee = self._merchant(payer)
        related = self._records.order(payer, basket, "PAID")
        self._move("PAYMENT", "RECEIVE", payer, payee, basket.total, related)

    def _leave_unpaid(self) -> None:
        """A payment order that moved no money; one in four is a guest's."""
        user = NULL if self._rng.getrandbits(2) == 0 else self._records.user(self._payer())
        status = UNPAID_STATUSES[self._rng.getrandbits(2)]
        self._unpaid(self._records.new_payment_ref(), user, self._payment(), status)

    def _unpaid(self, related: str, user: str, payment: Amount, status: str) -> None:
        merchant = self._catalog.merchants[self._rng.getrandbits(MERCHANT_BITS)]
        self._records.payment_order(related, user, merchant, payment, status)

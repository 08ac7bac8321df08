"""Ledger entries of a window, with what they relate to (spec section 5)."""

from __future__ import annotations

from pathlib import Path

from ledger.delta.lakehouse import Lakehouse
from ledger.pipelines.silver_entries import related_candidates
from ledger.silver import order_events
from ledger.window import Window
from tests.ledger.frames import frame, plain
from tests.ledger.pipelines.landed_by_hand import HandLanding, lenient_rules
from tests.ledger.probe_tables import appended
from tests.support import DAY_1, DAY_2


def test_related_candidates_name_orders_of_the_window_and_of_the_lookback(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    """A payment order of the window first, then a stored one; a status that no rule allows rejects the entry."""
    landing = HandLanding(lakehouse, lenient_rules(tmp_path)).create(only_bronze=True)
    lakehouse.create(order_events.TABLE)
    stored = {"order_ref": "earlier", "order_source": "PAYMENT_ORDERS", "status": "PAID", "run_id": "r"}
    rows = frame(lakehouse.spark, order_events.TABLE, [stored], event_date_kst=DAY_1)
    lakehouse.append(appended(order_events.TABLE), rows, expected=1)
    at = f"{DAY_2}T01:00:00Z"
    landing.put(
        "p",
        "payment_orders_raw",
        DAY_2,
        {"order_id": "lost", "amount": 1, "status": "LOST", "created_at": at},
    )
    entry = {"wallet_id": "w", "type": "CHARGE", "amount": 1, "created_at": at}
    named = {"a": "earlier", "b": "lost", "c": None}
    landing.put(
        "l",
        "transaction_ledger_raw",
        DAY_2,
        *[{**entry, "tx_id": t, "related_id": r} for t, r in named.items()],
    )
    found = related_candidates(landing.run("r"), Window.of_day(DAY_2), None)
    assert plain(found, "tx_id", "related_type", "status", "_reason") == [
        ("a", "PAYMENT_ORDER", "PAID", None),
        ("b", "PAYMENT_ORDER", "LOST", "invalid_status"),
        ("c", None, None, None),
    ]

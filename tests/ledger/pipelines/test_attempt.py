"""The outcome of one task, and what a run is asked for (spec section 3). Pure."""

from __future__ import annotations

from ledger.delta.lakehouse import WriteResult
from ledger.pipelines.attempt import Outcome, row_counts
from ledger.silver import order_items, products
from ledger.window import Window
from tests.support import DAY_1


def test_row_counts_are_what_each_table_got() -> None:
    """Inserted and updated; what is removed is not written."""
    outcome = Outcome(Window.of_day(DAY_1))
    outcome.wrote(products.TABLE, WriteResult(inserted=2, updated=3, deleted=4))
    outcome.wrote(order_items.TABLE, WriteResult())
    assert row_counts(outcome) == {"silver.products": 5, "silver.order_items": 0}
    assert outcome.rows_written == 5

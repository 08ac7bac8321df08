"""Payment outcomes per merchant (spec section 7, ops)."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from ledger.contract import Table
from ledger.gold import ops_payment_failure_daily, ops_payment_refund_daily
from ledger.gold.payment_outcomes import outcome_per_merchant, outcome_table
from ledger.money import RATE
from ledger.silver import order_events
from tests.ledger.frames import frame, plain
from tests.support import DAY_1

OF_MERCHANT = {
    "all statuses": ("FAILED", "CANCELLED", "REFUNDED", "PAID", "PENDING", None),
    "one of three": ("REFUNDED", "FAILED", "PAID"),
    "none": ("PAID",),
    "not even a status": (None, None),
    "case matters": ("failed", "refunded"),
    None: ("CANCELLED", "FAILED"),
}


@pytest.mark.parametrize(
    ("table", "statuses", "counted"),
    [
        (
            ops_payment_failure_daily.TABLE,
            ops_payment_failure_daily.STATUSES,
            [
                ("all statuses", 6, 2, "0.333333"),
                ("case matters", 2, 0, "0.000000"),
                ("none", 1, 0, "0.000000"),
                ("not even a status", 2, 0, "0.000000"),
                ("one of three", 3, 1, "0.333333"),
                (None, 2, 2, "1.000000"),
            ],
        ),
        (
            ops_payment_refund_daily.TABLE,
            ops_payment_refund_daily.STATUSES,
            [
                ("all statuses", 6, 1, "0.166667"),
                ("case matters", 2, 0, "0.000000"),
                ("none", 1, 0, "0.000000"),
                ("not even a status", 2, 0, "0.000000"),
                ("one of three", 3, 1, "0.333333"),
                (None, 2, 0, "0.000000"),
            ],
        ),
    ],
    ids=["failure", "refund"],
)
def test_outcome_per_merchant_is_a_share_rounded_half_up(
    spark: SparkSession, table: Table, statuses: tuple[str, ...], counted: list[tuple[object, ...]]
) -> None:
    """Payments without a merchant are a group of their own; one without a status counts and has no outcome."""
    rows = [{"merchant_name": name, "status": status} for name, of in OF_MERCHANT.items() for status in of]
    payments = frame(spark, order_events.TABLE, rows)
    found = outcome_per_merchant(table, payments, statuses=statuses, day=DAY_1, run_id="run")
    assert found.dtypes == [(column.name, column.type) for column in table.columns]
    assert plain(found, *table.column_names[1:5]) == counted
    assert set(plain(found, "date_kst", "run_id", "rule_id")) == {(str(DAY_1), "run", None)}


def test_outcome_per_merchant_of_no_payment_has_no_row(spark: SparkSession) -> None:
    table = ops_payment_refund_daily.TABLE
    none = frame(spark, order_events.TABLE, [])
    assert plain(outcome_per_merchant(table, none, statuses=("PAID",), day=DAY_1, run_id="r")) == []


def test_outcome_table_names_its_count_and_its_rate() -> None:
    table = outcome_table("t", "T.", "lost_cnt", "loss_rate", "were lost")
    assert table.column_names == (
        *("date_kst", "merchant_name", "total_cnt", "lost_cnt", "loss_rate", "run_id", "rule_id"),
    )
    assert table.column("loss_rate").type == RATE
    assert table.column("lost_cnt").comment == "payment orders that were lost"
    assert (table.key, table.partition_by) == (("date_kst", "merchant_name"), "date_kst")

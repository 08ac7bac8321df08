"""How well a day's entries pair up (spec section 7, ops)."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame, SparkSession

from ledger.gold.ops_ledger_pairing_quality_daily import TABLE, pairing_quality
from ledger.silver import ledger_entries
from tests.ledger.frames import Values, by_first, frame, plain
from tests.support import DAY_1

Entry = tuple[str | None, str, str | None]
"""related_id, wallet_id, related_type."""
PAYMENT, ORDER = "PAYMENT_ORDER", "ORDER"
# entries: (count, share without related_id, share of pairs, share of payment orders)
CASES: dict[str, tuple[list[Entry], tuple[int, str, str, str]]] = {
    "no entry": ([], (0, "0.000000", "0.000000", "0.000000")),
    "no group": ([(None, "a", None), (None, "b", None)], (2, "1.000000", "0.000000", "0.000000")),
    "a pair": ([("r", "a", None), ("r", "b", None)], (2, "0.000000", "1.000000", "0.000000")),
    "two of one wallet are no pair": ([("r", "a", None)] * 2, (2, "0.000000", "0.000000", "0.000000")),
    "three of two wallets are no pair": (
        [("r", "a", None), ("r", "b", None), ("r", "b", None)], (3, "0.000000", "0.000000", "0.000000"),
    ),
    "one alone is no pair": ([("r", "a", PAYMENT)], (1, "0.000000", "0.000000", "1.000000")),
    "two without related_id are no pair": (
        [(None, "a", None), (None, "b", None), ("r", "a", ORDER)], (3, "0.666667", "0.000000", "0.000000"),
    ),
    "a group is a payment's by one of its entries": (
        [("r", "a", None), ("r", "b", PAYMENT), ("s", "a", ORDER)], (3, "0.000000", "0.500000", "0.500000"),
    ),
    "without related_id nothing is a payment's": (
        [(None, "a", PAYMENT), ("r", "a", None)], (2, "0.500000", "0.000000", "0.000000"),
    ),
    "over groups, not entries": (
        [("r", "a", PAYMENT), ("r", "b", PAYMENT), ("r", "c", PAYMENT), ("s", "a", None), ("t", "a", None)],
        (5, "0.000000", "0.000000", "0.333333"),
    ),
}  # fmt: skip


def test_pairing_quality_counts_entries_and_groups(spark: SparkSession) -> None:
    """One row a day, also of a day without entries; the run's id names the case."""
    names = ("related_id", "wallet_id", "related_type")
    days = []
    for case, (entries, _) in CASES.items():
        rows: list[Values] = [dict(zip(names, entry, strict=True)) for entry in entries]
        days.append(pairing_quality(frame(spark, ledger_entries.TABLE, rows), day=DAY_1, run_id=case))
    found = reduce(DataFrame.unionByName, days)
    assert found.dtypes == [(column.name, column.type) for column in TABLE.columns]
    shown = by_first(found, "run_id", *TABLE.column_names[1:5])
    assert shown == {case: expected for case, (_, expected) in CASES.items()}
    assert set(plain(found, "date_kst", "rule_id")) == {(str(DAY_1), None)}

"""Snapshot delta held against ledger flow, user by user (spec section 7, recon). Users are called after their case."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from ledger.gold.recon_daily_snapshot_flow import TABLE, reconcile, snapshot_pairs
from ledger.silver import ledger_entries, wallet_snapshot
from tests.ledger.frames import Values, by_first, frame, plain
from tests.support import DAY_1, DAY_2

EARLIER, T1, T2, T3 = (f"2026-02-{day}:00:00Z" for day in ("08T20", "09T16", "10T02", "10T09"))
LAST, NEXT = "2026-02-10T14:59:59.999999Z", "2026-02-10T15:00:00Z"


def snapshots(spark: SparkSession, *rows: Values) -> DataFrame:
    """Snapshots; without a day of its own each is of the first day."""
    return frame(spark, wallet_snapshot.TABLE, [{"snapshot_date_kst": DAY_1, **row} for row in rows])


def test_snapshot_pairs_open_with_the_last_snapshot_before_the_day_else_with_its_first(
    spark: SparkSession,
) -> None:
    """Only users with a snapshot on the day have a pair; the last instant of the day closes it, midnight does not."""
    yesterday, tomorrow = {"snapshot_date_kst": "2026-02-09"}, {"snapshot_date_kst": DAY_2}
    found = snapshot_pairs(
        snapshots(
            spark,
            {"user_id": "before and after", "snapshot_ts": EARLIER, "balance_total": "1.01", **yesterday},
            {"user_id": "before and after", "snapshot_ts": T1, "balance_total": "7", "snapshot_date_kst": DAY_1},
            {"user_id": "before and after", "snapshot_ts": T3, "balance_total": "3.00"},
            {"user_id": "last before", "snapshot_ts": "2026-02-01T00:00:00Z", "balance_total": "5", **yesterday},
            {"user_id": "last before", "snapshot_ts": EARLIER, "balance_total": "6", **yesterday},
            {"user_id": "last before", "snapshot_ts": LAST, "balance_total": "5"},
            {"user_id": "within the day", "snapshot_ts": T1, "balance_total": "1"},
            {"user_id": "within the day", "snapshot_ts": T2, "balance_total": "9"},
            {"user_id": "within the day", "snapshot_ts": T3, "balance_total": "4"},
            {"user_id": "once", "snapshot_ts": T2, "balance_total": "8"},
            {"user_id": "not on the day", "snapshot_ts": EARLIER, "balance_total": "2", **yesterday},
        ),
        DAY_1,
    )  # fmt: skip
    assert by_first(found) == {
        "before and after": (EARLIER, T3, "1.99"),
        "last before": (EARLIER, LAST, "-1.00"),
        "within the day": (T1, T3, "3.00"),
        "once": (T2, T2, "0.00"),
    }
    assert (
        plain(snapshot_pairs(snapshots(spark, {"user_id": "u", "snapshot_ts": NEXT, **tomorrow}), DAY_1))
        == []
    )


PAIR = "user_id string, opening_ts timestamp, closing_ts timestamp, delta_balance_total decimal(38,2)"
LARGE = "99999999999999999999999999.99"
# user: (change of the balance; entries as (instant, signed amount); net flow, drift, drift over net flow)
FLOWS: dict[str, tuple[str, list[tuple[str, str]], tuple[str, str, str | None]]] = {
    "agrees": ("3.00", [(T2, "5.00"), (T2, "-2.00")], ("3.00", "0.00", "0.000000")),
    "a cent too much": ("3.01", [(T2, "3.00")], ("3.00", "0.01", "0.003333")),
    "a cent too little": ("2.99", [(T2, "3.00")], ("3.00", "0.01", "0.003333")),
    "two thirds, rounded half up": ("5.00", [(T2, "3.00")], ("3.00", "2.00", "0.666667")),
    "money went out": ("0.00", [(T2, "-4.00")], ("-4.00", "4.00", "1.000000")),
    "no entry, no change": ("0.00", [], ("0.00", "0.00", None)),
    "no entry, a change": ("-7.00", [], ("0.00", "7.00", None)),
    "entries that cancel": ("1.00", [(T2, "4.00"), (T2, "-4.00")], ("0.00", "1.00", None)),
    "the opening's instant is in the opening": ("0.00", [(T1, "5.00")], ("0.00", "0.00", None)),
    "the closing's instant is in the closing": ("5.00", [(T3, "5.00")], ("5.00", "0.00", "0.000000")),
    "after the closing": ("0.00", [(LAST, "5.00")], ("0.00", "0.00", None)),
    "before the opening": ("0.00", [(EARLIER, "5.00")], ("0.00", "0.00", None)),
    "28 digits": (LARGE, [(T2, LARGE)], (LARGE, "0.00", "0.000000")),
}


def test_reconcile_holds_the_delta_against_the_entries_after_the_opening_up_to_the_closing(
    spark: SparkSession,
) -> None:
    """Another user's entries count for nobody."""
    pairs = [
        {"user_id": user, "opening_ts": T1, "closing_ts": T3, "delta_balance_total": delta}
        for user, (delta, *_) in FLOWS.items()
    ]
    entries: list[Values] = [
        {"wallet_id": user, "event_time": at, "amount_signed": amount}
        for user, (_, of_user, _) in FLOWS.items()
        for at, amount in of_user
    ]
    entries.append({"wallet_id": "without a pair", "event_time": T2, "amount_signed": "1.00"})
    found = reconcile(
        frame(spark, PAIR, pairs),
        frame(spark, ledger_entries.TABLE, entries),
        day=DAY_1,
        dq_tag="SOURCE_STALE",
        run_id="run",
        rule_id="rule",
    )
    assert found.dtypes == [(column.name, column.type) for column in TABLE.columns]
    shown = by_first(found, "user_id", "net_flow_total", "drift_abs", "drift_pct")
    assert shown == {user: expected for user, (*_, expected) in FLOWS.items()}
    rest = set(plain(found, "date_kst", "opening_ts", "closing_ts", "dq_tag", "run_id", "rule_id"))
    assert rest == {(str(DAY_1), T1, T3, "SOURCE_STALE", "run", "rule")}


def test_reconcile_leaves_the_tag_null_where_nothing_fired(spark: SparkSession) -> None:
    pair = {"user_id": "u", "opening_ts": T1, "closing_ts": T1, "delta_balance_total": 0}
    none = frame(spark, ledger_entries.TABLE, [])
    found = reconcile(frame(spark, PAIR, [pair]), none, day=DAY_1, dq_tag=None, run_id="r", rule_id="q")
    assert plain(found, "user_id", "dq_tag") == [("u", None)]

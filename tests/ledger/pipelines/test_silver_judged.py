"""The counts of one query in the staged candidates of all tables (spec section 5)."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.row_checks import Look
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_judged import Judged, Profile, as_stored, judge, repeated_keys
from ledger.silver import order_events, products, wallet_snapshot
from ledger.silver.silver_table import SilverTable
from ledger.window import Window
from tests.ledger.frames import Values, frame, plain
from tests.ledger.pipelines.landed_by_hand import HandLanding, lenient_rules
from tests.ledger.probe_tables import appended
from tests.support import DAY_1, DAY_2

WINDOW = Window.of_day(DAY_1)
BAD: Values = {"_reason": "wrong", "_record_json": "{}"}
TABLES = (products.SILVER, order_events.SILVER, wallet_snapshot.SILVER)


@pytest.fixture
def run(lakehouse: Lakehouse, tmp_path: Path) -> Run:
    """A run over Silver tables without rows."""
    for silver in TABLES:
        lakehouse.create(silver.contract)
    return HandLanding(lakehouse, lenient_rules(tmp_path)).run("run")


def candidates(run: Run, table: Table, *rows: Values) -> DataFrame:
    reasons = [F.lit(None).cast("string").alias(name) for name in ("_reason", "_record_json")]
    found = frame(run.lakehouse.spark, table, [{**dict.fromkeys(BAD), **row} for row in rows])
    return found.select("*", *reasons) if not rows else found


def judged(run: Run, silver: SilverTable, *rows: Values) -> Judged:
    (found,) = judge(run, WINDOW, {silver: candidates(run, silver.contract, *rows)})
    return found


def order(ref: str | None, day: object = DAY_1, **more: object) -> Values:
    return {"order_ref": ref, "order_source": "ORDERS", "event_date_kst": day, **more}


def test_judge_counts_each_table_s_rows_by_itself(run: Run) -> None:
    """Good rows per day, a missing day among them; of a table without days all together; no row counts nothing."""
    orders = [order("a"), order("b"), order("c", DAY_2), order("d", None), order(None, **BAD)]
    events, goods, wallets = judge(
        run,
        WINDOW,
        {
            order_events.SILVER: candidates(run, order_events.TABLE, *orders),
            products.SILVER: candidates(run, products.TABLE, {"product_id": 1}, {"product_id": 2}, BAD),
            wallet_snapshot.SILVER: candidates(run, wallet_snapshot.TABLE),
        },
    )
    assert events.profile == Profile(5, {DAY_1: 2, DAY_2: 1, None: 1})
    assert (events.profile.good_rows, events.profile.bad_rows) == (4, 1)
    assert events.profile.days == {DAY_1, DAY_2}
    assert goods.profile == Profile(3, {None: 2})
    assert wallets.profile == Profile()


def test_good_rows_have_no_reason_and_no_text_and_rejected_ones_nothing_else(run: Run) -> None:
    found = judged(run, products.SILVER, {"product_id": 1}, {**BAD, "product_id": 2})
    assert found.good.columns == list(products.TABLE.column_names)
    assert plain(found.good, "product_id") == [(1,)]
    assert found.rejected.columns == ["reason", "record_json"]
    assert plain(found.rejected) == [("wrong", "{}")]


def test_repeated_keys_are_seen_among_good_rows_alone(run: Run) -> None:
    """A key is repeated also on another day."""
    found = judged(run, order_events.SILVER, order("a"), order("a", DAY_2), order("b"), order("b", **BAD))
    assert found.look.is_given_twice
    assert plain(repeated_keys(found.good, ["order_ref", "order_source"])) == [("a", "ORDERS")]
    assert not judged(run, order_events.SILVER, order("b"), order("b", **BAD)).look.is_given_twice


def test_a_good_row_without_a_required_value_is_seen_and_left_to_the_merge_to_refuse(run: Run) -> None:
    assert judged(run, products.SILVER, {"product_id": None}).look.is_incomplete
    assert not judged(run, products.SILVER, {"product_id": 1}, {**BAD, "product_id": None}).look.is_incomplete


def test_as_stored_has_the_contract_s_columns_with_this_run_and_the_deciding_rule(run: Run) -> None:
    wallets = frame(run.lakehouse.spark, "user_id string, snapshot_ts timestamp, " + ", ".join(
        f"{name} string" for name in ("snapshot_date_kst", "balance_available", "balance_frozen", "balance_total",
                                      "source_updated_at", "_batch_id")), [{"user_id": "u"}])  # fmt: skip
    found = as_stored(run, wallet_snapshot.SILVER, wallets)
    assert found.columns == list(wallet_snapshot.TABLE.column_names)
    assert plain(found, "user_id", "run_id", "rule_id") == [
        ("u", "run", run.rules["silver/bad_records_rate"].rule_id)
    ]


def test_snapshots_taken_outside_the_window_are_counted(run: Run) -> None:
    """The KST day is [15:00, 15:00) UTC; of other tables nobody asks."""
    times = (f"{DAY_1}T14:59:59Z", f"{DAY_1}T15:00:00Z")
    rows = [{"snapshot_ts": at, "snapshot_date_kst": DAY_1, "user_id": "u", "balance_available": 1,
             "balance_frozen": 0, "balance_total": 1} for at in times]  # fmt: skip
    assert judged(run, wallet_snapshot.SILVER, *rows).profile == Profile(2, {DAY_1: 2}, outside=1)
    assert judged(run, order_events.SILVER, order("a", event_time=times[1])).profile.outside == 0


def test_stored_keys_are_found_where_a_merge_would_look(run: Run) -> None:
    """Also without a day, and in the lookback; a key that is stored elsewhere is not this run's."""
    stored = [order("near", "2026-01-20"), order("none", None), order("far", "2020-01-01")]
    rows = frame(run.lakehouse.spark, order_events.TABLE, stored, run_id="r")
    run.lakehouse.append(appended(order_events.TABLE), rows, expected=len(stored))
    for ref, is_stored in {"near": True, "none": True, "far": False, "new": False}.items():
        found = judged(run, order_events.SILVER, order(ref))
        assert (ref, found.look) == (ref, Look({DAY_1: 1}, False, False, False, has_stored=is_stored))


def test_repeated_keys_are_those_of_more_than_one_row(spark: SparkSession) -> None:
    """Every column of the key counts."""
    keys = [("once", 1), ("twice", 1), ("twice", 1), ("thrice", 2), ("thrice", 2), ("thrice", 2), ("once", 2)]
    rows = frame(spark, "a string, b int", [{"a": a, "b": b} for a, b in keys])
    assert plain(repeated_keys(rows, ["a", "b"])) == [("thrice", 2), ("twice", 1)]
    assert [a for (a,) in plain(repeated_keys(rows, ["a"]))] == ["once", "thrice", "twice"]

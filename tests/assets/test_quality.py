"""The quality checks on real tables: right on a day with known findings, red on planted faults, and never a run's end."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from ledger.quality import mart
from ledger.quality.verdict import Verdict
from orchestration.definitions import defs
from tests.assets.events import verdicts
from tests.support import DAY_1, DAY_2, Home, Template, entered, ledgerctl

INPUTS = ("transaction_ledger_raw", "user_wallets_raw", "payment_orders_raw")
# Known content of the first day's landing: a drifting user, a supply that does not match, two bad rows (of
# which one is more than one per cent of the payment orders).
KNOWN_FINDINGS = {
    "gold/recon_daily_snapshot_flow:drift": "ERROR",
    "gold/ledger_supply_balance_daily:supply": "ERROR",
    "gold/exception_ledger/recon:exceptions": "ERROR",
    "gold/exception_ledger/supply:exceptions": "ERROR",
    "gold/exception_ledger/dq:exceptions": "ERROR",
    "bronze/transaction_ledger_raw:contract": "WARN",
    "bronze/payment_orders_raw:contract": "ERROR",
    "silver/order_events:quarantine_rate": "WARN",
}


def latest(home: Home) -> dict[str, Any]:
    with entered(home):
        return dict(verdicts())


def test_every_check_of_a_day_has_a_verdict_and_only_the_known_findings_fail(day_1: Template) -> None:
    """INV-51: Bronze, Silver, Gold; each for its day, with number, threshold, rule and runbook section."""
    found = latest(day_1.home)
    health = {n for n in found if n.startswith(("gold/dim_rule", "gold/pipeline_state", "gold/money"))}
    everything = {key.to_user_string() for key in defs.resolve_asset_graph().asset_check_keys}
    assert {n for n in everything if not n.startswith("gold/pipeline_state")} <= set(found)
    failed = {name: v.severity for name, v in found.items() if not v.passed and name not in health}
    assert failed == KNOWN_FINDINGS
    for name, shown in found.items():
        assert shown.description, name
        assert shown.metadata["runbook"].startswith("docs/runbook.md, section"), name
        if ":ready_for_" not in name:
            assert {"value", "threshold", "rule_id"} <= set(shown.metadata), name
        if name not in health:
            assert shown.partition == str(DAY_1), name


def test_no_check_shows_who_a_user_is(day_1: Template) -> None:
    """INV-26, INV-51: neither a user id nor the salt."""
    text = str(latest(day_1.home))
    users = {row["user_id"] for row in day_1.home.rows("silver.wallet_snapshot")}
    assert not [user for user in users if user in text]
    assert "local-salt" not in text


def test_silver_s_account_is_the_tables_own(day_1: Template) -> None:
    """INV-51: numbers that a second reader finds in the tables."""
    found = latest(day_1.home)["silver/ledger_entries:every_bronze_row_accounted_for"].metadata
    entries = [r for r in day_1.home.rows("silver.ledger_entries") if r["event_date_kst"] == DAY_1]
    bad = [r for r in day_1.home.rows("silver.bad_records") if r["source_table"] == "silver.ledger_entries"]
    assert (found["kept_rows"], found["quarantined_rows"]) == (len(entries), len(bad))
    assert found["bronze_rows"] == found["kept_rows"] + found["quarantined_rows"] + found["collapsed_rows"]


def test_the_rate_that_stops_silver_is_on_the_dashboard(after_day_1: Home) -> None:
    """INV-13, INV-51: the run fails, and the check says with which number."""
    broken = [{"tx_id": f"b{n}", "wallet_id": "u", "type": "GIFT", "amount": 1} for n in range(9)]
    after_day_1.land("transaction_ledger", DAY_2, *broken, file="broken")
    done = ledgerctl("run", "pipeline_silver_materialization", "--partition", DAY_2)
    assert done.code == 1
    shown = verdicts()["silver/ledger_entries:quarantine_rate"]
    assert (shown.passed, shown.severity, shown.partition) == (False, "ERROR", str(DAY_2))
    assert shown.metadata["threshold"] == "> 0.01 stops the run"
    assert shown.metadata["bad_rows"] == 9


def test_a_key_that_exists_twice_turns_the_check_red_and_fails_no_run(after_day_1: Home) -> None:
    """INV-06, INV-51: planted behind Silver's back, a product that the day does not touch."""
    table = after_day_1.delta("silver.products")
    row = table.to_pyarrow_table().slice(0, 1)
    foreign = row.set_column(0, row.schema.field(0), pa.array([99_999_999]))
    write_deltalake(table, pa.concat_tables([foreign, foreign]), mode="append")
    done = ledgerctl("run", "pipeline_silver_materialization", "--partition", DAY_1)
    shown = verdicts()["silver/products:unique_keys"]
    assert done.code == 0, done.err
    assert (shown.passed, shown.severity, shown.metadata["value"]) == (False, "ERROR", 1)


def test_rules_that_contradict_each_other_are_seen(after_day_1: Home) -> None:
    """INV-20, INV-51: two current rules for a metric, an id used twice, written behind the sync's back."""
    table = after_day_1.delta("gold.dim_rule_scd2")
    write_deltalake(table, table.to_pyarrow_table().slice(0, 1), mode="append")
    done = ledgerctl("run", "ledger_health")
    assert done.code == 3, done.err
    assert "RED   gold.dim_rule_scd2 unique_ids: rule ids used twice: " in done.out
    found = verdicts()
    for name in ("one_current_per_metric", "unique_ids"):
        assert not found[f"gold/dim_rule_scd2:{name}"].passed
    assert "is NOT done" in found["gold/pipeline_state/pipeline_b:recent_success"].description


def test_a_day_due_for_restatement_is_seen_until_b_ran_again(after_day_1: Home) -> None:
    """INV-22, INV-51"""
    entry = {"tx_id": "late-1", "wallet_id": "u", "type": "CHARGE", "amount": "1.00"}
    after_day_1.land("transaction_ledger", DAY_1, {**entry, "created_at": f"{DAY_1}T02:00:00Z"}, file="late")
    for job, due in (("pipeline_silver_materialization", 1), ("pipeline_b_controls", 0)):
        assert ledgerctl("run", job, "--partition", DAY_1).code == 0
        assert ledgerctl("run", "ledger_health").code == 3, "the days since then are not done"
        shown = verdicts()["gold/pipeline_state/pipeline_b:days_due_for_restatement"]
        assert (shown.passed, shown.metadata["value"]) == (not due, due)


def test_a_user_with_entries_and_no_snapshot_is_seen(after_day_1: Home) -> None:
    """INV-51: the money of such a user is held against nothing."""
    entry = {"tx_id": "alone-1", "wallet_id": "alone", "type": "CHARGE", "amount": "1.00"}
    after_day_1.land("transaction_ledger", DAY_1, {**entry, "created_at": f"{DAY_1}T02:00:00Z"}, file="alone")
    for job in ("pipeline_silver_materialization", "pipeline_b_controls"):
        assert ledgerctl("run", job, "--partition", DAY_1).code == 0
    shown = verdicts()["gold/recon_daily_snapshot_flow:users_without_snapshot"]
    assert (shown.passed, shown.severity, shown.metadata["value"]) == (False, "WARN", 1)


def test_a_check_that_cannot_be_measured_says_so_and_fails_no_run(
    after_day_1: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-51"""

    def broken(*_: object) -> list[Verdict]:
        raise RuntimeError("the engine is tired")

    monkeypatch.setattr("ledger.pipelines.analytics.mart_verdicts", broken)
    done = ledgerctl("run", "pipeline_c_analytics", "--partition", DAY_1)
    assert done.code == 0, done.err
    shown = verdicts()["gold/fact_payment_anonymized:no_raw_user_ids"]
    assert (shown.passed, shown.severity) == (False, "WARN")
    assert shown.description.startswith("not evaluated")


class TestMart:
    """INV-51: what must never be in the mart is found, and not repeated in the verdict."""

    def judged(
        self, lakehouse: Any, rows: list[tuple[str, ...]], columns: tuple[str, ...] = ()
    ) -> list[Verdict]:
        spark = lakehouse.spark
        fact = spark.createDataFrame(
            rows, "user_key string, merchant_name string, status string, category string"
        )
        payments = spark.createDataFrame([("kim",), (None,)], "user_id string")
        return mart.mart_verdicts(fact, ("user_key", *columns), payments)

    def test_a_digest_is_fine(self, lakehouse: Any) -> None:
        assert all(v.passed for v in self.judged(lakehouse, [("a" * 64, "shop", "PAID", "food")]))

    @pytest.mark.parametrize(
        "row", [("kim", "s", "PAID", "f"), ("A" * 64, "s", "PAID", "f"), ("a" * 64, "kim", "PAID", "f")]
    )
    def test_a_raw_user_id_or_no_digest_is_found(self, lakehouse: Any, row: tuple[str, ...]) -> None:
        columns, values = self.judged(lakehouse, [row])
        assert columns.passed
        assert not values.passed
        assert "kim" not in str(values)

    def test_a_column_too_many_is_found(self, lakehouse: Any) -> None:
        columns, _ = self.judged(lakehouse, [("a" * 64, "s", "PAID", "f")], ("user_id",))
        assert (columns.passed, columns.value) == (False, "1")
        assert "user_id" in columns.says

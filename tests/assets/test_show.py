"""The show of a finished run comes after its commit and can fail no run (docs/architecture.md, compute, commit, show)."""

from __future__ import annotations

import dagster as dg
import pytest

from orchestration.launch import dagster_instance
from tests.support import DAY_2, Home, ledgerctl

SHOWN_BY = (
    "ledger.pipelines.recon.drift_profile",
    "ledger.pipelines.recon.exceptions",
    "ledger.pipelines.recon.unreconciled_users",
    "ledger.pipelines.supply_ops.exceptions",
    "ledger.pipelines.supply_ops.supply_against_wallets",
    "ledger.quality.mart.answers",
    "assets.samples._few",
    "assets.samples._number",
)
# Check by asset of what cannot be measured then.
BLIND = {
    "gold/recon_daily_snapshot_flow": ("drift", "users_without_snapshot"),
    "gold/exception_ledger/recon": ("exceptions",),
    "gold/exception_ledger/supply": ("exceptions",),
    "gold/ledger_supply_balance_daily": ("supply",),
    "gold/fact_payment_anonymized": ("no_raw_user_ids",),
}


def test_a_run_whose_show_fails_succeeds_and_says_what_was_not_evaluated(
    after_day_1: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-94: the tables are whole, the day has its verdict, and each check names the fault."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the engine is tired")

    with monkeypatch.context() as patch:
        for name in SHOWN_BY:
            patch.setattr(name, broken)
        done = ledgerctl("day", DAY_2, "--run-id", "r2")
    assert done.code == 0, done.err
    with dagster_instance() as instance:
        for asset, checks in BLIND.items():
            key = dg.AssetKey(asset.split("/"))
            for check in checks:
                record = instance.event_log_storage.get_asset_check_execution_history(
                    dg.AssetCheckKey(key, check), limit=1
                )[0]
                assert record.event is not None
                event = record.event.dagster_event
                assert event is not None
                said = event.asset_check_evaluation_data.description or ""
                assert "not evaluated" in said, (asset, check, said)
                assert "the engine is tired" in said
            (made,) = instance.fetch_materializations(key, limit=1).records
            assert made.asset_materialization is not None
            if not asset.startswith("gold/exception_ledger"):  # which may have no row to show
                assert "not evaluated" in str(made.asset_materialization.metadata["sample"].value)
    assert {r["run_id"] for r in after_day_1.rows("gold.recon_daily_snapshot_flow")} == {"r1", "r2"}

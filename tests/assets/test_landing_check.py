"""The check ``landing_files`` on Bronze: red while a file is left out, whichever run loads the landing (spec section 4)."""

from __future__ import annotations

import os

import dagster as dg

from orchestration.launch import dagster_instance
from tests.assets.events import verdicts
from tests.support import DAY_2, Home, ledgerctl

CHECK = "bronze/transaction_ledger_raw:landing_files"
KEY = dg.AssetKey(["bronze", "transaction_ledger_raw"])


def test_every_load_says_which_files_are_left_out(after_day_1: Home) -> None:
    """INV-51, INV-60: bronze_ingest, A and Silver; everything else is loaded before the run fails."""
    folder = after_day_1.landing / "transaction_ledger" / f"date={DAY_2}"
    (folder / "README.txt").write_text("hello")
    (folder / "_SUCCESS").write_text("")
    done = ledgerctl("ingest", DAY_2)
    assert done.code == 0, done.err
    assert "README.txt (failed: unknown format)" in done.err
    check = verdicts()[CHECK]
    assert (check.passed, check.severity, check.partition) == (False, "ERROR", str(DAY_2))
    assert "README.txt (unknown format)" in check.description
    assert {name: check.metadata[name] for name in ("files_loaded", "files_skipped", "files_failed")} == {
        "files_loaded": 1,
        "files_skipped": 1,
        "files_failed": 1,
    }
    assert check.metadata["rows"] == len([r for r in _entries(after_day_1) if f"date={DAY_2}" in r])

    (folder / "README.txt").unlink()
    broken = folder / "no\nline.parquet"
    broken.write_bytes(b"no parquet at all")
    os.utime(broken, (0, 0))  # a young one without its end would wait
    after_day_1.land("transaction_ledger", DAY_2, {"tx_id": "late", "wallet_id": "w"}, file="late")
    failed = ledgerctl("run", "pipeline_a_guardrail", "--partition", DAY_2, "--params", "run_id=a2")
    assert failed.code == 1
    assert "no\\nline.parquet" in failed.err
    check = verdicts()[CHECK]
    assert (check.passed, check.metadata["files_loaded"]) == (False, 2)
    assert "no\\nline.parquet" in check.description
    assert _materialized_with(files_loaded=1)

    broken.unlink()
    done = ledgerctl("run", "pipeline_silver_materialization", "--partition", DAY_2, "--params", "run_id=s2")
    assert done.code == 0, done.err
    check = verdicts()[CHECK]
    assert (check.passed, check.metadata["files_failed"]) == (True, 0)
    assert verdicts()["bronze/orders_raw:landing_files"].passed


def _entries(home: Home) -> list[str]:
    return [str(row["_source_file"]) for row in home.rows("bronze.transaction_ledger_raw")]


def _materialized_with(**metadata: int) -> bool:
    with dagster_instance() as instance:
        event = instance.get_latest_materialization_event(KEY)
    assert event is not None
    assert event.asset_materialization is not None
    found = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    return found["files_loaded"] == metadata["files_loaded"]

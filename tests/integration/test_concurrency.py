"""Several processes on one warehouse lose nothing, and load nothing twice (spec sections 2 to 4)."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable

import pytest

from configs.settings import ROOT
from ledger.tables import BRONZE
from tests.support import DAY_1, DAY_2, ENTRIES_A_DAY, Home, Row, Template, difference, ledgerctl, multiset

BACKFILL = "run_mode=backfill"


def together(*commands: tuple[str, ...]) -> None:
    """Run the commands in a process each, all started at once; every one succeeds."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli", *command],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    ended = [(process.communicate()[1], process.returncode) for process in processes]
    for command, (err, code) in zip(commands, ended, strict=True):
        assert code == 0, f"{' '.join(command)}: {err}"


def job(name: str, day: object, run_id: str) -> tuple[str, ...]:
    return ("run", name, "--partition", str(day), "--params", f"run_id={run_id}")


def of_day_1(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if DAY_1 in (row.get("date_kst"), row.get("event_date_kst"))]


def test_four_pipelines_at_once_give_what_they_give_one_after_the_other(
    after_day_1: Home, days_1_2: Template
) -> None:
    """INV-16: A and Silver of day 2, B and C of day 1; A and Silver both load the landing day, too."""
    home = after_day_1
    together(
        job("pipeline_a_guardrail", DAY_2, "r2"),
        job("pipeline_silver_materialization", DAY_2, "r2"),
        job("pipeline_b_controls", DAY_1, "r1"),
        job("pipeline_c_analytics", DAY_1, "r1"),
    )
    whole = [t for t in home.tables() if t.startswith(("bronze.", "silver.")) and t != "silver.day_changes"]
    assert difference(days_1_2.home.content(*whole), home.content(*whole)) == ""
    daily = [
        *("recon_daily_snapshot_flow", "ledger_supply_balance_daily", "ops_payment_failure_daily"),
        *("ops_payment_refund_daily", "ops_ledger_pairing_quality_daily", "admin_tx_search"),
        *("fact_payment_anonymized", "exception_ledger"),
    ]
    for table in (f"gold.{name}" for name in daily):
        expected, actual = (multiset(of_day_1(h.rows(table))) for h in (days_1_2.home, home))
        assert difference({table: expected}, {table: actual}) == ""
    guardrail = [
        multiset(row for row in h.rows("gold.exception_ledger") if row["domain"] == "dq")
        for h in (days_1_2.home, home)
    ]
    assert guardrail[0] == guardrail[1]
    _every_attempt_is_recorded(home)


def _every_attempt_is_recorded(home: Home) -> None:
    attempts = Counter(
        (row["pipeline_name"], row["date_kst"])
        for row in home.rows("gold.pipeline_run_log")
        if row["status"] == "success"
    )
    assert attempts == {
        ("pipeline_a", DAY_1): 1,
        ("pipeline_a", DAY_2): 1,
        ("pipeline_silver", DAY_1): 1,
        ("pipeline_silver", DAY_2): 1,
        ("pipeline_b", DAY_1): 2,
        ("pipeline_c", DAY_1): 2,
    }
    ends = {
        row["pipeline_name"]: row["last_processed_end"].date() for row in home.rows("gold.pipeline_state")
    }
    assert ends == {"pipeline_a": DAY_2, "pipeline_silver": DAY_2, "pipeline_b": DAY_1, "pipeline_c": DAY_1}


@pytest.mark.parametrize("unknown_field", [False, True], ids=["known fields", "a new field"])
def test_two_loads_of_one_day_load_each_file_once(after_day_1: Home, unknown_field: bool) -> None:
    """INV-08, INV-16: also when both have to add the same new column."""
    if unknown_field:
        late = {"tx_id": "late", "wallet_id": "w", "type": "MINT", "amount": 1, "channel": "app"}
        after_day_1.land("transaction_ledger", DAY_2, late, file="wider")
    together(("ingest", str(DAY_2)), ("ingest", str(DAY_2)))
    for table in BRONZE:
        rows = [row for row in after_day_1.rows(table.full_name) if f"date={DAY_2}" in row["_source_file"]]
        landed = after_day_1.landing / table.name.removesuffix("_raw") / f"date={DAY_2}"
        assert len(rows) == sum(len(file.read_text().splitlines()) for file in landed.iterdir()), table.name
    entries = after_day_1.rows("bronze.transaction_ledger_raw")
    assert len(entries) == 2 * ENTRIES_A_DAY + 1 + unknown_field
    assert Counter(row.get("channel") for row in entries)["app"] == unknown_field


def test_a_watermark_is_not_lost_between_writers(after_day_1: Home) -> None:
    """INV-10, INV-16: an old day run beside a newer one does not take the newer one's progress back."""
    older = DAY_1.replace(day=1)
    silver = "pipeline_silver_materialization"
    together(job(silver, DAY_2, "new"), job(silver, older, "old"))
    state = {row["pipeline_name"]: row for row in after_day_1.rows("gold.pipeline_state")}
    assert state["pipeline_silver"]["last_processed_end"].date() == DAY_2
    assert ledgerctl("run", "pipeline_b_controls", "--partition", DAY_2).code == 0

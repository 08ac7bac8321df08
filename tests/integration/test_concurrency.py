"""Several processes on one warehouse lose nothing, and load nothing twice (spec sections 2 to 4)."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable

from configs.settings import ROOT
from ledger.tables import BRONZE
from tests.support import DAY_1, DAY_2, Home, Row, Template, difference, multiset


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


def test_two_loads_of_one_day_load_each_file_once(after_day_1: Home) -> None:
    """INV-08, INV-16: also where both have to add the same new column; A loads what its window covers."""
    home = after_day_1
    wider = {"tx_id": "late", "wallet_id": "w", "type": "MINT", "amount": 1, "channel": "app"}
    home.land("transaction_ledger", DAY_2, wider, file="wider")
    together(("ingest", str(DAY_2)), job("pipeline_a_guardrail", DAY_2, "r2"))
    for table in BRONZE:
        rows = [row for row in home.rows(table.full_name) if f"date={DAY_2}" in row["_source_file"]]
        landed = home.landing / table.name.removesuffix("_raw") / f"date={DAY_2}"
        assert len(rows) == sum(len(file.read_text().splitlines()) for file in landed.iterdir()), table.name
    assert Counter(row["channel"] for row in home.rows("bronze.transaction_ledger_raw"))["app"] == 1

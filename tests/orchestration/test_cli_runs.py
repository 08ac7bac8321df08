"""``ledgerctl`` on a real warehouse: exit codes, machine-readable output, several days, the Dagster instance."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest

from ledger.pipelines.registry import BY_JOB, BY_NAME
from ledger.tables import ALL
from tests.support import DAY_1, DAY_2, DAY_3, ENTRIES_A_DAY, Home, Template, ledgerctl

DAYS_1_TO_3 = f"date_kst_start={DAY_1},date_kst_end={DAY_3}"


def test_a_day_succeeds_and_says_so(day_1: Template) -> None:
    """INV-28: exit 0; one JSON document on standard output, progress on standard error alone."""
    done = day_1.done
    assert (done.code, done.json["success"]) == (0, True)
    jobs = [run["job"] for run in done.json["runs"]]
    assert jobs == ["bootstrap_catalog", "sync_dim_rule_scd2", "bronze_ingest", *BY_JOB]
    (day,) = done.json["days"]
    assert (day["date_kst"], day["verdict"], day["adds_up"]) == (str(DAY_1), "does_not_add_up", False)
    assert (day["drifting_users"], day["diff_amount"], day["run_id"]) == (1, "-110.00", "r1")
    assert day["supply"]["diff_amount"] == "-110.00"
    assert day["drifting"] == [
        {"user_id": "u-drift", "delta_balance_total": "10.00", "net_flow_total": "0.00", "drift_abs": "10.00"}
    ]
    quarantined = {"silver.ledger_entries invalid_amount": 1, "silver.order_events invalid_status": 1}
    assert (day["quarantined"], day["quarantined_by"]) == (2, quarantined)
    assert "pipeline_c_analytics 2026-02-10 done" in done.err
    assert day_1.home.tables() == sorted(table.full_name for table in ALL)


def test_runs_are_in_the_dagster_instance_with_partitions_and_events(after_day_1: Home) -> None:
    """INV-23: the same instance as the UI's."""
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs()
        assert all(run.status == dg.DagsterRunStatus.SUCCESS for run in runs)
        partitions = {run.job_name: run.tags.get("dagster/partition") for run in runs}
        assert {partitions[job] for job in BY_JOB} == {str(DAY_1)}
        key = dg.AssetKey(["silver", "ledger_entries"])
        event = instance.get_latest_materialization_event(key)
        assert event is not None
        assert event.asset_materialization is not None
        metadata = event.asset_materialization.metadata
        assert metadata["rows_written"].value == ENTRIES_A_DAY
        assert metadata["run_id"].value == "r1"
        assert "silver-entry-type-allowed" in str(metadata["rule_ids"].value)
        assert metadata["delta_version"].value == after_day_1.version("silver.ledger_entries")
        table = metadata["sample"]
        assert isinstance(table, dg.TableMetadataValue)
    wallets = {row["wallet_id"] for row in after_day_1.rows("silver.ledger_entries")}
    assert len(table.records) == 5
    assert "tx_id" in table.records[0].data
    assert "wallet_id" not in table.records[0].data
    assert not [w for w in wallets if w in str(table.records)], "INV-26: a sample shows who a user is"


def test_show_and_state_for_machines_and_people(after_day_1: Home) -> None:
    """INV-28"""
    rows = ledgerctl("show", "silver.ledger_entries", "--date", DAY_1, "--limit", "7", "--json").json
    assert len(rows) == 7
    assert {row["event_date_kst"] for row in rows} == {str(DAY_1)}
    assert ledgerctl("show", "ledger_entries", "--date", DAY_2).out == "silver.ledger_entries: no rows\n"
    text = ledgerctl("show", "gold.ledger_supply_balance_daily").out
    assert text.splitlines()[0].split()[:2] == ["date_kst", "issued_supply"]
    cut = ledgerctl("show", "silver.ledger_entries", "--limit", 3)
    assert cut.out.splitlines()[-1].startswith(f"3 of {ENTRIES_A_DAY} rows")
    csv = ledgerctl("show", "silver.ledger_entries", "--limit", "all", "--csv")
    assert (len(csv.out.splitlines()), csv.err) == (1 + ENTRIES_A_DAY, "")
    assert ledgerctl("show", "silver.ledger_entries", "--count").out == f"{ENTRIES_A_DAY}\n"
    state = ledgerctl("state", "--json").json
    assert [p["pipeline_name"] for p in state["pipelines"]] == sorted(BY_NAME)
    assert {p["last_processed_end"] for p in state["pipelines"]} == {f"{DAY_1}T15:00:00Z"}
    assert state["due_for_restatement"] == []
    assert "due for restatement: none" in ledgerctl("state").out


def test_a_failed_pipeline_is_exit_1_with_its_name_reason_and_next_step(after_day_1: Home) -> None:
    """INV-28, INV-12"""
    done = ledgerctl("run", "pipeline_b_controls", "--partition", DAY_2)
    assert done.code == 1
    assert "pipeline_b_controls 2026-02-11 failed at" in done.err
    assert "required: pipeline_silver.last_processed_end >=" in done.err
    assert f"next: ledgerctl run pipeline_silver_materialization --partition {DAY_2}" in done.err
    assert f"{DAY_2} (KST): FAILED: pipeline_b, no figures before it" in done.out
    assert "Traceback" not in done.err
    again = ledgerctl("run", "pipeline_b_controls", "--partition", DAY_2, "--json")
    assert (again.code, again.json["success"]) == (1, False)
    assert "run pipeline_silver_materialization for 2026-02-11" in again.json["runs"][0]["reason"]


def test_several_days_run_in_order_and_the_first_failure_stops_them(after_day_1: Home) -> None:
    """INV-14: ascending, each with its own run; earlier days stay, later ones are not started."""
    done = ledgerctl(
        "run", "pipeline_b_controls", "--params", f"run_mode=backfill,{DAYS_1_TO_3},run_id=multi", "--json"
    )
    assert done.code == 1
    runs = [(run["partition"], run["success"]) for run in done.json["runs"]]
    assert runs == [(str(DAY_1), True), (str(DAY_2), False)]
    log = [row for row in after_day_1.rows("gold.pipeline_run_log") if row["run_id"] == "multi"]
    assert sorted((row["date_kst"], row["status"]) for row in log) == [(DAY_1, "success"), (DAY_2, "failure")]


def test_a_backfill_of_several_days_is_the_days_one_by_one(after_day_1: Home) -> None:
    """INV-14: windows, log rows and counts per day; each run loads its own landing day first."""
    days = f"date_kst_start={DAY_2},date_kst_end={DAY_3},run_id=multi"
    done = ledgerctl("run", "pipeline_silver_materialization", "--params", days)
    assert done.code == 0, done.err
    log = [row for row in after_day_1.rows("gold.pipeline_run_log") if row["run_id"] == "multi"]
    assert sorted((row["date_kst"], row["status"]) for row in log) == [(DAY_2, "success"), (DAY_3, "success")]
    entries = [row["event_date_kst"] for row in after_day_1.rows("silver.ledger_entries")]
    assert {day: entries.count(day) for day in set(entries)} == dict.fromkeys(
        (DAY_1, DAY_2, DAY_3), ENTRIES_A_DAY
    )


def test_ingest_loads_one_day_once(after_day_1: Home) -> None:
    """INV-08"""
    for _ in range(2):
        assert ledgerctl("ingest", DAY_2).code == 0
        rows = after_day_1.rows("bronze.transaction_ledger_raw")
        assert len(rows) == 2 * ENTRIES_A_DAY + 1
    files = {row["_source_file"] for row in rows}
    assert files == {
        *(f"transaction_ledger/date={day}/part-0000.jsonl" for day in (DAY_1, DAY_2)),
        f"transaction_ledger/date={DAY_1}/planted.jsonl",
    }


@pytest.mark.parametrize("command", [("state",), ("show", "silver.products"), ("verdicts",), ("quarantine",)])
def test_an_empty_warehouse_says_what_to_do(home: Home, command: tuple[str, ...]) -> None:
    """INV-28"""
    done = ledgerctl(*command)
    assert done.code == 1
    assert "run bootstrap_catalog" in done.err


def test_a_verdict_that_cannot_be_read_hides_no_failure(home: Home) -> None:
    """INV-28: before the catalog exists both say so; the run's own reason comes first."""
    home.landing.mkdir(parents=True)
    done = ledgerctl("run", "pipeline_silver_materialization", "--partition", DAY_1)
    assert done.code == 1
    errors = [line for line in done.err.splitlines() if line.startswith("ledgerctl: ")]
    assert "pipeline_silver_materialization 2026-02-10 failed at" in errors[0]
    assert "the verdict cannot be read" in errors[-1]
    assert not [line for line in errors if line.startswith("ledgerctl: next:")], "the error says it itself"


def test_a_missing_landing_day_is_an_empty_one(after_day_1: Home) -> None:
    """INV-28: no files is no error, and no commit."""
    versions = after_day_1.versions()
    assert ledgerctl("ingest", DAY_1 - timedelta(days=9)).code == 0
    assert after_day_1.versions() == versions

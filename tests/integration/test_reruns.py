"""A run again, a run refused, days out of order: what is written, and above all what is not (spec sections 2, 5, 7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.support import DAY_1, DAY_2, Home, Template, difference, ledgerctl, multiset

SILVER = (
    "silver.wallet_snapshot",
    "silver.ledger_entries",
    "silver.order_events",
    "silver.order_items",
    "silver.products",
)
ONCE_PER_RUN = ("silver.bad_records", "silver.dq_status", "gold.exception_ledger")
STATE, LOG, JOURNAL = "gold.pipeline_state", "gold.pipeline_run_log", "silver.day_changes"
GOLD = (
    "gold.recon_daily_snapshot_flow",
    "gold.ledger_supply_balance_daily",
    "gold.ops_payment_failure_daily",
    "gold.ops_payment_refund_daily",
    "gold.ops_ledger_pairing_quality_daily",
    "gold.admin_tx_search",
    "gold.fact_payment_anonymized",
)
# Records of attempts rather than results: they grow with every run.
ATTEMPTS = (STATE, LOG, JOURNAL, "gold.restatement_log")


def results(
    home: Home, without: Iterable[str] = ATTEMPTS, columns: Iterable[str] = ()
) -> dict[str, Counter[str]]:
    """All tables but some, without clocks and some columns."""
    return home.content(*[t for t in home.tables() if t not in set(without)], without=tuple(columns))


def changed(before: dict[str, int], home: Home) -> set[str]:
    """The tables that have a new Delta version."""
    return {table for table, version in home.versions().items() if version != before[table]}


def test_a_rerun_with_the_same_run_id_leaves_everything_as_it_is(after_day_1: Home) -> None:
    """INV-05, INV-09, INV-14: no new data file in Silver, equal Gold, nothing quarantined or alerted twice."""
    home = after_day_1
    assert all(home.rows(table) for table in ONCE_PER_RUN), "the day has something that must not be repeated"
    before, files, versions = results(home), {t: home.files(t) for t in SILVER}, home.versions()
    done = ledgerctl("day", DAY_1, "--run-id", "r1")
    assert done.code == 0, done.err
    assert difference(before, results(home)) == ""
    assert {t: home.files(t) for t in SILVER} == files
    assert changed(versions, home) <= {STATE, LOG, JOURNAL, *GOLD}
    attempts = Counter((row["pipeline_name"], row["status"]) for row in home.rows(LOG))
    assert set(attempts.values()) == {2}, "every attempt is logged"


def test_a_rerun_with_another_run_id_changes_no_business_column(after_day_1: Home) -> None:
    """INV-05, INV-14: Silver keeps the run that wrote its values; Gold names the new one; findings are the new run's."""
    home = after_day_1
    files, bronze = {t: home.files(t) for t in SILVER}, [t for t in home.tables() if t.startswith("bronze.")]
    silver, gold = home.content(*SILVER, *bronze), home.content(*GOLD, without=("run_id",))
    found = {table: multiset(home.rows(table), ("run_id", "generated_at", "detected_at", "detected_date_kst"))
             for table in ONCE_PER_RUN}  # fmt: skip
    done = ledgerctl("day", DAY_1, "--run-id", "again")
    assert done.code == 0, done.err
    assert {t: home.files(t) for t in SILVER} == files
    assert difference(silver, home.content(*SILVER, *bronze)) == ""
    assert difference(gold, home.content(*GOLD, without=("run_id",))) == ""
    assert {row["run_id"] for table in GOLD for row in home.rows(table)} == {"again"}
    for table in ONCE_PER_RUN:
        mine = [row for row in home.rows(table) if row["run_id"] == "again"]
        again = multiset(mine, ("run_id", "generated_at", "detected_at", "detected_date_kst"))
        assert again == found[table], table


def test_fail_fast_leaves_bad_records_and_the_failure_and_nothing_else(after_day_1: Home) -> None:
    """INV-13, INV-09, INV-12: then B and C refuse the day, also when it is retried."""
    home = after_day_1
    broken = [{"tx_id": f"b{n}", "wallet_id": "u", "type": "GIFT", "amount": 1} for n in range(3)]
    home.land("transaction_ledger", DAY_2, *broken, '{"tx_id": ', file="broken")
    assert ledgerctl("ingest", DAY_2).code == 0
    state = {row["pipeline_name"]: row for row in home.rows(STATE)}
    versions, quarantine = home.versions(), len(home.rows("silver.bad_records"))
    silver = ("run", "pipeline_silver_materialization", "--partition", DAY_2, "--params", "run_id=r2")
    for attempt in (1, 2):
        done = ledgerctl(*silver)
        assert done.code == 1
        assert "silver/bad_records_rate" in done.err
        assert changed(versions, home) == {"silver.bad_records", STATE, LOG}
        bad = [row for row in home.rows("silver.bad_records") if row["run_id"] == "r2"]
        assert Counter(row["reason"] for row in bad) == {"invalid_entry_type": 3, "unparsable_record": 1}
        assert len(home.rows("silver.bad_records")) == quarantine + 4, f"attempt {attempt}"
    after = {row["pipeline_name"]: row for row in home.rows(STATE)}
    moved = {
        key
        for key in state["pipeline_silver"]
        if state["pipeline_silver"][key] != after["pipeline_silver"][key]
    }
    assert moved == {"last_run_id", "updated_at"}
    assert {name: row for name, row in after.items() if name != "pipeline_silver"} == {
        name: row for name, row in state.items() if name != "pipeline_silver"
    }
    failures = [row for row in home.rows(LOG) if row["status"] == "failure"]
    assert [(row["pipeline_name"], row["date_kst"], row["run_id"]) for row in failures] == [
        ("pipeline_silver", DAY_2, "r2")
    ] * 2
    assert all("above silver/bad_records_rate" in row["message"] for row in failures)
    _refused(home, "pipeline_b_controls", "pipeline_b", "last_processed_end")


def test_b_and_c_refuse_an_unready_day_and_write_nothing_else(after_day_1: Home) -> None:
    """INV-12: their own failure state and log, no Gold row, no exception."""
    _refused(
        after_day_1, "pipeline_b_controls", "pipeline_b", "required: pipeline_silver.last_processed_end >="
    )
    _refused(
        after_day_1, "pipeline_c_analytics", "pipeline_c", "required: pipeline_silver.last_processed_end >="
    )


def _refused(home: Home, job: str, pipeline: str, reason: str) -> None:
    versions = home.versions()
    state = {row["pipeline_name"]: row for row in home.rows(STATE)}
    done = ledgerctl("run", job, "--partition", DAY_2, "--params", "run_id=unready")
    assert done.code == 1
    assert reason in done.err
    assert changed(versions, home) == {STATE, LOG}
    after = {row["pipeline_name"]: row for row in home.rows(STATE)}
    assert {name for name in after if after[name] != state[name]} == {pipeline}
    moved = {key for key in after[pipeline] if after[pipeline][key] != state[pipeline][key]}
    assert moved == {"last_run_id", "updated_at"}
    (row,) = [row for row in home.rows(LOG) if (row["pipeline_name"], row["run_id"]) == (pipeline, "unready")]
    assert (row["status"], row["date_kst"]) == ("failure", DAY_2)
    assert reason in row["message"]


def test_an_override_of_readiness_runs_and_is_recorded(after_day_1: Home) -> None:
    """INV-12: in an emergency, with a reason."""
    params = "run_id=x,skip_upstream_readiness_check=true,skip_reason=incident 7"
    done = ledgerctl("run", "pipeline_c_analytics", "--partition", DAY_2, "--params", params)
    assert done.code == 0, done.err
    newest = max(after_day_1.rows(LOG), key=lambda row: row["ended_at"])
    assert (newest["pipeline_name"], newest["status"]) == ("pipeline_c", "success")


def test_days_out_of_order_converge_and_state_says_what_is_due(home: Home, days_1_2: Template) -> None:
    """INV-14, INV-22: day 2, day 1, day 2 again: all is as if the days had run in order."""
    home.copy_from(days_1_2.home, "landing")
    for day, run_id, due in ((DAY_2, "r2", []), (DAY_1, "r1", [str(DAY_2)]), (DAY_2, "r2", [])):
        done = ledgerctl("day", day, "--run-id", run_id)
        assert done.code == 0, done.err
        assert ledgerctl("state", "--json").json["due_for_restatement"] == due
    # The run that first wrote a value stays named: with another order that is another run.
    expected = results(days_1_2.home, columns=("run_id",))
    assert difference(expected, results(home, columns=("run_id",))) == ""

"""``ledgerctl`` as an operator meets it: what is refused before Spark starts. Pure."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestration.cli.arguments import run_parameters
from tests.support import Home, ledgerctl

TOMORROWS = "2999-01-01"
RUN_SILVER = ("run", "pipeline_silver_materialization")
RUN_B = ("run", "pipeline_b_controls")

BAD_USAGE: list[tuple[tuple[str, ...], str]] = [
    ((), "COMMAND"),
    (("fly",), "fly"),
    (("day",), "day"),
    (("day", "today"), "parameter day: 'today'"),
    (("day", "20260210"), "parameter day"),
    (("day", "2026-02-30"), "parameter day"),
    (("day", TOMORROWS), TOMORROWS),
    (("day", "2020-01-01"), "partitions.start_date"),
    (("day", "2026-02-10", "--run-id", "a b"), "parameter run_id"),
    (("day", "2026-02-10", "--nope"), "--nope"),
    (("ingest", "yesterday"), "parameter day"),
    (("ingest", TOMORROWS), TOMORROWS),
    (("run",), "job"),
    (("run", "pipeline_z"), "unknown job 'pipeline_z'"),
    ((*RUN_SILVER, "--params", "run_mod=backfill"), "parameter run_mod"),
    ((*RUN_SILVER, "--params", "run_mode"), "run_mode"),
    ((*RUN_SILVER, "--params", "run_id=a,run_id=b"), "parameter run_id: given twice"),
    ((*RUN_SILVER, "--params", "run_id=a", "--params", "run_id=b"), "parameter run_id: given twice"),
    ((*RUN_SILVER, "--params", "run_mode=full"), "parameter run_mode"),
    ((*RUN_SILVER, "--params", "run_mode=backfill"), "parameter date_kst_start"),
    ((*RUN_SILVER, "--params", "start_ts=2026-02-10T02:00:00Z,end_ts=2026-02-10T01:00:00Z"), "parameter end_ts"),
    ((*RUN_SILVER, "--params", "skip_reason=x"), "parameter skip_reason"),
    ((*RUN_SILVER, "--partition", "2026-13-01"), "parameter partition"),
    ((*RUN_SILVER, "--partition", TOMORROWS), "parameter partition"),
    ((*RUN_SILVER, "--partition", "2024-12-31"), "partitions.start_date"),
    ((*RUN_SILVER, "--params", "date_kst_start=2024-12-31,date_kst_end=2025-01-02"), "partitions.start_date"),
    ((*RUN_SILVER, "--partition", "2026-02-10", "--params", "date_kst_start=2026-02-09,date_kst_end=2026-02-09"),
     "contradicts the partition 2026-02-10"),
    ((*RUN_B, "--params", "start_ts=2026-02-10T01:00:00Z,end_ts=2026-02-10T02:00:00Z"), "whole KST days"),
    ((*RUN_B, "--params", "skip_upstream_readiness_check=true"), "parameter skip_reason"),
    (("run", "pipeline_c_analytics", "--params", "rule_load_mode=strict"), "parameter rule_load_mode"),
    (("run", "bootstrap_catalog", "--params", "run_id=x"), "parameter run_id"),
    (("run", "bootstrap_catalog", "--partition", "2026-02-10"), "parameter partition"),
    (("run", "bronze_ingest", "--params", "run_mode=incremental"), "parameter run_mode"),
    (("show", "gold.nope"), "unknown table 'gold.nope'"),
    (("show", "gold.pipeline_state", "--date", "2026-02-10"), "--date"),
    (("show", "gold.admin_tx_search", "--date", "soon"), "--date"),
    (("show", "gold.admin_tx_search", "--limit", "0"), "--limit"),
    (("show", "gold.admin_tx_search", "--limit", "many"), "--limit"),
    (("show", "gold.admin_tx_search", "--limit", "9999999999"), "use all"),
    (("show", "gold.admin_tx_search", "--csv", "--json"), "--csv"),
    (("show", "silver.bad_records", "--day-of", "partition"), "--day-of"),
    (("show", "gold.admin_tx_search", "--where", "amount"), "--where: 'amount'"),
    (("quarantine", "--table", "gold.admin_tx_search"), "has no quarantine"),
    (("mock",), "--from"),
    (("mock", "--from", "soon"), "--from"),
    (("mock", "--from", "2026-02-10", "--users", "0"), "--users"),
    (("mock", "--from", "2026-02-10", "--faults", "nope"), "nope"),
    (("state", "--set", "lakehouse.nope=1"), "lakehouse.nope"),
    (("state", "--set", "lookback_days=many"), "lookback_days"),
    (("state", "--set", "lookback_days"), "--set"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "named"), BAD_USAGE, ids=lambda v: " ".join(v) if isinstance(v, tuple) else ""
)
def test_bad_usage_is_exit_2_and_starts_no_spark(
    home: Home, no_spark: Callable[[], int], arguments: tuple[str, ...], named: str
) -> None:
    """INV-28, INV-17: the message names what is wrong; nothing is started, nothing written, no traceback."""
    done = ledgerctl(*arguments)
    assert done.code == 2, done.err
    assert named in done.err
    assert "Traceback" not in done.err
    assert no_spark() == 0
    assert not home.warehouse.exists()
    assert not home.landing.exists()


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("PIPELINE_CFG__LOOKBACK_DAYS", "x", "lookback_days"),
        ("PIPELINE_CFG__LAKEHOUSE__NOPE", "x", "lakehouse.nope"),
        ("PIPELINE_ENV", "moon", "PIPELINE_ENV='moon'"),
    ],
)
@pytest.mark.parametrize(
    "command", [("state",), ("day", "2026-02-10"), ("show", "gold.pipeline_state"), RUN_SILVER]
)
def test_wrong_settings_are_exit_2(
    home: Home,
    no_spark: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    variable: str,
    value: str,
    named: str,
) -> None:
    """INV-18, INV-28"""
    monkeypatch.setenv(variable, value)
    done = ledgerctl(*command)
    assert done.code == 2, done.err
    assert named in done.err
    assert no_spark() == 0


def test_fallback_is_refused_in_production(
    home: Home, no_spark: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-17"""
    monkeypatch.setenv("PIPELINE_ENV", "prod")
    done = ledgerctl(*RUN_SILVER, "--partition", "2026-02-10", "--params", "rule_load_mode=fallback")
    assert (done.code, no_spark()) == (2, 0)
    assert "rule_load_mode" in done.err


def test_parameters_may_hold_commas_and_come_in_parts() -> None:
    """INV-17: a comma separates only before the next ``name=``."""
    given = run_parameters(
        ["run_mode=backfill,date_kst_start=2026-02-10", "skip_reason=incident 7, see wiki"]
    )
    assert given == {
        "run_mode": "backfill",
        "date_kst_start": "2026-02-10",
        "skip_reason": "incident 7, see wiki",
    }


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (RuntimeError("first line\nsecond line"), "RuntimeError: first line"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_no_traceback_reaches_the_operator(
    home: Home, monkeypatch: pytest.MonkeyPatch, error: BaseException, text: str
) -> None:
    """INV-28: whatever happens is exit 1 and one line."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("orchestration.launch.plan", fail)
    done = ledgerctl(*RUN_SILVER)
    assert done.code == 1
    assert text in done.err
    assert "Traceback" not in done.err
    assert "second line" not in done.err


def test_mock_writes_landing_days_and_reports_them(home: Home, no_spark: Callable[[], int]) -> None:
    """INV-28"""
    command = ("mock", "--from", "2026-02-10", "--days", "2", "--users", "5", "--entries", "20", "--json")
    done = ledgerctl(*command)
    assert (done.code, no_spark()) == (0, 0)
    assert done.json["days"] == ["2026-02-10", "2026-02-11"]
    days = {path.parent.name for path in home.landing.glob("*/date=*/*")}
    assert days == {"date=2026-02-10", "date=2026-02-11"}

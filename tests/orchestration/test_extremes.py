"""Parameters at the end of what a type can hold, and paths that are no files: named, exit 2, before Spark starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import Home, ledgerctl

DIGITS = "9" * 5000
A = ("run", "pipeline_a_guardrail", "--params")
SILVER = ("run", "pipeline_silver_materialization", "--params")


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ((*A, "start_ts=0001-01-01T00:00:00Z,end_ts=0001-01-02T00:00:00Z"), "parameter start_ts"),
        ((*SILVER, "start_ts=0001-01-01T00:00:00Z,end_ts=0001-01-02T00:00:00Z"), "parameter start_ts"),
        (
            (*A, "run_mode=backfill,start_ts=0001-01-01T00:00:00Z,end_ts=0001-01-02T15:00:00Z"),
            "parameter start_ts",
        ),
        ((*A, "start_ts=2026-02-01T00:00:00Z,end_ts=9999-12-31T14:00:00Z"), "parameter end_ts"),
        ((*A, "date_kst_start=9999-12-31,date_kst_end=9999-12-31"), "parameter date_kst_start"),
        ((*A, "start_ts=2020-02-01T00:00:00Z,end_ts=2020-02-01T00:10:00Z"), "parameter partition"),
        ((*SILVER, f"start_ts={DIGITS},end_ts={DIGITS}"), "parameter start_ts"),
        ((*SILVER, f"run_id={DIGITS}"), "parameter run_id"),
        (
            ("run", "bad_records_retention_cleanup", "--params", f"retention_days={DIGITS}"),
            "parameter retention_days",
        ),
        (("verdict", "0001-01-01"), "parameter day"),
        (("show", "silver.dq_status", "--date", "9999-12-31"), "parameter --date"),
        (("quarantine", "--date", "0001-01-01"), "parameter --date"),
        (("mock", "--from", "2999-12-30", "--days", "5"), "mock: --days 5"),
        (("state", "--set", "partitions.start_date=0001-01-01"), "partitions.start_date"),
        (("state", "--set", f"databricks.permissions={'[' * 20_000}"), "databricks.permissions"),
    ],
)
def test_an_extreme_value_is_refused_by_name(
    command: tuple[str, ...], named: str, home: Home, no_spark: Callable[[], int]
) -> None:
    """INV-28"""
    home.landing.mkdir(parents=True)
    done = ledgerctl(*command)
    assert (done.code, no_spark()) == (2, 0), done.err[-500:]
    assert named in done.err
    assert done.out == ""


@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "huge", "missing", "name"])
def test_a_seed_path_that_is_no_seed_is_refused_by_name(
    kind: str, home: Home, no_spark: Callable[[], int], tmp_path: Path
) -> None:
    """INV-28: none of them is read to its end, or waited for."""
    seed = tmp_path / "seed"
    if kind == "pipe":
        os.mkfifo(seed)
    elif kind == "folder":
        seed.mkdir()
    elif kind == "huge":
        with seed.open("wb") as file:
            file.truncate(1 << 40)
    path = {"device": "/dev/zero", "name": f"/{'n' * 5000}"}.get(kind, str(seed))
    sync = ("run", "sync_dim_rule_scd2")
    for told, named in (("--params", "parameter seed_path: "), ("--set", "rules.seed_path: ")):
        key = "seed_path" if told == "--params" else "rules.seed_path"
        done = ledgerctl(*sync, told, f"{key}={path}")
        assert (done.code, no_spark()) == (2, 0), done.err[-500:]
        assert f"{named}cannot read the rule seed" in done.err

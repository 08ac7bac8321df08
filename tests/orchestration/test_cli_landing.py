"""``ledgerctl landing``: what became of the files, and taking one back that should never have come."""

from __future__ import annotations

import pytest

from orchestration.launch import dagster_instance
from orchestration.sensors.late_data import evaluate
from tests.orchestration.records import requested
from tests.support import DAY_1, Home, ledgerctl

PATH = f"transaction_ledger/date={DAY_1}/planted.jsonl"
BECAUSE = ("--by", "kim", "--reason", "a test file of the source")


def test_a_file_that_is_taken_back_makes_its_day_due(after_day_1: Home) -> None:
    """Listed as loaded, then as withdrawn with who and why; the day is due, and the command that mends it is named."""
    listed = ledgerctl("landing", "--date", DAY_1, "--status", "loaded", "--limit", "all", "--json").json
    assert PATH in {file["path"] for file in listed}
    assert all(file["live"] for file in listed)
    done = ledgerctl("landing", "withdraw", after_day_1.landing / PATH, *BECAUSE)
    assert done.code == 0, done.err
    assert f"withdrawn: {PATH} (1 rows count no more)" in done.out
    assert f"ledgerctl backfill --from {DAY_1} --to {DAY_1}" in done.out
    (file,) = ledgerctl("landing", "--status", "withdrawn", "--json").json
    assert (file["path"], file["live"], file["rows"]) == (PATH, False, 1)
    assert "kim" in file["reason"]
    assert ledgerctl("verdict", DAY_1, "--json").json["due"][0] == "pipeline_silver"
    with dagster_instance() as instance:
        assert requested(evaluate(instance, None)) == [("pipeline_silver_materialization", str(DAY_1))]
    again = ledgerctl("landing", "withdraw", PATH, *BECAUSE)
    assert (again.code, "withdrawn already" in again.err) == (2, True), again.err


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (("withdraw",), "PATH"),
        (("withdraw", PATH), "--by"),
        (("withdraw", PATH, "--by", "kim"), "--reason"),
        (("--status", "lost"), "lost"),
        (("--date", "today"), "--date"),
    ],
)
def test_bad_usage_is_named_and_starts_no_spark(
    home: Home, no_spark: object, command: tuple[str, ...], named: str
) -> None:
    done = ledgerctl("landing", *command)
    assert (done.code, named.lower() in done.err.lower()) == (2, True), done.err

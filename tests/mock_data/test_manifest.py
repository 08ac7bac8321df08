"""The generator replaces its own files and nobody else's. Pure, on real files."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from mock_data.manifest import Manifest
from orchestration.demo import demo_days
from tests.support import DAY_1, DAY_2, Home, ledgerctl

FIRST = ("mock", "--from", DAY_1, "--users", 5, "--entries", 20)
LEDGER = f"transaction_ledger/date={DAY_1}/part-0000.jsonl"


def content(home: Home) -> dict[str, bytes]:
    return {str(p.relative_to(home.landing)): p.read_bytes() for p in home.landing.rglob("*.jsonl")}


def test_its_own_files_may_be_written_again(home: Home) -> None:
    assert ledgerctl(*FIRST).code == 0
    before = content(home)
    assert ledgerctl(*FIRST).code == 0
    assert content(home) == before
    assert ledgerctl(*FIRST, "--seed", 2, "--days", 2).code == 0
    assert content(home) != before


def test_a_file_of_others_is_named_and_nothing_is_written(home: Home) -> None:
    """Also one that replaced a generated file since, one that is only half written, and one of a later day."""
    for path in (LEDGER, f"{LEDGER}.tmp", f"orders/date={DAY_2}/part-0000.jsonl"):
        foreign = home.landing / path
        foreign.parent.mkdir(parents=True, exist_ok=True)
        foreign.write_text("mine\n")
        before = content(home)
        done = ledgerctl(*FIRST, "--days", 2)
        assert (done.code, str(foreign) in done.err) == (2, True), done.err
        assert content(home) == before
        foreign.unlink()
    assert ledgerctl(*FIRST).code == 0
    (home.landing / LEDGER).write_text("corrected by hand\n")
    done = ledgerctl(*FIRST)
    assert (done.code, LEDGER in done.err) == (2, True)
    assert (home.landing / LEDGER).read_text() == "corrected by hand\n"


def test_a_generation_that_was_killed_can_be_repeated(home: Home) -> None:
    Manifest.read(home.landing).reserve(DAY_1, 1)
    half = home.landing / f"{LEDGER}.tmp"
    half.parent.mkdir(parents=True)
    half.write_text('{"tx_id"')
    assert ledgerctl(*FIRST).code == 0
    assert not half.exists()


def test_other_files_of_the_day_are_in_nobody_s_way(home: Home) -> None:
    mine = home.land("transaction_ledger", DAY_1, {"tx_id": "t"}, file="mine")
    assert ledgerctl(*FIRST).code == 0
    assert mine.exists()


@pytest.mark.parametrize(
    "production",
    [{"PIPELINE_ENV": "prod"}, {"PIPELINE_CFG__LAKEHOUSE__CATALOG": "prod"}],
    ids=["environment", "catalog"],
)
def test_production_gets_no_made_up_files(
    home: Home, monkeypatch: pytest.MonkeyPatch, production: dict[str, str]
) -> None:
    from configs.settings import load_settings

    if "PIPELINE_CFG__LAKEHOUSE__CATALOG" in production:
        production = {"PIPELINE_CFG__LAKEHOUSE__CATALOG": load_settings().rules.prod_catalog}
    for name, value in production.items():
        monkeypatch.setenv(name, value)
    done = ledgerctl(*FIRST)
    assert (done.code, "production" in done.err) == (2, True), done.err
    assert not home.landing.exists()


def test_the_demo_ends_yesterday() -> None:
    """KST: at 15:30 UTC the next day has begun."""
    assert demo_days(datetime(2026, 3, 1, 15, 30, tzinfo=UTC)) == [
        date(2026, 2, 27),
        date(2026, 2, 28),
        date(2026, 3, 1),
    ]

"""Which salt the mart gets: production takes no public and no short one, and no error shows any of it."""

from __future__ import annotations

import logging

import pytest

from configs.settings import Settings, load_settings
from ledger.errors import SecretError
from ledger.gold.fact_payment_anonymized import TABLE as MART
from resources.ledger import LedgerResource
from resources.salt import SALT_VARIABLE
from tests.support import DAY_2, Home, ledgerctl

CANARY = "cana-5f3e-short"  # 15 bytes
ENOUGH = CANARY + "7"
PRODUCTION = {
    "PIPELINE_ENV": "prod",
    "PIPELINE_CFG__LAKEHOUSE__CATALOG": "null",
    "PIPELINE_CFG__ORCHESTRATION__INSTANCE_STORAGE": "sqlite",
}


def in_production(engine: str = "sail", **more: str) -> Settings:
    places = {f"PIPELINE_CFG__LAKEHOUSE__{name}": "/nowhere" for name in ("WAREHOUSE", "LANDING")}
    return load_settings({**PRODUCTION, **places, "PIPELINE_CFG__SPARK__ENGINE": engine, **more})


def by_catalog() -> Settings:
    """No PIPELINE_ENV, but the production catalog."""
    return load_settings(
        {"PIPELINE_CFG__SPARK__ENGINE": "spark", "PIPELINE_CFG__LAKEHOUSE__CATALOG": "ledger_prod"}
    )


@pytest.mark.parametrize("given", ["", "  ", CANARY, f"   {CANARY}   ", "local-salt-v1", "가나다라마"])
@pytest.mark.parametrize(
    "settings",
    [in_production("sail"), in_production("spark"), by_catalog()],
    ids=["sail", "spark", "catalog"],
)
def test_production_refuses_a_public_or_short_salt_on_every_engine(
    settings: Settings, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-26: and says nothing of what was given."""
    monkeypatch.setenv(SALT_VARIABLE, given)
    with pytest.raises(SecretError, match="production has no salt|shorter than 16 bytes") as refused:
        LedgerResource().salt(settings)
    assert not given.strip() or given.strip() not in str(refused.value)


def test_a_short_secret_of_the_scope_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-26"""
    monkeypatch.setattr("resources.ledger._secret", lambda _: CANARY)
    with pytest.raises(SecretError, match="shorter than 16 bytes"):
        LedgerResource().salt(in_production("databricks", PIPELINE_CFG__LAKEHOUSE__CATALOG="ledger_prod"))


def test_a_salt_that_is_no_text_is_refused_without_a_byte_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-26"""
    monkeypatch.setenv(SALT_VARIABLE, f"{CANARY}\udcff")
    with pytest.raises(SecretError, match="is not UTF-8") as refused:
        LedgerResource().salt(load_settings({}))
    assert refused.value.__cause__ is None
    assert "udcff" not in str(refused.value)


def test_sixteen_bytes_are_enough_as_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-26: blanks around it are part of the salt, though they do not count."""
    monkeypatch.setenv(SALT_VARIABLE, f" {ENOUGH}\n")
    assert LedgerResource().salt(in_production()) == f" {ENOUGH}\n"


def test_elsewhere_the_local_salt_is_said_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """INV-26"""
    with caplog.at_level(logging.WARNING):
        salt = LedgerResource().salt(load_settings({}))
    assert [record.getMessage() for record in caplog.records] == [
        f"{SALT_VARIABLE} is not set: the local salt is used, which is public"
    ]
    assert salt not in caplog.text


def test_a_short_salt_is_nowhere_after_production_refused_it(
    after_day_1: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-26: C fails closed, and what it leaves behind (run log, events, output) has none of the salt."""
    before = after_day_1.rows(MART.full_name)
    for name, value in {**PRODUCTION, SALT_VARIABLE: CANARY}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PIPELINE_CFG__SPARK__ENGINE", "sail")
    reason = "skip_upstream_readiness_check=true,skip_reason=test"
    done = ledgerctl("run", "pipeline_c_analytics", "--partition", DAY_2, "--params", reason)
    assert done.code == 1
    assert "shorter than 16 bytes" in done.err
    assert after_day_1.rows(MART.full_name) == before
    assert CANARY not in done.out + done.err
    left = [path for path in after_day_1.root.rglob("*") if path.is_file()]
    assert not [path for path in left if CANARY.encode() in path.read_bytes()]

"""People in errors, events and logs have a pseudonym, never their identifier."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from ledger.delta.lakehouse import Lakehouse
from ledger.delta.row_checks import unnamed
from ledger.delta.scope import Scope
from ledger.errors import KeyViolationError
from ledger.silver import wallet_snapshot
from resources.pseudonyms import KEY_FILE, pseudonym
from tests.support import DAY_1, Home

SNAPSHOT = {
    "snapshot_ts": f"{DAY_1} 01:00:00",
    "snapshot_date_kst": DAY_1,
    "user_id": "wallet-0815",
    "balance_available": 1,
    "balance_frozen": 0,
    "balance_total": 1,
    "run_id": "r",
}


def test_a_pseudonym_is_stable_in_a_home_and_another_one_elsewhere(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-87: a keyed hash; its key is this home's own, for its owner alone."""
    home.dagster_home.mkdir(parents=True)
    first = pseudonym("wallet-0815")
    assert re.fullmatch(r"user-[0-9a-f]{10}", first)
    assert (pseudonym("wallet-0815"), pseudonym("wallet-0816") == first) == (first, False)
    key = home.dagster_home / KEY_FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert [path.name for path in home.dagster_home.iterdir()] == [KEY_FILE]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(elsewhere))
    assert pseudonym("wallet-0815") != first


def test_without_a_home_nobody_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-87: also where its key is none."""
    assert pseudonym("wallet-0815") == "user-(hidden)"
    home.dagster_home.mkdir(parents=True)
    (home.dagster_home / KEY_FILE).write_text("short")
    assert pseudonym("wallet-0815") == "user-(hidden)"
    monkeypatch.delenv("DAGSTER_HOME")
    assert pseudonym("wallet-0815") == "user-(hidden)"


def test_a_key_violation_names_wallets_by_pseudonym(home: Home, lakehouse: Lakehouse) -> None:
    """INV-87, INV-04: the message goes into run events, the run log and the terminal."""
    home.dagster_home.mkdir(parents=True)
    table = wallet_snapshot.TABLE
    for name_user, said in ((pseudonym, pseudonym("wallet-0815")), (unnamed, "(hidden)")):
        named = Lakehouse(lakehouse.spark, warehouse=str(home.warehouse), name_user=name_user)
        named.create(table)
        twice = named.rows(table, [SNAPSHOT, SNAPSHOT])
        with pytest.raises(KeyViolationError, match="several rows for one key") as caught:
            named.merge(table, twice, scope=Scope.of([DAY_1]))
        assert f"user_id={said}" in str(caught.value)
        assert "wallet-0815" not in str(caught.value)

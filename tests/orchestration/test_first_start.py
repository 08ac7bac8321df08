"""The first opening of a DAGSTER_HOME: killed half-way, twice at once, on a full disk, in folders of any name."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from configs.settings import ROOT
from ledger.errors import SettingsError
from ledger.tables import ALL
from orchestration.instance import dagster_instance
from orchestration.jobs import POOLS
from tests.support import Home, ledgerctl

ODD_NAMES = (
    "with space",
    "한글",
    "per%20cent",
    "hash#1",
    "br[1]",
    "cur{a,b}",
    "q?x",
    "quo'te",
    "%s",
    "a;b=c",
)
OURS = (ROOT / "dagster.yaml").read_bytes()


def opened() -> set[str]:
    """The pools that the instance limits, after a run was stored in it and read back."""
    with dagster_instance() as instance:
        run = instance.create_run_for_job(dg.GraphDefinition(name="any", node_defs=[]).to_job())
        assert instance.get_run_by_id(run.run_id) is not None
        return {pool.name for pool in instance.event_log_storage.get_pool_limits()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance that nobody has used; not to be written to."""
    root = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(root))
        dagster_instance().dispose()
    return root


def databases(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*.db"))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_folder_of_any_name_will_do(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / name / "dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    assert opened() == set(POOLS)
    assert {"event_log.db", "history/runs.db", "schedules/schedules.db"} <= set(databases(home))
    assert [path.name for path in tmp_path.iterdir()] == [name], "and nothing beside it"


def test_killed_while_a_database_was_made(home: Home, whole: Path) -> None:
    """With any tables that it had by then."""
    for database in databases(whole):
        for kept in (0, 5):
            shutil.rmtree(home.dagster_home, ignore_errors=True)
            shutil.copytree(whole, home.dagster_home)
            (home.dagster_home / ".ledger-complete").unlink()
            with closing(sqlite3.connect(home.dagster_home / database)) as connection:
                query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                tables = [name for (name,) in connection.execute(query) if name != "alembic_version"]
                for table in [*tables[kept:], "alembic_version"]:
                    connection.execute(f"DROP TABLE {table}")
                connection.commit()
            assert opened() == set(POOLS), f"{database} with {kept} tables"


def test_killed_before_the_pools_were_limited(home: Home, whole: Path) -> None:
    shutil.copytree(whole, home.dagster_home)
    with closing(sqlite3.connect(home.dagster_home / "event_log.db")) as connection:
        connection.execute("DELETE FROM concurrency_limits")
        connection.commit()
    assert opened() == set(POOLS)


def test_an_instance_with_runs_is_never_made_anew(home: Home) -> None:
    opened()
    (home.dagster_home / ".ledger-complete").unlink()
    assert opened() == set(POOLS), "one that an older version made is taken as it is"
    (home.dagster_home / ".ledger-complete").unlink()
    (home.dagster_home / "event_log.db").write_bytes(b"")
    with pytest.raises(SettingsError, match=r"DAGSTER_HOME=.* has runs, but event_log\.db is not whole"):
        dagster_instance()


def test_two_first_starts_at_one_moment(home: Home) -> None:
    """INV-31: a new home and a new warehouse; one waits for the other, or finds what it made."""
    command = [sys.executable, "-m", "orchestration.cli", "run", "bootstrap_catalog"]
    starts = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for start in starts:
        _, said = start.communicate(timeout=120)
        assert start.returncode == 0, said
    assert opened() == set(POOLS)
    assert len(home.tables()) == len(ALL)


@pytest.mark.parametrize("left", [b"", b"\n \n", OURS[:700], OURS[:-1]])
def test_a_configuration_that_was_cut_off_is_replaced(
    left: bytes, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    home.dagster_home.mkdir(parents=True)
    (home.dagster_home / "dagster.yaml").write_bytes(left)
    assert opened() == set(POOLS)
    assert (home.dagster_home / "dagster.yaml").read_bytes() == OURS
    assert "was cut off" in caplog.text


def test_a_configuration_of_the_operator_is_kept(home: Home) -> None:
    home.dagster_home.mkdir(parents=True)
    path = home.dagster_home / "dagster.yaml"
    path.write_bytes(OURS + b"\n# our own comment\n")
    opened()
    assert path.read_bytes().endswith(b"# our own comment\n")
    path.write_text("telemetry: [not closed")
    done = ledgerctl("run", "bootstrap_catalog")
    assert done.code == 2, done.err
    assert "DAGSTER_HOME" in done.err
    assert len(done.err.splitlines()) == 1
    assert path.read_text() == "telemetry: [not closed"


def test_a_home_that_can_be_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-28: exit 2 and one line."""
    a_file = tmp_path / "file"
    a_file.write_text("")
    for wrong in (a_file, a_file / "below", Path("/proc/1/home")):
        monkeypatch.setenv("DAGSTER_HOME", str(wrong))
        done = ledgerctl("run", "bootstrap_catalog")
        assert done.code == 2, done.err
        assert f"DAGSTER_HOME={wrong}" in done.err
        assert len(done.err.splitlines()) == 1


def test_a_tilde_is_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "~/dg")
    opened()
    assert os.environ["DAGSTER_HOME"] == str(tmp_path / "dg")
    assert (tmp_path / "dg" / "event_log.db").exists()

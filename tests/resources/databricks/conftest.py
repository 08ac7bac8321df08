"""A workspace and a host that uses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests.databricks_emulator import Emulator
from tests.resources.databricks.workspace import CANARY, QUIET, host_environment


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulated workspace; this process is a host of its dev environment."""
    secrets = {"ledger-dev/anon-user-key-salt": CANARY}
    with Emulator(tmp_path / "workspace", secrets=secrets) as emulator:
        for name, value in host_environment(emulator).items():
            monkeypatch.setenv(name, value)
        yield emulator


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster"), overrides=QUIET) as made:
        yield made

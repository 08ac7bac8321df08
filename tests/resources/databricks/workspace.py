"""Running the probe against the emulator, and what is asked of a run afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.events import DagsterEvent

from tests.databricks_emulator import Emulator
from tests.databricks_emulator.emulator import TOKEN

CANARY = 'canary-"salt"-7f3a'  # a quote in it, so that its form in JSON is another one


# A test instance: no telemetry, and no two processes per step that capture its output.
QUIET: dict[str, Any] = {
    "telemetry": {"enabled": False},
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    },
}


def host_environment(emulator: Emulator, **settings: str) -> dict[str, str]:
    """The variables of a host that uses the emulator as its dev workspace; quick to give up and to try again."""
    given = {
        "POLL_INTERVAL_SEC": "0.2",
        "PATIENCE_SEC": "4",
        "RETRIES__DELAY_SEC": "0.1",
        "AUTH": "token",
        **settings,
    }
    return {
        "PIPELINE_ENV": "dev",
        "DATABRICKS_HOST": emulator.host,
        "DATABRICKS_TOKEN": TOKEN,
        **{f"PIPELINE_CFG__DATABRICKS__{name}": value for name, value in given.items()},
    }


@dataclass(frozen=True)
class Ran:
    """One Dagster run and the workspace that it used."""

    success: bool
    events: list[DagsterEvent]
    emulator: Emulator

    def types(self, *wanted: str) -> list[str]:
        """The step's events, in order; only those ``wanted`` when given."""
        found = [e.event_type_value for e in self.events if e.step_key]
        return [t for t in found if not wanted or t in wanted]

    @property
    def ends(self) -> list[str]:
        """How the attempts ended."""
        return self.types("STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY")

    @property
    def failure(self) -> str:
        """Reason of the failed step, as Dagster shows it."""
        (event,) = [e for e in self.events if e.is_step_failure]
        data = event.step_failure_data.user_failure_data
        assert data is not None
        return str(data.description)

    @property
    def metadata(self) -> dict[str, Any]:
        """Of the one materialization."""
        (event,) = [e for e in self.events if e.event_type_value == "ASSET_MATERIALIZATION"]
        return {k: v.value for k, v in event.step_materialization_data.materialization.metadata.items()}

    @property
    def databricks_runs(self) -> int:
        return len(self.emulator.runs)

    @property
    def staged(self) -> list[str]:
        """Files left in the staging folder."""
        return self.emulator.storage.files()


@contextlib.contextmanager
def entered_host(environment: Mapping[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


def run_probe(emulator: Emulator, instance: dg.DagsterInstance, **config: str) -> Ran:
    """Run the probe's job as a run worker does, in this process; the environment is the caller's."""
    module = "tests.resources.databricks.probe"
    repository = ReconstructableRepository.for_module(module, "defs", str(Path.cwd()))
    result = dg.execute_job(
        repository.get_reconstructable_job("probe_job"),
        instance=instance,
        run_config={
            "ops": {"probe": {"config": config}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        raise_on_error=False,
    )
    return Ran(result.success, list(result.all_events), emulator)

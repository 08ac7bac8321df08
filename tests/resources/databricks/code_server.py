"""A code server and its run workers in processes of their own, as ``dagster dev`` and the deployed system have them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._cli.job import _create_run
from dagster._core.storage.tags import PARTITION_NAME_TAG
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget

from resources.parameters import as_run_config

_LOCATION = "ledger_controls"
_PID = re.compile(r"pid: (\d+)")
OVER = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


class CodeServer:
    """Launches runs of one code location and watches them through the instance."""

    def __init__(self, instance: dg.DagsterInstance, context: WorkspaceProcessContext) -> None:
        self._instance, self._context = instance, context

    def launch(
        self,
        job: str,
        ops: Mapping[str, Mapping[str, str]] | None = None,
        partition: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> str:
        """Start a run in a worker process, with the config of its operations or the parameters of the run; its id."""
        given = as_run_config(parameters) if parameters else {}
        workspace = self._context.create_request_context()
        location = workspace.get_code_location(_LOCATION)
        (repository,) = location.get_repositories().values()
        run = _create_run(
            instance=self._instance,
            code_location=location,
            remote_repo=repository,
            remote_job=repository.get_full_job(job),
            run_config=given
            | {"ops": {name: {"config": dict(config)} for name, config in (ops or {}).items()}},
            tags={PARTITION_NAME_TAG: partition} if partition else {},
            op_selection=None,
            run_id=None,
        )
        self._instance.launch_run(run.run_id, workspace)
        run_id: str = run.run_id
        return run_id

    def wait(self, run_id: str, timeout_sec: float = 600) -> dg.DagsterRunStatus:
        """How the run ended."""
        until = time.monotonic() + timeout_sec
        while (status := self.status(run_id)) not in OVER:
            assert time.monotonic() < until, f"{run_id} is still {status}"
            time.sleep(0.2)
        return status

    def status(self, run_id: str) -> dg.DagsterRunStatus:
        run = self._instance.get_run_by_id(run_id)
        assert run is not None
        return run.status

    def cancel(self, run_id: str) -> None:
        """The UI's Terminate button."""
        run = self._instance.get_run_by_id(run_id)
        assert run is not None
        self._instance.report_run_canceling(run)
        assert self._instance.run_launcher.terminate(run_id)

    def worker_pid(self, run_id: str) -> int:
        """The process that executes the run."""
        for entry in self._instance.all_logs(run_id):
            found = _PID.search(entry.message)
            if found:
                return int(found.group(1))
        raise AssertionError("no worker process was started")

    def events(self, run_id: str) -> list[Any]:
        return [e.dagster_event for e in self._instance.all_logs(run_id) if e.dagster_event]


@contextmanager
def code_server(instance: dg.DagsterInstance, module: str) -> Iterator[CodeServer]:
    """Serve the definitions of a module, with this process's environment as it is now."""
    target = ModuleTarget(
        module_name=module, attribute="defs", working_directory=str(Path.cwd()), location_name=_LOCATION
    )
    with WorkspaceProcessContext(instance, target) as context:
        yield CodeServer(instance, context)

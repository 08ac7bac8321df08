"""The product as it is served: a code server, the daemon and the webserver as real processes on a home of a test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from configs.settings import ROOT
from orchestration.launch import dagster_instance
from tests.support import Home

LOCATION = "ledger_controls"
PATIENCE_SEC = 300
FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


@dataclass
class Served:
    """Processes by name; each can be killed and started again. Faults are planted for the runs of this home only."""

    home: Home
    module: str = "tests.orchestration.faulty_location"
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.faults = self.home.root / "faults"
        self.faults.mkdir()
        self.environment = {**self.home.environment(), "LEDGER_TEST_FAULTS": str(self.faults)}
        self.ports = {name: free_port() for name in ("code", "web")}
        self._write_instance()
        server = {"host": "127.0.0.1", "port": self.ports["code"], "location_name": LOCATION}
        self.workspace = self.home.root / "workspace.yaml"
        self.workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
        self.instance = dagster_instance()

    def _write_instance(self) -> None:
        """The project's instance, only with less patience between two looks."""
        config = yaml.safe_load((ROOT / "dagster.yaml").read_text())
        config["run_monitoring"] |= {"poll_interval_seconds": 2, "start_timeout_seconds": 60}
        config["run_queue"] = {"dequeue_interval_seconds": 1}
        self.home.dagster_home.mkdir(parents=True, exist_ok=True)
        (self.home.dagster_home / "dagster.yaml").write_text(yaml.safe_dump(config))

    # -- processes ------------------------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start the named processes (``code``, ``daemon``, ``web``)."""
        code, web = (("--port", str(self.ports[name])) for name in ("code", "web"))
        served = ("--module-name", self.module, "--working-directory", str(ROOT), "--location-name", LOCATION)
        python, workspace = (sys.executable, "-m"), ("--workspace", str(self.workspace))
        commands = {
            "code": (*python, "dagster", "api", "grpc", *served, "--host", "127.0.0.1", *code),
            "daemon": (*python, "dagster._daemon", "run", *workspace),
            "web": (*python, "orchestration.webserver", *workspace, *web),
        }
        for name in names:
            log = (self.home.root / f"{name}.log").open("ab")
            self.processes[name] = subprocess.Popen(
                commands[name],
                cwd=self.home.root,
                env={**os.environ, **self.environment, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            log.close()
            if name != "daemon":
                self.wait_for(f"{name} to listen", partial(_listens, self.ports[name]))

    def kill(self, *names: str) -> None:
        """Kill -9, with all that the process started."""
        for name in names:
            process = self.processes.pop(name)
            with contextlib.suppress(ProcessLookupError):  # it ended by itself
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def close(self) -> None:
        """End everything; asks every run's process first."""
        self.kill(*self.processes)
        self.instance.dispose()

    # -- what an operator does ------------------------------------------------------------------------------------

    def plant(self, point: str, *kinds: str) -> None:
        """The next passes of the point meet these faults."""
        for n, kind in enumerate(kinds):
            (self.faults / f"{point}.{n}").write_text(kind)

    def ask(self, query: str, **variables: Any) -> Any:
        """A GraphQL request, as the UI makes it."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['web']}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            data = json.load(answer)
        assert "errors" not in data, data["errors"]
        return data["data"]

    def launch(self, job: str, day: object, *, assets: Sequence[str] = (), **tags: object) -> str:
        """Launch a run of a partition from the launchpad, or of assets from the asset graph; its id."""
        named = {"dagster/partition": str(day), **{f"dagster/{k}": str(v) for k, v in tags.items()}}
        parameters = {
            "selector": {
                **{"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "jobName": job},
                **({"assetSelection": [{"path": key.split("/")} for key in assets]} if assets else {}),
            },
            "runConfigData": {},
            "mode": "default",
            "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in named.items()]},
        }
        found = self.ask(
            "mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename"
            " ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }",
            p=parameters,
        )["launchRun"]
        assert found["__typename"] == "LaunchRunSuccess", found
        return str(found["run"]["runId"])

    def cancel(self, run_id: str) -> None:
        """The UI's terminate button."""
        self.ask("mutation($r: String!) { terminateRun(runId: $r) { __typename } }", r=run_id)

    # -- what is seen ---------------------------------------------------------------------------------------------

    def status(self, run_id: str) -> dg.DagsterRunStatus:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status

    def ended(self, *run_ids: str) -> list[dg.DagsterRunStatus]:
        """How the runs ended, once they all have."""
        self.wait_for(f"{run_ids} to end", lambda: all(self.status(r) in FINISHED for r in run_ids))
        return [self.status(run_id) for run_id in run_ids]

    def runs_of(self, job: str, **tags: str) -> list[dg.DagsterRun]:
        return list(self.instance.get_runs(dg.RunsFilter(job_name=job, tags=tags)))

    def worker_pid(self, run_id: str) -> int:
        """The process that executes the run, once the run has reached the planted fault."""
        found: dict[str, int] = {}

        def seen() -> bool:
            for entry in self.instance.all_logs(run_id):
                event = entry.dagster_event
                metadata: Mapping[str, Any] = (
                    getattr(event.event_specific_data, "metadata", None) or {} if event else {}
                )
                if "pid" in metadata:
                    found["pid"] = int(str(metadata["pid"].value))
            return bool(found)

        self.wait_for(f"the process of {run_id}", seen)
        return found["pid"]

    def wait_for_fault(self, point: str, n: int = 0) -> None:
        """Until a run has met the planted fault."""
        self.wait_for(f"the fault at {point}", (self.faults / f"taken-{point}.{n}").exists)

    def wait_for(self, what: str, holds: Callable[[], bool], patience_sec: float = PATIENCE_SEC) -> None:
        until = time.monotonic() + patience_sec
        while not holds():
            for name, process in self.processes.items():
                assert process.poll() is None, f"{name} ended: {self._log(name)}"
            assert time.monotonic() < until, f"waited {patience_sec} s for {what}: {self._log('daemon')}"
            time.sleep(0.2)

    def _log(self, name: str) -> str:
        path: Path = self.home.root / f"{name}.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else "no log"


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

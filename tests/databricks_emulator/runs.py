"""Submitted runs: PENDING, RUNNING, TERMINATING, TERMINATED, and the process in between."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.databricks_emulator.script import CANCELED, FAILED, SUCCESS, TIMED_OUT, End, Script

ROOT = Path(__file__).resolve().parents[2]
_TICK_SEC = 0.05
PASSED_ON = ("PATH", "HOME", "LANG", "JAVA_HOME")


@dataclass
class EmulatedRun:
    """One run: what was submitted, where it stands, what its driver printed."""

    run_id: int
    request: Mapping[str, Any]
    script: Script
    url: str
    folder: Path
    life_cycle: str = "PENDING"
    end: End | None = None
    process: subprocess.Popen[bytes] | None = None
    is_cancelled: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def task(self) -> Mapping[str, Any]:
        task: Mapping[str, Any] = self.request["tasks"][0]
        return task

    @property
    def driver_log(self) -> str:
        """All that the driver printed, as the cluster's log has it."""
        return "".join(
            p.read_text(errors="replace") for p in (self.folder / "out", self.folder / "err") if p.exists()
        )

    def as_json(self) -> dict[str, Any]:
        """The answer of ``runs/get``."""
        state: dict[str, Any] = {"life_cycle_state": self.life_cycle, "state_message": ""}
        status: dict[str, Any] = {"state": self.life_cycle}
        if self.end is not None and self.over.is_set():
            state |= {"life_cycle_state": self.end.life_cycle, "state_message": self.end.message}
            state |= {"result_state": self.end.result} if self.end.result else {}
            status = {
                "state": "TERMINATED",
                "termination_details": {"code": self.end.code, "message": self.end.message},
            }
        return {
            "run_id": self.run_id,
            "job_id": self.run_id + 1000,
            "run_name": self.request.get("run_name"),
            "run_page_url": self.url,
            "state": state,
            "status": status,
            "tasks": [{"run_id": self.run_id, "task_key": self.task["task_key"], "state": state}],
        }

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Runner:
    """Runs one process after the other (``slots`` at a time), as the cluster's capacity allows."""

    def __init__(
        self,
        *,
        secrets: Mapping[str, str],
        spark: Mapping[str, str] | None,
        local: Callable[[str], Path],
        allowed: tuple[Path, ...] = (),
        slots: int = 1,
    ) -> None:
        self.secrets, self._spark, self._local = secrets, spark, local
        self._allowed = [str(ROOT / ".venv"), str(Path(sys.prefix).resolve()), *map(str, allowed)]
        self._slots = threading.Semaphore(slots)
        self.gateway: Mapping[str, str] = {}  # of an existing cluster's JVM
        self.installed: dict[
            str, str
        ] = {}  # versions of libraries, where the cluster has other ones than the host

    def start(self, run: EmulatedRun) -> None:
        threading.Thread(target=self._live, args=(run,), daemon=True).start()

    def _live(self, run: EmulatedRun) -> None:
        try:
            run.end = self._lived(run)
        except Exception as error:  # of the emulator itself: seen as what it is, not as a run that never ends
            run.end = End("INTERNAL_ERROR", "FAILED", "INTERNAL_ERROR", f"emulator: {error!r}")
        run.over.set()

    def _lived(self, run: EmulatedRun) -> End:
        script = run.script
        self._sleep(run, script.start_delay_sec)
        if run.is_cancelled:
            end = CANCELED
        elif script.never_starts is not None:
            end = script.never_starts
        else:
            with self._slots:
                end = CANCELED if run.is_cancelled else self._run(run)
        run.life_cycle = "TERMINATING"
        time.sleep(script.terminating_sec)
        return script.ends_as or end

    def _run(self, run: EmulatedRun) -> End:
        run.life_cycle = "RUNNING"
        run.process = self._process(run)
        timeout_sec = run.request.get("timeout_seconds") or float("inf")
        started = time.monotonic()
        while run.process.poll() is None:
            if run.is_cancelled:
                run.kill()
                return CANCELED
            if time.monotonic() - started > timeout_sec:
                run.kill()
                return TIMED_OUT
            if run.script.kill_when is not None and run.script.kill_when():
                run.kill()
                return run.script.killed_as
            time.sleep(_TICK_SEC)
        return SUCCESS if run.process.returncode == 0 else FAILED

    def _process(self, run: EmulatedRun) -> subprocess.Popen[bytes]:
        task = run.task["spark_python_task"]
        spec = {
            "python_file": str(self._local(task["python_file"])),
            "parameters": [self._rewritten(p) for p in task["parameters"]],
            "secrets": dict(self.secrets),
            "spark": None if self._spark is None else dict(self._spark),
            "installed": self.installed,
            "forbidden": str(ROOT),
            "allowed": self._allowed,
        }
        (run.folder / "work").mkdir(parents=True)
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        if "existing_cluster_id" in run.task:
            environment |= self.gateway
        with (run.folder / "out").open("wb") as out, (run.folder / "err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-u", str(Path(__file__).with_name("remote_process.py"))],
                env={**environment, "DATABRICKS_RUNTIME_VERSION": "17.3", "PYTHONDONTWRITEBYTECODE": "1"},
                cwd=run.folder / "work",
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        assert process.stdin is not None
        process.stdin.write(json.dumps(spec).encode())
        process.stdin.close()
        return process

    def _rewritten(self, parameter: str) -> str:
        """Paths of the workspace's file systems, which this machine has elsewhere."""
        return str(self._local(parameter)) if parameter.startswith(("/dbfs/", "/Volumes/")) else parameter

    @staticmethod
    def _sleep(run: EmulatedRun, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not run.is_cancelled:
            time.sleep(_TICK_SEC)

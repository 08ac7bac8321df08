"""The workspace: an HTTP server on a free port, its storage and its runs."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from tests.databricks_emulator.handler import Handler
from tests.databricks_emulator.runs import EmulatedRun, Runner
from tests.databricks_emulator.script import HttpFault, Script
from tests.databricks_emulator.storage import ApiError, Storage

TOKEN = "emulated-token"
CLIENT = ("emulated-client", "emulated-secret")


class Request(NamedTuple):
    """One request of the log."""

    method: str
    path: str
    status: int


class Emulator:
    """Use as a context manager. ``scripts`` are taken by submitted runs in order; further runs run normally."""

    def __init__(
        self,
        root: Path,
        *,
        secrets: Mapping[str, str] | None = None,
        spark: Mapping[str, str] | None = None,
        clusters: tuple[str, ...] = (),
        allowed: tuple[Path, ...] = (),
    ) -> None:
        self.storage = Storage(root / "storage")
        self.storage.root.mkdir(parents=True)
        self.runner = Runner(secrets=secrets or {}, spark=spark, local=self.storage.local, allowed=allowed)
        self.requests: list[Request] = []
        self.runs: list[EmulatedRun] = []
        self.scripts: deque[Script] = deque()
        self.faults: list[HttpFault] = []
        self.tokens = {TOKEN}
        self._root, self._clusters = root, clusters
        self._tokens_by_idempotency: dict[str, EmulatedRun] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.emulator = self  # type: ignore[attr-defined]

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Emulator:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        for run in self.runs:
            run.is_cancelled = True
            run.kill()
        self._server.shutdown()
        self._server.server_close()

    def fail(self, pattern: str, status: int, times: int = 1, **more: Any) -> HttpFault:
        """Script an answer for the next requests whose ``METHOD path`` matches."""
        fault = HttpFault(pattern, status, times, **more)
        self.faults.append(fault)
        return fault

    def count(self, pattern: str) -> int:
        """How many requests matched ``METHOD path``."""
        return sum(bool(re.search(pattern, f"{r.method} {r.path}")) for r in self.requests)

    # -- Jobs API -----------------------------------------------------------------------------------------------------

    def submit(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Start a run, or answer with the run that the same idempotency token started."""
        token = request.get("idempotency_token")
        if token and len(token) > 64:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", "idempotency_token: at most 64 characters")
        (task,) = request["tasks"]
        if ("new_cluster" in task) == ("existing_cluster_id" in task):
            raise ApiError(400, "INVALID_PARAMETER_VALUE", "one of new_cluster, existing_cluster_id")
        if task.get("existing_cluster_id") not in (None, *self._clusters):
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"no cluster {task['existing_cluster_id']}")
        with self._lock:
            if token and token in self._tokens_by_idempotency:
                return {"run_id": self._tokens_by_idempotency[token].run_id}
            run_id = 7000 + len(self.runs)
            run = EmulatedRun(
                run_id,
                request,
                self.scripts.popleft() if self.scripts else Script(),
                f"{self.host}/jobs/{run_id + 1000}/runs/{run_id}",
                self._root / "runs" / str(run_id),
            )
            self.runs.append(run)
            if token:
                self._tokens_by_idempotency[token] = run
        self.runner.start(run)
        return {"run_id": run.run_id}

    def run(self, run_id: int) -> EmulatedRun:
        for run in self.runs:
            if run.run_id == run_id:
                return run
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Run {run_id} does not exist.")

    # -- requests -----------------------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes, bearer: str) -> Any:
        """Serve one request; raises :class:`ApiError`."""
        fault = next((f for f in self.faults if f.applies(f"{method} {path}")), None)
        if fault is not None and not fault.after_serving:
            raise _scripted(fault)
        result = self._serve(method, path, query, body, bearer)
        if fault is not None:
            raise _scripted(fault)
        return result

    def _serve(self, method: str, path: str, query: Mapping[str, str], body: bytes, bearer: str) -> Any:
        if path.startswith("/oidc"):
            return self._oauth(path, body)
        if bearer.removeprefix("Bearer ") not in self.tokens:
            raise ApiError(401, "UNAUTHENTICATED", "the token is not valid or has expired")
        if path.startswith("/api/2.0/fs/"):
            return self._files(method, path.removeprefix("/api/2.0/fs/"), body)
        given = json.loads(body) if body else dict(query)
        if path.startswith("/api/2.0/dbfs/"):
            return self.storage.dbfs(path.removeprefix("/api/2.0/dbfs/"), given)
        if path == "/api/2.2/jobs/runs/submit":
            return self.submit(given)
        if path == "/api/2.2/jobs/runs/get":
            return self.run(int(given["run_id"])).as_json()
        if path == "/api/2.2/jobs/runs/cancel":
            self.run(int(given["run_id"])).is_cancelled = True
            return {}
        raise ApiError(404, "ENDPOINT_NOT_FOUND", f"{method} {path}")

    def _files(self, method: str, path: str, body: bytes) -> Any:
        kind, _, rest = path.partition("/")
        calls: dict[tuple[str, str], Any] = {
            ("files", "PUT"): lambda p: self.storage.put(p, body),
            ("files", "GET"): self.storage.get,
            ("files", "DELETE"): self.storage.delete,
            ("directories", "PUT"): self.storage.make_directory,
            ("directories", "GET"): self.storage.list_directory,
            ("directories", "DELETE"): self.storage.delete_directory,
        }
        if (kind, method) not in calls:
            raise ApiError(404, "ENDPOINT_NOT_FOUND", f"{method} {path}")
        return calls[kind, method](f"/{rest}")

    def _oauth(self, path: str, body: bytes) -> dict[str, Any]:
        """Machine-to-machine OAuth: where the token endpoint is, and a token for the service principal."""
        if path.endswith("oauth-authorization-server"):
            return {
                "authorization_endpoint": f"{self.host}/oidc/v1/authorize",
                "token_endpoint": f"{self.host}/oidc/v1/token",
            }
        token = f"oauth-{len(self.tokens)}"
        self.tokens.add(token)
        return {"access_token": token, "token_type": "Bearer", "expires_in": 3600}


def _scripted(fault: HttpFault) -> ApiError:
    return ApiError(fault.status, fault.body["error_code"], fault.body["message"])

"""Behaviour that a test asks of the workspace: ends of runs, delays, refused requests."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple


class End(NamedTuple):
    """How a run ends, in the words of the Jobs API."""

    life_cycle: str = "TERMINATED"
    result: str | None = "SUCCESS"
    code: str = "SUCCESS"
    message: str = ""


SUCCESS = End()
FAILED = End("TERMINATED", "FAILED", "RUN_EXECUTION_ERROR", "Workload failed, see run output for details")
CANCELED = End("TERMINATED", "CANCELED", "USER_CANCELED", "Run cancelled.")
TIMED_OUT = End("TERMINATED", "TIMEDOUT", "CANCELED", "Run timed out")
DRIVER_LOST = End("TERMINATED", "FAILED", "DRIVER_ERROR", "The spark driver has stopped unexpectedly")
SPOT_LOST = End(
    "INTERNAL_ERROR", "FAILED", "CLOUD_FAILURE", "Cluster was terminated: SPOT_INSTANCE_TERMINATION"
)
NO_CLUSTER = End(
    "INTERNAL_ERROR", "FAILED", "CLUSTER_ERROR", "Cluster start failed: CLOUD_PROVIDER_LAUNCH_FAILURE"
)


@dataclass(frozen=True)
class Script:
    """Fate of one submitted run.

    ``never_starts``: it ends so without a process. ``kill_when``: asked all the time while the process runs; once
    true, the process is killed and the run ends as ``killed_as``. ``ends_as``: whatever the process did.
    """

    start_delay_sec: float = 0.0
    never_starts: End | None = None
    kill_when: Callable[[], bool] | None = None
    killed_as: End = DRIVER_LOST
    ends_as: End | None = None
    terminating_sec: float = 0.0


@dataclass
class HttpFault:
    """The next ``times`` requests that match ``METHOD path`` get this answer instead of being served.

    With ``after_serving`` the request takes effect first and only its answer is lost.
    """

    pattern: str
    status: int
    times: int = 1
    error_code: str = ""
    after_serving: bool = False
    hits: int = field(default=0, init=False)

    def applies(self, request: str) -> bool:
        if self.hits >= self.times or not re.search(self.pattern, request):
            return False
        self.hits += 1
        return True

    @property
    def body(self) -> dict[str, str]:
        names = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED"}
        code = self.error_code or names.get(
            self.status, "INTERNAL_ERROR" if self.status == 500 else "TEMPORARILY_UNAVAILABLE"
        )
        return {"error_code": code, "message": f"scripted {self.status}"}

"""Meaning of a Databricks run's state."""

from __future__ import annotations

from dataclasses import dataclass

from databricks.sdk.service.jobs import Run

_TERMINAL = ("TERMINATED", "SKIPPED", "INTERNAL_ERROR")
# Ends that come again with every try: somebody's decision, or a request that the workspace will not serve.
_FINAL = (
    "USER_CANCELED",
    "DISABLED",
    "INVALID_CLUSTER_REQUEST",
    "INVALID_RUN_CONFIGURATION",
    "FEATURE_DISABLED",
    "UNAUTHORIZED_ERROR",
    "RESOURCE_NOT_FOUND",
)


@dataclass(frozen=True)
class RunState:
    """Life cycle and result as the workspace names them; a name that this code does not know is no success."""

    life_cycle: str
    result: str | None
    message: str
    code: str | None

    @property
    def is_terminal(self) -> bool:
        """TERMINATING is not: the step's last events may still be on their way."""
        return self.life_cycle in _TERMINAL

    @property
    def is_final(self) -> bool:
        """Whether trying again would end the same way."""
        return self.code in _FINAL

    def __str__(self) -> str:
        parts = (self.life_cycle, self.result, self.code if self.code != self.result else None)
        return " ".join(p for p in parts if p) + (f": {self.message}" if self.message else "")


def run_state(run: Run) -> RunState:
    """The state of a run as the SDK gives it; values that the SDK does not know arrive as none."""
    state, details = run.state, run.status.termination_details if run.status else None
    life_cycle = state.life_cycle_state.value if state and state.life_cycle_state else "UNKNOWN"
    result = state.result_state.value if state and state.result_state else None
    if life_cycle == "TERMINATED" and result is None:
        result = "without a known result"
    code = details.code.value if details and details.code else None
    return RunState(life_cycle, result, (state.state_message or "") if state else "", code)

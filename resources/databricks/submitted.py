"""The Databricks run of one attempt: its state, its address, its end."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

import dagster as dg
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound

from resources import told
from resources.dagster_internals import DagsterEvent, DagsterEventType, EngineEventData, StepExecutionContext
from resources.databricks.faults import InfrastructureFault, RemoteRefusal, patiently
from resources.databricks.run_state import RunState, run_state
from resources.databricks.submission import StepAttempt

logger = logging.getLogger("ledger.databricks")


class SubmittedRun:
    """The Databricks run of one attempt, once there is one."""

    def __init__(self, client: WorkspaceClient, attempt: StepAttempt) -> None:
        self._jobs, self.attempt = client.jobs, attempt
        self.run_id: int | None = None
        self.url: str | None = None
        self.is_announced = False
        self._is_over = False

    def refresh(self, patience_sec: float, *, may_be_lost: bool) -> RunState:
        """Its state now. When ``may_be_lost``, a fault counts as its end: the step has already ended."""
        assert self.run_id is not None
        run_id = self.run_id
        try:
            run = patiently(lambda: self._jobs.get_run(run_id), "poll", patience_sec=patience_sec)
        except (InfrastructureFault, RemoteRefusal, NotFound) as fault:
            if may_be_lost:
                return RunState("TERMINATED", "UNKNOWN", str(fault), None)
            if isinstance(fault, NotFound):
                raise InfrastructureFault(f"the run is gone: {fault}") from fault
            raise
        self.url = run.run_page_url or self.url
        state = run_state(run)
        self._is_over = state.is_terminal
        return state

    def announcement(self, context: StepExecutionContext) -> DagsterEvent:
        """The run's address, said once: from now on it is waited for."""
        logger.info("waits for Databricks run %s (%s): %s", self.run_id, self.attempt, self.url)
        return DagsterEvent.from_step(
            DagsterEventType.ENGINE_EVENT,
            context,
            message=told.text(f"Databricks run {self.run_id} ({self.attempt})", link=self.url),
            event_specific_data=EngineEventData(metadata=told.metadata(self._metadata())),
        )

    def failure(self, problem: str) -> dg.Failure:
        """A failed attempt as Dagster shows it."""
        where = f"Databricks run {self.run_id}" if self.run_id else "Databricks"
        return dg.Failure(
            told.text(
                f"{where}, attempt {self.attempt.number} of {self.attempt.maximum}: {problem}", link=self.url
            ),
            metadata=told.metadata(self._metadata()),
            allow_retries=False,
        )

    def stop(self) -> None:
        """Cancel what may still be running. Best effort: the run's own timeout stands behind it."""
        if self.run_id is not None and not self._is_over:
            with suppress(Exception):
                self._jobs.cancel_run(self.run_id)

    def _metadata(self) -> dict[str, Any]:
        metadata: dict[str, Any] = {"databricks_attempt": f"{self.attempt.number}/{self.attempt.maximum}"}
        if self.run_id is not None:
            metadata["databricks_run_id"] = str(self.run_id)
        if self.url:
            metadata["databricks_run_url"] = told.link(self.url)
        return metadata

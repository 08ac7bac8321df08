"""The step launcher: upstream's, with what production needs on top (docs/databricks.md says what and why)."""

from __future__ import annotations

import gzip
import json
import pickle
import time
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_databricks import DatabricksPySparkStepLauncher
from databricks.sdk import WorkspaceClient

from configs.databricks import DatabricksSettings
from configs.settings import ROOT
from ledger.pauses import say_pause
from resources import told
from resources.dagster_internals import (
    DagsterEvent,
    DagsterEventType,
    EventLogEntry,
    ReconstructableJob,
    StepExecutionContext,
    StepRunRef,
    SupersessionWarning,
    deserialize_value,
    raise_execution_interrupts,
    step_context_to_step_run_ref,
)
from resources.databricks import remote_entry
from resources.databricks.code_package import ALLOWED, code_zip
from resources.databricks.faults import InfrastructureFault, RemoteRefusal, patiently
from resources.databricks.run_state import RunState
from resources.databricks.staging import DbfsStaging, Staging, VolumeStaging
from resources.databricks.submission import StepAttempt, submission
from resources.databricks.submitted import SubmittedRun
from resources.ledger import RUN_STARTED_TAG

# Known, and decided (docs/decisions.md, D-050): the way on to Pipes is in docs/databricks.md.
warnings.filterwarnings("ignore", category=SupersessionWarning, message="StepLauncher")
_ENDS = {
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_UP_FOR_RETRY,
}
_ENTRY = "remote_entry.py"
_SDK_RETRIES = 10  # of our patience, what one call may spend inside the SDK
_CLEAN_UP_SEC = 30.0
_QUEUE_SEC = 600  # what a run may wait for a cluster on top of its own timeout


class DatabricksStepLauncher(DatabricksPySparkStepLauncher):
    """Runs a step on Databricks and brings its events back.

    ``environment`` is set for the step, in clear text; ``secrets`` (name, scope, key) are read on the cluster.
    """

    def __init__(
        self,
        settings: DatabricksSettings,
        credentials: Mapping[str, Any],
        *,
        environment: Mapping[str, str],
        environment_name: str,
        code: Sequence[tuple[str, str]] = ALLOWED,
        root: Path = ROOT,
    ) -> None:
        super().__init__(
            run_config={},
            permissions={},
            secrets_to_env_variables=[],
            env_variables=dict(environment),
            staging_prefix=settings.staging.path,
            wait_for_logs=False,
            max_completion_wait_time_seconds=settings.timeout_sec + _QUEUE_SEC,
            local_dagster_job_package_path=str(root),
            poll_interval_sec=settings.poll_interval_sec,  # type: ignore[arg-type]  # a float by its schema
            add_dagster_env_variables=False,
            **credentials,
        )
        self._settings, self._name, self._code, self._root = settings, environment_name, code, root
        self._clean_up_sec = min(_CLEAN_UP_SEC, settings.patience_sec)
        config = self.databricks_runner.client.workspace_client.config
        config.retry_timeout_seconds = max(1, int(settings.patience_sec / _SDK_RETRIES))
        self._client = WorkspaceClient(config=config)

    def launch_step(
        self, step_context: StepExecutionContext, secrets: Sequence[Mapping[str, str]] = ()
    ) -> Iterator[DagsterEvent]:
        """Stage, submit, watch; whatever happens, stop the remote run, fetch its output and clear the staging."""
        attempt = self._attempt(step_context)
        staging = self._staging(attempt, self._settings.patience_sec)
        run = SubmittedRun(self._client, attempt)
        try:
            with raise_execution_interrupts():
                self._stage(step_context, staging, secrets)
                run.run_id = self._submit(attempt, staging)
                yield from self._watch(step_context, staging, run)
        except InfrastructureFault as fault:
            self._retry_or_fail(run, f"{fault}", fault)
        except RemoteRefusal as refusal:
            raise run.failure(f"{refusal}") from refusal
        finally:
            run.stop()
            self._clean_up(step_context, attempt)

    # -- before -------------------------------------------------------------------------------------------------------

    def _attempt(self, context: StepExecutionContext) -> StepAttempt:
        return StepAttempt(
            pipeline=context.dagster_run.tags.get("pipeline", context.job_name),
            environment=self._name,
            run_id=context.run_id,
            step_key=context.step.key,
            number=context.previous_attempt_count + 1,
            maximum=self._settings.retries.max + 1,
        )

    def _staging(self, attempt: StepAttempt, patience_sec: float) -> Staging:
        kind = VolumeStaging if self._settings.staging.kind == "volume" else DbfsStaging
        return kind(
            self._client,
            self._settings.staging.path,
            attempt.folder,
            patience_sec=patience_sec,
        )

    def _stage(
        self, context: StepExecutionContext, staging: Staging, secrets: Sequence[Mapping[str, str]]
    ) -> None:
        config = {
            "step": context.step.key,
            "environment": dict(self.env_variables),
            "secrets": [dict(secret) for secret in secrets],
            "versions": {"dagster": version("dagster")},
        }
        staging.put(_ENTRY, Path(remote_entry.__file__).read_bytes())
        staging.put("code.zip", code_zip(self._root, self._code))
        staging.put(
            "step_run_ref.pkl", pickle.dumps(_portable(step_context_to_step_run_ref(context), context))
        )
        staging.put("config.json", json.dumps(config).encode())

    def _submit(self, attempt: StepAttempt, staging: Staging) -> int:
        request = submission(
            attempt,
            self._settings,
            python_file=staging.uri(_ENTRY),
            parameters=[staging.path("")],
        )
        answer = patiently(
            lambda: self._client.jobs.submit(**request), "submit", patience_sec=self._settings.patience_sec
        )
        return int(answer.bind()["run_id"])

    # -- meanwhile ----------------------------------------------------------------------------------------------------

    def _watch(
        self, context: StepExecutionContext, staging: Staging, run: SubmittedRun
    ) -> Iterator[DagsterEvent]:
        give_up = time.monotonic() + self.databricks_runner.max_wait_time_sec
        seen, has_ended = 0, False
        while True:
            patience_sec = self._clean_up_sec if has_ended else self._settings.patience_sec
            state = run.refresh(patience_sec, may_be_lost=has_ended)
            if seen == 0 and not run.is_announced and run.url:
                run.is_announced = True
                yield run.announcement(context)
            for event in self._new_events(staging, seen, is_last=state.is_terminal):
                seen += 1
                context.instance.handle_new_event(event)
                if event.is_dagster_event:
                    has_ended |= event.get_dagster_event().event_type in _ENDS
                    yield event.get_dagster_event()
            if state.is_terminal:
                break
            if time.monotonic() > give_up:
                raise InfrastructureFault(f"no end after {self.databricks_runner.max_wait_time_sec} s")
            time.sleep(self._settings.poll_interval_sec)
        if not has_ended:
            self._explain(staging, state)

    def _new_events(self, staging: Staging, seen: int, *, is_last: bool) -> Sequence[EventLogEntry]:
        """Events beyond the first ``seen``; a file caught while it is written counts as not there yet."""
        for pause in (0.2, 0.5, 1.0, 0.0) if is_last else (0.0,):
            content = staging.get("events.json.gz")
            if content is None:
                return []
            try:
                events: Sequence[EventLogEntry] = deserialize_value(
                    gzip.decompress(content).decode(), as_type=list
                )
                return events[seen:]
            except (OSError, EOFError, zlib.error, ValueError):
                time.sleep(pause)
        return []

    def _explain(self, staging: Staging, state: RunState) -> None:
        """The remote run is over and the step never said how it ended: raise what that means."""
        refusal = staging.get("refusal.txt")
        if refusal is not None:
            raise RemoteRefusal(refusal.decode())
        if state.is_final:
            raise RemoteRefusal(str(state))
        raise InfrastructureFault(f"{state}; the step did not report an end")

    # -- after --------------------------------------------------------------------------------------------------------

    def _retry_or_fail(self, run: SubmittedRun, problem: str, fault: Exception) -> None:
        if run.attempt.number >= run.attempt.maximum:
            raise run.failure(problem) from told.original(fault)
        retries = self._settings.retries
        number, tries = run.attempt.number, run.attempt.maximum
        say_pause(problem, retries.delay_sec, next_try=number + 1, tries=tries)
        raise dg.RetryRequested(max_retries=retries.max, seconds_to_wait=retries.delay_sec) from run.failure(
            problem
        )

    def _clean_up(self, context: StepExecutionContext, attempt: StepAttempt) -> None:
        """Log the end of what the step printed (the driver's log has all of it) and remove the staged files.

        How the step ended is settled by now: neither may change it, nor hold it up for long.
        """
        staging = self._staging(attempt, self._clean_up_sec)
        with suppress(Exception):
            for name in ("stdout", "stderr"):
                text = (staging.get(name) or b"").decode(errors="replace").strip()
                if text:
                    what = f"{name} of {context.step.key} on Databricks (its end)"
                    context.log.info("\n".join(map(told.text, (what, *text.splitlines()))))
        with suppress(Exception):
            staging.delete()


def _portable(step: StepRunRef, context: StepExecutionContext) -> StepRunRef:
    """The step's reference without paths of this host, and with the run's start, which only this instance knows."""
    job = step.recon_job
    pointer = job.repository.pointer
    if hasattr(pointer, "working_directory"):
        pointer = pointer._replace(working_directory=None)  # type: ignore[attr-defined]
    repository = job.repository._replace(
        pointer=pointer,
        executable_path=None,
        entry_point=["dagster"],
        repository_load_data=context.plan_data.execution_plan.repository_load_data,
    )
    record = context.instance.get_run_record_by_id(context.run_id)
    tags = dict(step.dagster_run.tags)
    if record is not None and record.start_time is not None:
        tags[RUN_STARTED_TAG] = datetime.fromtimestamp(record.start_time, UTC).isoformat()
    return step._replace(
        recon_job=ReconstructableJob(repository, job.job_name, job.op_selection, job.asset_selection),
        dagster_run=step.dagster_run.with_tags(tags),
    )

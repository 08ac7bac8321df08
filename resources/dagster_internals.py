"""All that the project uses of Dagster's private modules. Nothing else imports them (tests/test_house.py).

Each has the reason why the public API does not do. An upgrade of Dagster is read against this page.
"""

from __future__ import annotations

# One web server beside the code servers that it shows, as `dagster dev` starts them.
from dagster._cli.proxy_server_manager import ProxyServerManager

# A run names its job and repository, so that another process (a cluster, the daemon) can load them.
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository

# The step launcher's contract: no public name exists for what dagster-databricks implements (docs/databricks.md).
from dagster._core.definitions.step_launcher import StepLauncher, StepRunRef

# A cancelled step raises the first; the second lets it through while the launcher waits.
from dagster._core.errors import DagsterExecutionInterruptedError, raise_execution_interrupts
from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.context.system import StepExecutionContext
from dagster._core.execution.plan.external_step import (
    external_instance_from_step_run_ref,
    run_step_from_ref,
    step_context_to_step_run_ref,
)

# Whether a step failed because it was interrupted.
from dagster._core.execution.plan.objects import ErrorSource

# Whether the daemon will start a failed run again: nothing is said of a failure that a retry may mend.
from dagster._core.execution.retries import auto_reexecution_should_retry_run

# An instance with our settings on a home without a whole dagster.yaml, and its tables, to see whether they are there.
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata

# The stores of SQLite, by whose modules a connection is opened: ours has other settings (resources/sqlite_files.py).
from dagster._core.storage.event_log.sqlite import consolidated_sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage

# The names of Dagster's own tags on runs.
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    MAX_RETRIES_TAG,
    PARTITION_NAME_TAG,
    REPOSITORY_LABEL_TAG,
    WILL_RETRY_TAG,
)
from dagster._core.utils import make_new_run_id

# The web server of `dagster-webserver`, with a guard in front (orchestration/webserver.py).
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget, WorkspaceFileTarget

# Events and steps cross between host and cluster as Dagster itself writes them.
from dagster._serdes import ConfigurableClassData, deserialize_value, serialize_value
from dagster._utils.interrupts import setup_interrupt_handlers
from dagster._utils.warnings import SupersessionWarning

__all__ = [
    "ASSET_PARTITION_RANGE_END_TAG",
    "ASSET_PARTITION_RANGE_START_TAG",
    "MAX_RETRIES_TAG",
    "NOT_FINISHED_STATUSES",
    "PARTITION_NAME_TAG",
    "REPOSITORY_LABEL_TAG",
    "WILL_RETRY_TAG",
    "ConfigurableClassData",
    "DagsterEvent",
    "DagsterEventType",
    "DagsterExecutionInterruptedError",
    "EmptyWorkspaceTarget",
    "EngineEventData",
    "ErrorSource",
    "EventLogEntry",
    "InstanceRef",
    "ProxyServerManager",
    "ReconstructableJob",
    "ReconstructableRepository",
    "SqlEventLogStorageMetadata",
    "StepExecutionContext",
    "StepLauncher",
    "StepRunRef",
    "SupersessionWarning",
    "WorkspaceFileTarget",
    "WorkspaceProcessContext",
    "auto_reexecution_should_retry_run",
    "consolidated_sqlite_event_log",
    "deserialize_value",
    "external_instance_from_step_run_ref",
    "make_new_run_id",
    "raise_execution_interrupts",
    "run_step_from_ref",
    "serialize_value",
    "setup_interrupt_handlers",
    "sqlite_run_storage",
    "sqlite_schedule_storage",
    "step_context_to_step_run_ref",
]

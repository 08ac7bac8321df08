"""A real Dagster instance with runs and materializations as a test wants them; nothing is executed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from ledger.pipelines.registry import BY_NAME, PipelineName
from orchestration.definitions import defs
from orchestration.runs import state_key

SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
# A queued run needs a code location that is served; one that waits to be started is as unfinished.
STARTED, WAITING = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED
D = date(2026, 2, 10)


def day(n: int) -> date:
    """The n-th KST day after D."""
    return D + timedelta(days=n)


@dataclass(frozen=True)
class Records:
    """Writes to the instance what runs would have left in it."""

    instance: dg.DagsterInstance

    def run(
        self,
        pipeline: PipelineName,
        on: date,
        status: dg.DagsterRunStatus,
        *,
        tags: Mapping[str, str] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> dg.DagsterRun:
        """A run of the pipeline's job for a day; a success of it is materialized, too."""
        job = defs.resolve_job_def(BY_NAME[pipeline].job)
        run = self.instance.create_run_for_job(
            job, run_config=config, status=status, tags={"dagster/partition": on.isoformat(), **(tags or {})}
        )
        if status == SUCCESS:
            self.success(pipeline, on)
        return run

    def success(self, pipeline: PipelineName, on: date, **metadata: Any) -> int:
        """The materialization that ends a successful run; its storage id."""
        plain = {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(state_key(pipeline), partition=on.isoformat(), metadata=plain)
        )
        return self.instance.fetch_materializations(state_key(pipeline), limit=1).records[0].storage_id


def requested(result: object) -> list[tuple[str | None, str | None]]:
    """The (job, partition) pairs that a schedule or sensor asks for; none for a skip."""
    requests = result.run_requests if isinstance(result, dg.SensorResult) else result
    if isinstance(requests, dg.RunRequest):
        requests = [requests]
    if not isinstance(requests, list):
        return []
    return [(r.job_name, r.partition_key) for r in requests]


def utc(on: date, hour: int, minute: int = 0) -> datetime:
    """A KST wall-clock time as a UTC instant."""
    return datetime(on.year, on.month, on.day, hour, minute, tzinfo=UTC) - timedelta(hours=9)

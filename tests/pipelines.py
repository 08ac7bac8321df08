"""The pipelines on one warehouse, without an orchestrator: quick, and a run can be made to die at a commit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from pyspark.sql import SparkSession

from ledger.bronze.ingest import ingest
from ledger.bronze.withdraw import withdraw
from ledger.delta.lakehouse import Lakehouse
from ledger.due import days_due
from ledger.pipelines.analytics import run_analytics
from ledger.pipelines.attempt import Run
from ledger.pipelines.catalog import bootstrap, sync_rules
from ledger.pipelines.controls import finalize_success
from ledger.pipelines.guardrail import run_guardrail
from ledger.pipelines.recon import run_recon
from ledger.pipelines.registry import PipelineName
from ledger.pipelines.silver import run_silver
from ledger.pipelines.supply_ops import run_supply_ops
from ledger.tables import BRONZE
from ledger.window import Window
from tests.boundaries import boundaries
from tests.support import Home


class Died(BaseException):
    """The process is gone: nothing of it runs any more, nothing is recorded."""


class Pipelines:
    """Whole KST days of one home. Each run has a run id of its own."""

    def __init__(self, spark: SparkSession, home: Home, seed: Path) -> None:
        self.home, self.seed = home, seed
        self.lakehouse = Lakehouse(spark, warehouse=str(home.warehouse))
        self.runs = 0

    def prepare(self) -> Pipelines:
        """Tables and rules."""
        bootstrap(self.lakehouse)
        sync_rules(self.lakehouse, str(self.seed), now=datetime.now(UTC))
        return self

    def call(self, pipeline: PipelineName, day: date) -> None:
        """One pipeline on one day."""
        of: dict[PipelineName, Callable[[Run, Window], None]] = {
            "pipeline_a": lambda run, window: void(run_guardrail(run, window, is_backfill=True)),
            "pipeline_silver": lambda run, window: void(run_silver(run, window)),
            "pipeline_b": self._controls,
            "pipeline_c": lambda run, window: void(run_analytics(run, window, salt=lambda: "local-salt-v1")),
        }
        of[pipeline](self._run(pipeline), Window.of_day(day))

    def ingest(self, day: date) -> None:
        """Load one landing day, as the sensor does."""
        run = self._run("ingest")
        ingest(self.lakehouse, BRONZE, landing=run.landing, days=[day], clock=run.clock, run_id=run.run_id)

    def withdraw(self, path: str) -> None:
        """Take a landing file back."""
        run_id, now = self._run("withdraw").run_id, datetime.now(UTC)
        withdraw(self.lakehouse, path, by="tester", reason="should not have come", run_id=run_id, now=now)

    def killed(self, pipeline: PipelineName, day: date, at_boundary: int) -> str | None:
        """The same, dead at its so manieth commit boundary; which that was, None when it ended before."""
        reached: list[str] = []

        def die(what: str) -> None:
            reached.append(what)
            if len(reached) > at_boundary:  # so that every other thread of the run dies as well
                raise Died

        with boundaries(die), contextlib.suppress(Died):
            self.call(pipeline, day)
            return None
        return reached[at_boundary]

    def settle(self) -> None:
        """Run what is due, in its order, until nothing is."""
        for _ in range(10):
            due = [(pipeline, day) for pipeline, days in days_due(self.lakehouse).items() for day in days]
            if not due:
                return
            for pipeline, day in due:
                self.call(pipeline, day)
        raise AssertionError(f"still due: {days_due(self.lakehouse)}")

    def _controls(self, run: Run, window: Window) -> None:
        run_recon(run, window)
        run_supply_ops(run, window)
        finalize_success(run, window)

    def _run(self, what: str) -> Run:
        self.runs += 1
        return Run(
            lakehouse=self.lakehouse,
            run_id=f"{what}-{self.runs}",
            clock=lambda: datetime.now(UTC),
            started_at=datetime.now(UTC),
            lookback_days=35,
            landing=str(self.home.landing),
            ingest="landing",
            rule_load_mode="strict",
            seed_path=str(self.seed),
        )


def void(_: object) -> None:
    """A result that nobody looks at."""

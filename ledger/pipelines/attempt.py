"""Common parts of every pipeline run: its context, its outcome, and the record of every attempt (spec 3)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Literal

from ledger.bronze.ingest import ingest
from ledger.bronze.landing_report import Ingested
from ledger.clock import refuse_far_ahead
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse, WriteResult
from ledger.faults import first_line as first_line
from ledger.pipelines.registry import BY_NAME, PipelineName
from ledger.quality.verdict import Series, Verdict
from ledger.rule_loading import load_rules
from ledger.rules import RuleBook, RuleLoadMode
from ledger.silver.live_rows import Landed
from ledger.state import Attempt, record_failure
from ledger.tables import BRONZE
from ledger.window import Window

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """Everything a pipeline needs besides its window: tables, identity, clock, settings.

    ``clock`` gives the current UTC instant; ``started_at`` identifies the attempt in the run log.
    """

    lakehouse: Lakehouse
    run_id: str
    clock: Callable[[], datetime]
    started_at: datetime
    lookback_days: int
    landing: str
    ingest: Literal["landing", "external"]
    rule_load_mode: RuleLoadMode
    seed_path: str
    skip_readiness: bool = False
    _landed: dict[date, Landed] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def rules(self) -> RuleBook:
        """The rules in force, loaded once per run, on first use: a fault in them is an attempt's failure."""
        return load_rules(self.lakehouse, mode=self.rule_load_mode, seed_path=self.seed_path)

    def refuse_clock_far_ahead(self, until: datetime) -> None:
        """Raises :class:`ClockError` where only this host's clock knows of ``until``, the end of the last window."""
        refuse_far_ahead(self.lakehouse, until, landing=None if self.ingest == "external" else self.landing)

    def landed(self, since: date) -> Landed:
        """Which landing files count from a landing day on. One query on first use, and again after a load."""
        if since not in self._landed:
            external = self.ingest == "external"
            self._landed[since] = (
                Landed(self.lakehouse, since, None) if external else Landed.read(self.lakehouse, since)
            )
        return self._landed[since]


@dataclass(frozen=True)
class Restatement:
    """A day that was controlled before and is now run again; the rest is what Silver changed in between, as text."""

    pipeline: PipelineName
    day: date
    caused_by_runs: str | None = None
    caused_by_batches: str | None = None
    changed_days: str | None = None


@dataclass
class Outcome:
    """Result of one task for one window, for the log and for metadata. Counts are rows."""

    window: Window
    read: dict[str, int] = field(default_factory=dict)  # by the table they were read for
    quarantined: dict[str, int] = field(default_factory=dict)  # by the table they were meant for
    writes: dict[str, WriteResult] = field(default_factory=dict)
    ingested: list[Ingested] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)
    restated: Restatement | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    series: dict[str, Series] = field(default_factory=dict)

    @property
    def rows_read(self) -> int:
        return sum(self.read.values())

    @property
    def rows_quarantined(self) -> int:
        return sum(self.quarantined.values())

    @property
    def rows_written(self) -> int:
        return sum(result.written for result in self.writes.values())

    def wrote(self, table: Table, result: WriteResult) -> None:
        self.writes[table.full_name] = result


def attempt_of(
    run: Run,
    pipeline: PipelineName,
    window: Window,
    outcome: Outcome | None = None,
    *,
    message: str | None = None,
) -> Attempt:
    """The attempt as it stands now, for the run log."""
    return Attempt(
        pipeline_name=pipeline,
        run_id=run.run_id,
        window=window,
        started_at=run.started_at,
        ended_at=run.clock(),
        rows_read=outcome.rows_read if outcome else None,
        rows_written=outcome.rows_written if outcome else None,
        rows_quarantined=outcome.rows_quarantined if outcome else None,
        rule_load_mode=run.rule_load_mode if "rule_load_mode" in BY_NAME[pipeline].parameters else None,
        message=message,
    )


@contextmanager
def recorded_failure(
    run: Run, pipeline: PipelineName, window: Window, outcome: Outcome | None = None
) -> Iterator[None]:
    """Record a failure of the block in state and run log, with what ``outcome`` counts by then; it passes on."""
    try:
        yield
    except Exception as error:
        try:
            attempt = attempt_of(run, pipeline, window, outcome, message=first_line(error))
            record_failure(run.lakehouse, attempt)
        except Exception as second:
            logger.error("the failure of %s could not be recorded: %s", pipeline, first_line(second))
        raise


def load_landing(run: Run, window: Window) -> list[Ingested]:
    """Load the landing days that the window covers (nothing where another system fills Bronze)."""
    if run.ingest == "external":
        return []
    try:
        return ingest(
            run.lakehouse,
            BRONZE,
            landing=run.landing,
            days=[part.date_kst for part in window.split_by_day()],
            clock=run.clock,
            run_id=run.run_id,
        )
    finally:
        run._landed.clear()


def observed(outcome: Outcome, measure: Callable[[], Sequence[Verdict]]) -> None:
    """Add what a quality check says; a check that cannot be measured is missing there and fails no run."""
    try:
        outcome.verdicts += measure()
    except Exception as error:
        logger.warning("a quality check of %s could not be measured: %s", outcome.window, first_line(error))


def row_counts(outcome: Outcome) -> Mapping[str, int]:
    """Rows written per table."""
    return {name: result.written for name, result in outcome.writes.items()}

"""From a Dagster context to a pipeline run and back: parameters, errors, retries, metadata. No business logic."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from typing import Any

import dagster as dg
from grpc import RpcError

from assets.catalog import asset_key, column_schema
from assets.checks.quality import results_of
from assets.limits import (
    INTERRUPTS,
    attempt_deadline,
    interrupted,
    refuse_if_interrupted,
)
from assets.lineage import lineage_metadata
from assets.plots import plots
from configs.settings import Settings
from ledger.contract import Table
from ledger.errors import AttemptTimeoutError, LedgerError, TransientError
from ledger.lakehouse import Lakehouse, WriteResult
from ledger.merge import Scope
from ledger.pipelines.attempt import Outcome, Run, first_line
from ledger.side_by_side import abandoned_end, side_by_side
from ledger.window import Window
from orchestration.interrupts import hangup_is_an_interrupt
from orchestration.run_config import Pipeline, ResolvedRun, RunParameters, resolve, tick_of
from resources.ledger import RUN_STARTED_TAG, LedgerResource
from resources.spark import lost_engine, stop_work

logger = logging.getLogger("ledger.run")
Context = dg.AssetExecutionContext | dg.OpExecutionContext  # an asset check's operation has the latter
_TRANSIENT = (TransientError, RpcError, ConnectionError, TimeoutError)
_GIVING_UP_SEC = 5
_SAMPLE_ROWS = 5
_FEW_ROWS = 100
_SAMPLE_COLUMNS = 10


@contextmanager
def failing_at_once() -> Iterator[None]:
    """A fault that cannot pass by itself fails the step without a retry; one that may pass is left to the policy.

    An interrupt, and the end of the attempt's time, end what the engine does for it, too.
    """
    hangup_is_an_interrupt()
    refuse_if_interrupted()
    try:
        with attempt_deadline():
            yield
    except INTERRUPTS as error:
        _give_up()
        raise interrupted() from error
    except AttemptTimeoutError:
        _give_up()
        raise
    except _TRANSIENT as error:
        if lost := lost_engine(error):
            raise _failure(lost) from error
        raise
    except dg.Failure:
        raise
    except Exception as error:
        raise _failure(lost_engine(error) or error) from error


def _failure(error: Exception) -> dg.Failure:
    return dg.Failure(
        description=str(error) if isinstance(error, LedgerError) else first_line(error),
        metadata={"error": type(error).__name__},
        allow_retries=False,
    )


def _give_up() -> None:
    """Nothing of the operation goes on: its engine's work ends, and with it the threads that wait for it."""
    stop_work()
    if not abandoned_end(_GIVING_UP_SEC):
        logger.warning("a thread of the interrupted operation is still at work; it ends with this process")


def resolved(
    context: Context,
    ledger: LedgerResource,
    settings: Settings,
    pipeline: Pipeline,
    config: RunParameters,
) -> ResolvedRun:
    """The run's parameters, checked before Spark starts."""
    return resolve(
        pipeline,
        config,
        now=tick_of(context.run.tags) or ledger.now(),
        default_run_id=context.run.root_run_id or context.run.run_id,
        is_prod=settings.is_prod,
        partition=date.fromisoformat(context.partition_key) if context.has_partition_key else None,
    )


def pipeline_run(
    ledger: LedgerResource, settings: Settings, lakehouse: Lakehouse, what: ResolvedRun, started_at: datetime
) -> Run:
    """The context of one pipeline run."""
    return Run(
        lakehouse=lakehouse,
        run_id=what.run_id,
        clock=ledger.now,
        started_at=started_at,
        lookback_days=settings.lookback_days,
        landing=settings.resolved(settings.lakehouse.landing),
        ingest=settings.bronze.ingest,
        rule_load_mode=what.rule_load_mode,
        seed_path=settings.resolved(settings.rules.seed_path),
        skip_readiness=what.skip_readiness,
    )


@contextmanager
def running(
    context: Context, ledger: LedgerResource, pipeline: Pipeline, config: RunParameters
) -> Iterator[tuple[Run, ResolvedRun]]:
    """Everything around a pipeline's compute: parameters, lakehouse, errors."""
    with failing_at_once():
        _refuse_if_cancelled(context)
        settings = ledger.settings()
        what = resolved(context, ledger, settings, pipeline, config)
        if what.skip_readiness:
            context.log.warning(f"readiness check skipped: {what.skip_reason}")
        with ledger.lakehouse(settings) as lakehouse:
            yield pipeline_run(ledger, settings, lakehouse, what, _attempt_started(context, ledger)), what


def _refuse_if_cancelled(context: Context) -> None:
    """The operations of a run that do not depend on the interrupted one do not start any more."""
    run = context.instance.get_run_by_id(context.run.run_id)
    if run is not None and run.status in (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED):
        raise interrupted()


def _attempt_started(context: Context, ledger: LedgerResource) -> datetime:
    """When this run began: B's tasks share it, so that one attempt is one row of the run log."""
    told = context.run.tags.get(RUN_STARTED_TAG)
    if told and not context.retry_number:
        return datetime.fromisoformat(told)
    stats = context.instance.get_run_record_by_id(context.run.run_id)
    if stats is None or stats.start_time is None or context.retry_number:
        return ledger.now()
    return datetime.fromtimestamp(stats.start_time, tz=ledger.now().tzinfo)


def table_results(
    run: Run,
    what: ResolvedRun,
    outcomes: list[Outcome],
    tables: Mapping[Table, tuple[str, ...]],
    also: Mapping[Table, Mapping[str, Any]] | None = None,
) -> Iterator[dg.MaterializeResult[Any]]:
    """One materialization per table (with its writer, where a table has several)."""
    described = side_by_side([partial(table_metadata, run, what, outcomes, table) for table in tables])
    for (table, writer), metadata in zip(tables.items(), described, strict=True):
        yield dg.MaterializeResult(
            asset_key=asset_key(table, *writer),
            metadata={
                **plots(table, outcomes),  # first: what is looked at
                **metadata,
                "dagster/column_schema": column_schema(table, *writer),
                **lineage_metadata(table, *writer),
                **(also or {}).get(table, {}),
            },
            check_results=list(results_of(table, writer, [v for o in outcomes for v in o.verdicts])),
        )


def table_metadata(run: Run, what: ResolvedRun, outcomes: list[Outcome], table: Table) -> dict[str, Any]:
    """What an operator wants to know of one table's materialization; a sample never shows who a user is."""
    days = [o.window.date_kst for o in outcomes]
    written = [o.writes.get(table.full_name, WriteResult()) for o in outcomes]
    scope = Scope.of(days) if table.partition_by and days else None
    facts = {key: _plain(value) for o in outcomes for key, value in o.facts.items()}
    count, sample = count_and_sample(run.lakehouse, table, scope)
    return {
        # Of the days in hand: the row count of a partition, of the table where it has none.
        "dagster/partition_row_count" if scope else "dagster/row_count": count,
        "run_id": run.run_id,
        "window": ", ".join(str(o.window) for o in outcomes),
        "rows_read": sum(o.rows_read for o in outcomes),
        "rows_inserted": sum(w.inserted for w in written),
        "rows_updated": sum(w.updated for w in written),
        "rows_deleted": sum(w.deleted for w in written),
        "rows_written": sum(w.written for w in written),
        "rows_quarantined": sum(o.rows_quarantined for o in outcomes),
        "delta_version": run.lakehouse.version(table),
        "rule_ids": ", ".join(run.rules.rule_ids) if _uses_rules(run) else "none",
        "rule_load_mode": run.rules.load_description if _uses_rules(run) else "none",
        "readiness_skipped": what.skip_reason or "no",
        "sample": sample,
        **facts,
    }


def _uses_rules(run: Run) -> bool:
    return "rules" in run.__dict__  # a cached property: only what was really loaded is named


def _plain(value: object) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def count_and_sample(
    lakehouse: Lakehouse, table: Table, scope: Scope | None = None
) -> tuple[int, dg.MarkdownMetadataValue]:
    """How many rows, and a few of them as markdown without the columns that identify a user.

    Where only a query can tell the number, rows that fit into one small answer are counted there.
    """
    names = [c.name for c in table.columns if c.name not in table.identifying and not c.name.startswith("_")]
    shown = names[:_SAMPLE_COLUMNS]
    count = lakehouse.known_count(table, scope)
    rows = lakehouse.read(table, scope)
    few = [] if count == 0 else rows.select(*shown).limit(_SAMPLE_ROWS if count else _FEW_ROWS).collect()
    if count is None:
        count = len(few) if len(few) < _FEW_ROWS else rows.count()
    lines = ["| " + " | ".join(shown) + " |", "|" + " --- |" * len(shown)]
    for row in few[:_SAMPLE_ROWS]:
        lines.append("| " + " | ".join(_cell(row[name]) for name in shown) + " |")
    return count, dg.MetadataValue.md("\n".join(lines))


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def each_window(
    context: dg.AssetExecutionContext, windows: tuple[Window, ...], compute: Callable[[Window], Outcome]
) -> list[Outcome]:
    """Day by day, ascending; the first failing day stops it, earlier days stay (spec section 3)."""
    outcomes = []
    for window in windows:
        context.log.info(f"{context.op.name}: {window.date_kst} {window}")
        outcomes.append(compute(window))
    return outcomes


def log_ingested(context: dg.AssetExecutionContext, outcomes: list[Outcome]) -> None:
    """Bronze partitions that a run of A or Silver loaded on its way."""
    for ingested in (i for o in outcomes for i in o.ingested if i.files_loaded):
        schema, name = ingested.table.split(".")
        context.log_event(
            dg.AssetMaterialization(
                dg.AssetKey([schema, name]),
                partition=ingested.day.isoformat(),
                metadata={"rows_written": ingested.rows, "files_loaded": ingested.files_loaded},
            )
        )

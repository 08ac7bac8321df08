"""From a Dagster context to a pipeline run and back: parameters, errors, retries. No business logic."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import dagster as dg
from grpc import RpcError

from assets.checks.arrivals import loads
from assets.limits import INTERRUPTS, attempt_deadline, interrupted, refuse_if_interrupted
from assets.parameters import Context, asked_of, refuse_unsound
from configs.settings import Settings
from ledger.delta.commits import is_conflict
from ledger.delta.lakehouse import Lakehouse
from ledger.errors import AttemptTimeoutError, CommitConflictError, TransientError
from ledger.parameters import ResolvedRun, RunParameters
from ledger.pipelines.attempt import Outcome, Run, first_line
from ledger.pipelines.registry import Pipeline
from ledger.shortages import is_panic
from ledger.side_by_side import abandoned_end
from ledger.window import Window
from resources import told
from resources.interrupts import hangup_is_an_interrupt
from resources.ledger import RUN_STARTED_TAG, LedgerResource, landing_root
from resources.parameters import tag_with_run_id
from resources.spark import lost_engine, stop_work

logger = logging.getLogger("ledger.run")
_TRANSIENT = (TransientError, RpcError, ConnectionError, TimeoutError)
_GIVING_UP_SEC = 5


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
        raise interrupted() from told.original(error)
    except AttemptTimeoutError as error:
        _give_up()
        raise _passing(error) from told.original(error)
    except _TRANSIENT as error:
        if lost := lost_engine(error):
            raise _failure(lost) from told.original(error)
        raise _passing(error) from told.original(error)
    except dg.Failure:
        raise
    except Exception as error:
        lost = lost_engine(error)
        if lost is None and is_conflict(error):
            raise CommitConflictError(
                told.text(f"another writer changed a table while it was read: {first_line(error)}"),
                action="run it again later",
            ) from told.original(error)
        raise _failure(lost or error) from told.original(error)
    except BaseException as error:
        if not is_panic(error):
            raise
        raise _failure(error) from None


def _failure(error: BaseException) -> dg.Failure:
    return dg.Failure(
        description=told.text(first_line(error)),
        metadata=told.metadata({"error": type(error).__name__}),
        allow_retries=False,
    )


def _passing(error: Exception) -> TransientError:
    """The fault in our words: its own text would go into the run's events as the engine wrote it."""
    kind = type(error) if isinstance(error, TransientError) else TransientError
    return kind(told.text(first_line(error)))


def _give_up() -> None:
    """Nothing of the operation goes on: its engine's work ends, and with it the threads that wait for it."""
    stop_work()
    if not abandoned_end(_GIVING_UP_SEC):
        logger.warning("a thread of the interrupted operation is still at work; it ends with this process")


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
    context: Context, ledger: LedgerResource, pipeline: Pipeline, parameters: RunParameters
) -> Iterator[tuple[Run, ResolvedRun]]:
    """Everything around a pipeline's compute: parameters, lakehouse, errors."""
    with failing_at_once():
        _refuse_if_cancelled(context)
        settings = ledger.settings()
        refuse_unsound(context, ledger, settings)
        what = asked_of(context, ledger, settings, parameters).resolved(pipeline)
        tag_with_run_id(context.instance, context.run, what.run_id)
        if pipeline.loads_landing and settings.bronze.ingest == "landing":
            landing_root(settings)
        if what.skip_readiness:
            context.log.warning(told.text(f"readiness check skipped: {what.skip_reason}"))
        with ledger.lakehouse(settings) as lakehouse:
            yield pipeline_run(ledger, settings, lakehouse, what, _attempt_started(context, ledger)), what


def _refuse_if_cancelled(context: Context) -> None:
    """The operations of a run that do not depend on the interrupted one do not start any more."""
    run = context.instance.get_run_by_id(context.run.run_id)
    if run is not None and run.status in (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED):
        raise interrupted()


def _attempt_started(context: Context, ledger: LedgerResource) -> datetime:
    """When this attempt began: B's tasks share the run's start, so that one attempt is one row of the run log.

    A step that is tried again begins no earlier than the orchestrator says that it did, also where the clock went back
    in between: by that the finalizer knows what the attempt has recorded itself.
    """
    told = context.run.tags.get(RUN_STARTED_TAG)
    record = None if told else context.instance.get_run_record_by_id(context.run.run_id)
    if told:
        started = datetime.fromisoformat(told)
    elif record is not None and record.start_time is not None:
        started = datetime.fromtimestamp(record.start_time, UTC)
    else:
        return ledger.now()
    if not context.retry_number:
        return started
    tries = context.instance.all_logs(context.run.run_id, of_type=dg.DagsterEventType.STEP_RESTARTED)
    own = [event.timestamp for event in tries if event.step_key == str(context.op_handle)]
    return max(ledger.now(), started, *[datetime.fromtimestamp(at, UTC) for at in own])


def each_window(
    context: dg.AssetExecutionContext, windows: tuple[Window, ...], compute: Callable[[Window], Outcome]
) -> list[Outcome]:
    """Day by day, ascending; the first failing day stops it, earlier days stay (spec section 3)."""
    outcomes = []
    for window in windows:
        context.log.info(told.text(f"{context.op.name}: {window.date_kst} {window}"))
        outcomes.append(compute(window))
    return outcomes


def log_ingested(context: dg.AssetExecutionContext, outcomes: list[Outcome]) -> None:
    """Bronze partitions that a run of A or Silver loaded on its way, with their checks."""
    for event in loads(i for o in outcomes for i in o.ingested):
        context.log_event(event)

"""Which runs a command asks for, and what is refused before any of them starts (spec section 3)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from assets.retention import RETENTION_JOB, is_dry_run, retention_days
from configs.settings import Settings, load_settings
from ledger.clock import future_watermark, refuse_far_ahead
from ledger.errors import ParameterError, RulesError, SettingsError
from ledger.gold import dim_rule_scd2
from ledger.jobs import refuse_job, refuse_parameters
from ledger.parameters import RunParameters, default_guardrail_window, resolve
from ledger.pipelines.registry import BY_JOB, PIPELINE_A, PIPELINES, WINDOW_PARAMETERS, Pipeline
from ledger.rule_loading import read_seed
from ledger.state import read_state
from ledger.tables import ALL
from ledger.window import Window, kst_day
from orchestration.requests import Launch
from resources.environments import ledger_of
from resources.ledger import LedgerResource, landing_root

logger = logging.getLogger("ledger.run")
SYNC_JOB = "sync_dim_rule_scd2"
_READ_LANDING = ("bronze_ingest", *[pipeline.job for pipeline in PIPELINES if pipeline.loads_landing])


def plan(job: str, parameters: Mapping[str, str], partition: str | None) -> list[Launch]:
    """The runs that a command asks for, one per KST day, ascending. Starts no Spark, except for A's default window.

    Raises :class:`ParameterError` or :class:`SettingsError` naming the parameter or setting that is wrong.
    """
    refuse_job(job)
    settings = load_settings()
    given = {name: value for name, value in parameters.items() if value.strip()}
    refuse_parameters(job, given)
    if job in BY_JOB:
        return _plan_pipeline(BY_JOB[job], given, partition, settings)
    if job == RETENTION_JOB:
        retention_days(given.get("retention_days", ""), settings.retention.days)
        is_dry_run(given.get("dry_run", ""))
    if job == SYNC_JOB:
        _require_seed(given.get("seed_path", ""), settings)
    if job != "bronze_ingest":
        if partition:
            raise ParameterError(f"parameter partition: {job} has no partitions")
        return [Launch(job, None, given)]
    # Landing days follow the rules of a backfill of A: whole days, today included.
    what = resolve(
        PIPELINE_A,
        RunParameters(**({"run_mode": "backfill"} | given)),
        now=LedgerResource().now(),
        default_run_id="ingest",
        is_prod=False,
        partition=_partition(partition, settings, including_today=True),
    )
    _require_landing(job, settings)
    return [Launch(job, window.date_kst) for window in what.windows]


def _plan_pipeline(
    pipeline: Pipeline, given: Mapping[str, str], partition: str | None, settings: Settings
) -> list[Launch]:
    job, is_daily = pipeline.job, pipeline.schedule.is_daily
    ledger = ledger_of(settings)
    now = ledger.now()
    what = resolve(
        pipeline,
        RunParameters(**given),
        now=now,
        default_run_id="root",
        is_prod=settings.is_prod,
        partition=_partition(partition, settings, including_today=not is_daily),
    )
    shared = {k: v for k, v in given.items() if k not in WINDOW_PARAMETERS}
    for window in what.windows if what.is_backfill else ():
        _partition(window.date_kst.isoformat(), settings, including_today=not is_daily)
    _require_landing(job, settings)
    if not what.windows:
        window = _guardrail_default(ledger, settings)
        return [_incremental(job, window, shared)]
    for window in what.windows:
        _partition(window.date_kst.isoformat(), settings, including_today=not is_daily)
    if not is_daily and not what.is_backfill and "start_ts" in given:
        return [_incremental(job, Window(what.windows[0].start, what.windows[-1].end), shared)]
    if is_daily and any(not w.is_kst_day for w in what.windows):
        return [_incremental(job, window, shared) for window in what.windows]
    return [Launch(job, w.date_kst, {**shared, "run_mode": "backfill"}) for w in what.windows]


def _require_landing(job: str, settings: Settings) -> None:
    """A typo in the landing's name must not look like a day without files; asked before Spark starts."""
    if job in _READ_LANDING and settings.bronze.ingest == "landing":
        landing_root(settings)


def _require_seed(given: str, settings: Settings) -> None:
    """A seed that cannot be read is refused before Spark starts; what it says is for the sync to judge."""
    if not settings.has_local_tables:
        return  # it lies where the step runs
    path = settings.resolved(given.strip() or settings.rules.seed_path)
    try:
        read_seed(path)
    except RulesError as error:
        name, kind = ("parameter seed_path", ParameterError) if given else ("rules.seed_path", SettingsError)
        raise kind(f"{name}: {error.what}", action="correct it; nothing was started") from None


def _guardrail_default(ledger: LedgerResource, settings: Settings) -> Window:
    with ledger.lakehouse(settings) as lakehouse:
        watermark, now = read_state(lakehouse, PIPELINE_A.name).last_processed_end, ledger.now()
        is_external = settings.bronze.ingest == "external"
        refuse_far_ahead(
            lakehouse, now, landing=None if is_external else settings.resolved(settings.lakehouse.landing)
        )
    if watermark and watermark > now:
        logger.warning(
            "%s; only the last ten minutes are evaluated", future_watermark(PIPELINE_A.name, watermark)
        )
    return default_guardrail_window(now, watermark)


def _incremental(job: str, window: Window, shared: Mapping[str, str]) -> Launch:
    """An incremental run belongs to the daily partition of its window's last instant."""
    times = {"start_ts": window.start.isoformat(), "end_ts": window.end.isoformat()}
    return Launch(job, window.date_kst, {**shared, **times, "run_mode": "incremental"})


def _partition(text: str | None, settings: Settings, *, including_today: bool) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ParameterError(f"parameter partition: {text!r} is not a day such as 2026-02-01") from None
    first = settings.partitions.start_date
    last = kst_day(LedgerResource().now()) - timedelta(days=0 if including_today else 1)
    if not first <= day <= last:
        raise ParameterError(
            f"parameter partition: {day} is not between {first} (partitions.start_date) and {last}",
            action="choose a KST day that has ended" if day > last else "choose a later day",
        )
    return day


def preparations(settings: Settings) -> Iterator[Launch]:
    """Preparations of a day: the catalog where a table is missing, the rules where there are none.

    Nothing on Databricks: there both jobs are the operator's, on demand (runbook, section 2).
    """
    if not settings.has_local_tables:
        return
    with ledger_of(settings).lakehouse(settings) as lakehouse:
        is_complete = all(lakehouse.exists(table) for table in ALL)
        if not is_complete:
            yield Launch("bootstrap_catalog")
        if not lakehouse.count(dim_rule_scd2.TABLE):
            yield Launch(SYNC_JOB)


def day_launches(day: date, settings: Settings, run_id: str | None) -> list[Launch]:
    """Ingest (unless another system fills Bronze), then A as a backfill, Silver, B and C of one KST day."""
    parameters = {"run_mode": "backfill", **({"run_id": run_id} if run_id else {})}
    ingest = [Launch("bronze_ingest", day)] if settings.bronze.ingest == "landing" else []
    return [*ingest, *[Launch(pipeline.job, day, parameters) for pipeline in PIPELINES]]

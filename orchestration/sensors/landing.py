"""Landing files that arrived: today's are loaded, those of a day that Silver has done make it run again (spec 4).

A and Silver load the landing days of their windows themselves, so this sensor brings freshness, and corrections of
old days that no window would look at again. A landing that is away (a mount, say) is no empty landing: nothing is
forgotten, and nothing is asked for again when it is back.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg

from configs.settings import Settings
from ledger.bronze.still_written import SETTLE as SETTLE
from ledger.errors import IngestError
from ledger.pipelines.registry import PIPELINE_SILVER
from ledger.window import kst_day
from orchestration.jobs import jobs_named
from orchestration.processes import run_at_work
from orchestration.requests import REASON_TAG, Launch, day_request, run_request
from orchestration.runs import succeeded_days
from orchestration.sensors.arrivals import Arrived, Landing
from orchestration.sensors.arrivals import arrived as arrived
from orchestration.sensors.landing_cursor import Cursor, Mark
from resources import told
from resources.ledger import LedgerResource

logger = logging.getLogger(__name__)
INGEST_JOB = "bronze_ingest"
AWAY_EVALUATIONS = 5
"""So many evaluations in a row that cannot see the landing are an alarm: the tick fails, and every one after it."""


def landing_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Runs for landing days with new or changed files."""

    @dg.sensor(
        name="landing_files",
        jobs=jobs_named(INGEST_JOB, PIPELINE_SILVER.job),
        minimum_interval_seconds=120,
        default_status=status,
        description="Loads landing files that arrived; runs Silver again for a day whose files were corrected",
    )
    def landing_files(
        context: dg.SensorEvaluationContext, ledger: LedgerResource
    ) -> dg.SensorResult | dg.SkipReason:
        if settings.bronze.ingest == "external":
            return dg.SkipReason("another system fills Bronze (bronze.ingest: external)")
        root = settings.resolved(settings.lakehouse.landing)
        if "://" in root or settings.spark.engine == "databricks":
            return dg.SkipReason(
                told.text(f"{root} is not a folder of this host: A's and Silver's runs load it themselves")
            )
        earliest = kst_day(ledger.now()) - timedelta(days=settings.lookback_days)
        return evaluate(
            context.instance, arrived(Path(root), earliest, ledger.now()), context.cursor, ledger.now()
        )

    return landing_files


def evaluate(
    instance: dg.DagsterInstance, found: Landing, cursor: str | None, now: datetime
) -> dg.SensorResult:
    """The loads to request, and the cursor: every landing day that was dealt with, as it was then.

    Raises :class:`IngestError` when the landing is away for :data:`AWAY_EVALUATIONS` evaluations in a row.
    """
    before = Cursor.parse(cursor).since(found.earliest)
    gone = before.folders() - found.folders
    away = found.away or (f"{', '.join(sorted(gone))} is not there any more" if gone else None)
    if away:
        return _away(before, away)
    if before.days is None:
        settled = {day: Mark(a.tables) for day, a in found.days.items() if a.settled}
        reason = f"first evaluation: {len(settled)} landing days are there, watching for changes from now on"
        return dg.SensorResult(skip_reason=told.text(reason), cursor=str(Cursor(settled)))
    known = dict(before.days)
    for day, mark in known.items():
        if mark.is_legacy and day in found.days:
            known[day] = Mark(found.days[day].tables)
    changed = [day for day in sorted(found.days) if _is_changed(known.get(day), found.days[day])]
    ready = [day for day in changed if found.days[day].settled and day <= kst_day(now)]
    requests = _requests(instance, ready, found.days, known)
    return dg.SensorResult(
        run_requests=requests,
        cursor=str(Cursor(known)),
        skip_reason=None if requests else told.text(_nothing(changed, ready)),
    )


def _away(before: Cursor, why: str) -> dg.SensorResult:
    count = before.away + 1
    what = f"the landing is away: {why}"
    if count >= AWAY_EVALUATIONS:
        raise IngestError(
            f"{what}, for {count} evaluations in a row",
            action="mount it again; where its files moved for good set lakehouse.landing, or reset the sensor's cursor",
        )
    if count == 1:
        logger.warning("%s", what)
    first = "first evaluation: " if before.days is None else ""
    return dg.SensorResult(
        skip_reason=told.text(
            f"{first}{what} (evaluation {count} of {AWAY_EVALUATIONS}, then it is an alarm);"
            " nothing is forgotten"
        ),
        cursor=str(replace(before, away=count)),
    )


def _is_changed(mark: Mark | None, what: Arrived) -> bool:
    """Whether a table's files are others than those that were dealt with; what is gone is no change."""
    tables = mark.tables if mark else {}
    return any(tables.get(folder) != fingerprint for folder, fingerprint in what.tables.items())


def _requests(
    instance: dg.DagsterInstance,
    ready: Sequence[date],
    found: Mapping[date, Arrived],
    known: dict[date, Mark],
) -> list[dg.RunRequest]:
    """A run per ready day, noted in ``known``; one load at a time, what came meanwhile is for the next evaluation."""
    done = succeeded_days(instance, PIPELINE_SILVER.name) if ready else set()
    is_loading = bool(ready) and run_at_work(instance, INGEST_JOB) is not None
    requests = []
    for day in ready:
        if day not in done and is_loading:
            continue
        before = known.get(day, Mark())
        requests.append(_request(day, found[day], before.requests, is_done=day in done))
        known[day] = Mark({**before.tables, **found[day].tables}, before.requests + 1)
    return requests


def _request(day: date, what: Arrived, nth: int, *, is_done: bool) -> dg.RunRequest:
    # Files that are put back as they were before make a change, too: the same files may be asked for again.
    key = f"landing:{day}:{what.fingerprint}:{nth}"
    if is_done:
        return day_request(PIPELINE_SILVER.name, day, key, "landing files of a finished day changed")
    launch = Launch(INGEST_JOB, day, tags={REASON_TAG: "landing files arrived"})
    return run_request(launch, f"{INGEST_JOB}:{key}")


def _nothing(changed: Sequence[date], ready: Sequence[date]) -> str:
    if ready:
        return f"{INGEST_JOB} is still at work; {', '.join(map(str, ready))} is loaded next"
    if changed:
        return f"files of {', '.join(map(str, changed))} may still be written"
    return "no new landing files"

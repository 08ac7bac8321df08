"""Landing files that arrived: today's are loaded, those of a day that Silver has done make it run again (spec 4).

A and Silver load the landing days of their windows themselves, so this sensor brings freshness, and corrections of
old days that no window would look at again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from configs.settings import Settings
from ledger.bronze.landing import FORMATS
from ledger.window import kst_day
from orchestration.jobs import PIPELINE_JOBS, jobs_named
from orchestration.runs import REASON_TAG, succeeded_days
from orchestration.schedules import request
from resources.ledger import LedgerResource

INGEST_JOB = "bronze_ingest"
# A file that was written to more recently may still be growing.
SETTLE = timedelta(seconds=60)
_FOLDER = "date="


@dataclass(frozen=True)
class Arrived:
    """A landing day's files as one fingerprint; ``settled`` is false while one of them may still be written."""

    fingerprint: str
    files: int
    settled: bool


def landing_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Runs for landing days with new or changed files."""

    @dg.sensor(
        name="landing_files",
        jobs=jobs_named(INGEST_JOB, PIPELINE_JOBS["pipeline_silver"]),
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
                f"{root} is not a folder of this host: A's and Silver's runs load it themselves"
            )
        earliest = kst_day(ledger.now()) - timedelta(days=settings.lookback_days)
        return evaluate(
            context.instance, arrived(Path(root), earliest, ledger.now()), context.cursor, ledger.now()
        )

    return landing_files


def arrived(root: Path, earliest: date, now: datetime) -> dict[date, Arrived]:
    """The landing days from ``earliest`` on that have files."""
    files: dict[date, list[tuple[str, int, int]]] = {}
    for path in root.glob(f"*/{_FOLDER}*/*"):
        day = _day(path.parent.name)
        if day is None or day < earliest or path.suffix[1:] not in FORMATS:
            continue
        try:
            found = path.stat()
        except FileNotFoundError:
            continue  # replaced at this moment: the next evaluation sees it
        files.setdefault(day, []).append(
            (path.relative_to(root).as_posix(), found.st_size, found.st_mtime_ns)
        )
    settled_ns = int((now - SETTLE).timestamp() * 1e9)
    return {
        day: Arrived(_fingerprint(listed), len(listed), max(mtime for *_, mtime in listed) <= settled_ns)
        for day, listed in files.items()
    }


def evaluate(
    instance: dg.DagsterInstance, found: Mapping[date, Arrived], cursor: str | None, now: datetime
) -> dg.SensorResult:
    """What is to be loaded, and the cursor: the fingerprint of every landing day that was dealt with."""
    known = _parse(cursor)
    if known is None:
        settled = {day: a.fingerprint for day, a in found.items() if a.settled}
        reason = f"first evaluation: {len(settled)} landing days are there, watching for changes from now on"
        return dg.SensorResult(skip_reason=reason, cursor=_text(settled))
    changed = [day for day in sorted(found) if known.get(day) != found[day].fingerprint]
    ready = [day for day in changed if found[day].settled and day <= kst_day(now)]
    done = succeeded_days(instance, "pipeline_silver") if ready else set()
    is_loading = bool(ready) and bool(
        instance.get_runs(dg.RunsFilter(job_name=INGEST_JOB, statuses=NOT_FINISHED_STATUSES), limit=1)
    )
    requests = []
    for day in ready:
        if day not in done and is_loading:
            continue  # one load at a time; what came meanwhile is seen by the next evaluation
        requests.append(_request(day, found[day], is_done=day in done))
        known[day] = found[day].fingerprint
    kept = {day: known[day] for day in known if day in found}
    return dg.SensorResult(
        run_requests=requests, cursor=_text(kept), skip_reason=None if requests else _nothing(changed, ready)
    )


def _request(day: date, what: Arrived, *, is_done: bool) -> dg.RunRequest:
    key = f"landing:{day}:{what.fingerprint}"
    if is_done:
        return request("pipeline_silver", day, key, "landing files of a finished day changed")
    return dg.RunRequest(
        job_name=INGEST_JOB,
        run_key=f"{INGEST_JOB}:{key}",
        partition_key=day.isoformat(),
        tags={REASON_TAG: "landing files arrived"},
    )


def _nothing(changed: Sequence[date], ready: Sequence[date]) -> str:
    if ready:
        return f"{INGEST_JOB} is still at work; {', '.join(map(str, ready))} is loaded next"
    if changed:
        return f"files of {', '.join(map(str, changed))} may still be written"
    return "no new landing files"


def _day(folder: str) -> date | None:
    try:
        return date.fromisoformat(folder.removeprefix(_FOLDER))
    except ValueError:
        return None  # no landing day: nothing reads it


def _fingerprint(files: Sequence[tuple[str, int, int]]) -> str:
    return hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()[:16]


def _parse(cursor: str | None) -> dict[date, str] | None:
    try:
        return {date.fromisoformat(day): str(mark) for day, mark in json.loads(cursor or "").items()}
    except (ValueError, AttributeError):
        return None


def _text(marks: Mapping[date, str]) -> str:
    return json.dumps({day.isoformat(): mark for day, mark in sorted(marks.items())})

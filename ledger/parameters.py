"""Run parameters resolved to windows, from the launchpad as from the command line (spec section 3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pydantic import BaseModel, Field

from ledger.days import FIRST_DAY, LAST_DAY, is_askable
from ledger.errors import ParameterError
from ledger.jobs import PARAMETERS
from ledger.pipelines.registry import Pipeline
from ledger.rules import RuleLoadMode
from ledger.window import Window, day_start, kst_day

_RUN_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DEFAULT_A_WINDOW = timedelta(minutes=10)
_LONGEST = timedelta(days=3700)  # ten years: longer is a slip of the pen
_INSTANT = timedelta(microseconds=1)


class RunParameters(BaseModel, frozen=True):
    """Parameters of A, Silver, B and C, as text; blank means not given."""

    run_mode: str = Field("", description=PARAMETERS["run_mode"])
    start_ts: str = Field("", description=PARAMETERS["start_ts"])
    end_ts: str = Field("", description=PARAMETERS["end_ts"])
    date_kst_start: str = Field("", description=PARAMETERS["date_kst_start"])
    date_kst_end: str = Field("", description=PARAMETERS["date_kst_end"])
    run_id: str = Field("", description=PARAMETERS["run_id"])
    rule_load_mode: str = Field("", description=PARAMETERS["rule_load_mode"])
    skip_upstream_readiness_check: str = Field("", description=PARAMETERS["skip_upstream_readiness_check"])
    skip_reason: str = Field("", description=PARAMETERS["skip_reason"])


def taken_by(pipeline: Pipeline, parameters: RunParameters) -> RunParameters:
    """The parameters without those that the pipeline does not take: where it is only asked about, not run."""
    return RunParameters(**{name: getattr(parameters, name) for name in pipeline.parameters})


@dataclass(frozen=True)
class ResolvedRun:
    """The parameters resolved. ``windows`` is empty when A has to take its default from its state."""

    windows: tuple[Window, ...]
    is_backfill: bool
    run_id: str
    rule_load_mode: RuleLoadMode
    skip_readiness: bool
    skip_reason: str


def resolve(
    pipeline: Pipeline,
    parameters: RunParameters,
    *,
    now: datetime,
    default_run_id: str,
    is_prod: bool,
    partition: date | None = None,
) -> ResolvedRun:
    """Check the parameters and turn them into windows, ascending, one per KST day. Starts no Spark.

    Raises :class:`ParameterError` with the name of the parameter that is wrong.
    """
    parameters = RunParameters(**{name: value.strip() for name, value in parameters.model_dump().items()})
    given = {name for name, value in parameters.model_dump().items() if value}
    for name in sorted(given - set(pipeline.parameters)):
        raise _refused(name, f"{pipeline.name} does not take it")
    run_id = parameters.run_id or default_run_id
    if not _RUN_ID.fullmatch(run_id):
        raise _refused("run_id", f"{run_id!r} must match {_RUN_ID.pattern}")
    mode = _run_mode(parameters, given, partition)
    find = _backfill_window if mode == "backfill" else _incremental_window
    window: Window | None = find(pipeline, parameters, given, partition, now)
    if window and window.end - window.start > _LONGEST:
        raise _refused(
            "start_ts" if "start_ts" in given else "date_kst_start",
            f"{window} is longer than {_LONGEST.days} days",
        )
    windows = tuple(window.split_by_day()) if window else ()
    if window and pipeline.needs and not all(w.is_kst_day for w in windows):
        raise _refused("start_ts", f"{pipeline.name} works on whole KST days, not on {window}")
    return ResolvedRun(
        windows=windows,
        is_backfill=mode == "backfill",
        run_id=run_id,
        rule_load_mode=_rule_load_mode(parameters, is_prod),
        skip_readiness=_skips_readiness(parameters),
        skip_reason=parameters.skip_reason,
    )


def default_guardrail_window(now: datetime, last_processed_end: datetime | None) -> Window:
    """A's window when none is given: from its watermark, else the last ten minutes (spec section 3)."""
    if last_processed_end is not None and last_processed_end < now:
        return Window(last_processed_end, now)
    return Window(now - _DEFAULT_A_WINDOW, now)


def _run_mode(parameters: RunParameters, given: set[str], partition: date | None) -> str:
    """Blank: days, or a partition with nothing else, mean a backfill; anything else is incremental."""
    mode = parameters.run_mode
    if mode not in ("", "incremental", "backfill"):
        raise _refused("run_mode", f"{mode!r} is unknown; use incremental or backfill")
    days, instants = given & {"date_kst_start", "date_kst_end"}, given & {"start_ts", "end_ts"}
    if days and instants:
        raise _refused(min(instants), f"it cannot be mixed with {min(days)}")
    if mode == "incremental" and days:
        raise _refused(min(days), "incremental takes start_ts and end_ts")
    return mode or ("backfill" if days or (partition and not instants) else "incremental")


def _backfill_window(
    pipeline: Pipeline, parameters: RunParameters, given: set[str], partition: date | None, now: datetime
) -> Window:
    if given & {"start_ts", "end_ts"}:
        start_name, end_name = "start_ts", "end_ts"
        window = _instants(parameters, given)
    elif given & {"date_kst_start", "date_kst_end"}:
        start_name, end_name = "date_kst_start", "date_kst_end"
        first, last = (_day(name, getattr(parameters, name)) for name in (start_name, end_name))
        if last < first:
            raise _refused(end_name, f"{last} is before {start_name} {first}")
        window = Window(Window.of_day(first).start, Window.of_day(last).end)
    elif partition:
        start_name = end_name = "partition"
        window = Window.of_day(partition)
    else:
        raise _refused("date_kst_start", "backfill needs days")
    if kst_day(window.start) != kst_day(window.start - _INSTANT) and window.end == day_start(
        kst_day(window.end)
    ):
        if partition and window != Window.of_day(partition):
            raise _refused(start_name, f"{window} contradicts the partition {partition}")
        return _not_in_future(pipeline, window, now, end_name)
    raise _refused(start_name, f"backfill needs whole KST days, {window} is not")


def _incremental_window(
    pipeline: Pipeline, parameters: RunParameters, given: set[str], partition: date | None, now: datetime
) -> Window | None:
    if given & {"start_ts", "end_ts"}:
        window = _not_in_future(None, _instants(parameters, given), now, "end_ts")
        if partition and window.date_kst != partition:
            raise _refused(
                "end_ts", f"{window} belongs to {window.date_kst}, not to the partition {partition}"
            )
        return window
    if not pipeline.schedule.is_daily and partition in (None, kst_day(now - _INSTANT)):
        return None
    if partition:
        raise _refused("run_mode", f"incremental needs start_ts and end_ts for the partition {partition}")
    return Window.of_day(kst_day(now) - timedelta(days=1))


def _instants(parameters: RunParameters, given: set[str]) -> Window:
    for name in ("start_ts", "end_ts"):
        if name not in given:
            raise _refused(name, "a window needs both start_ts and end_ts")
    start, end = (_instant(name, getattr(parameters, name)) for name in ("start_ts", "end_ts"))
    if not start < end:
        raise _refused("end_ts", f"{parameters.end_ts} is not after start_ts {parameters.start_ts}")
    return Window(start, end)


def _not_in_future(pipeline: Pipeline | None, window: Window, now: datetime, name: str) -> Window:
    """Refuse a window that has not ended; a pipeline that is not daily (A) may look at today so far."""
    if window.end <= now:
        return window
    if pipeline and not pipeline.schedule.is_daily and window.start < now:
        return Window(window.start, now)
    raise _refused(name, f"{window} lies in the future (now is {now:%Y-%m-%dT%H:%M:%SZ})")


def _instant(name: str, text: str) -> datetime:
    try:
        if _DAY.fullmatch(text):
            raise ValueError
        instant = datetime.fromisoformat(text)
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        day = kst_day(instant)  # the KST day has to exist too
    except (ValueError, OverflowError):
        raise _refused(name, f"{text!r} is not an ISO-8601 time such as 2026-02-01T15:00:00Z") from None
    _check_askable(name, day)
    return instant


def _day(name: str, text: str) -> date:
    if not text:
        raise _refused(name, "backfill needs both date_kst_start and date_kst_end")
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise _refused(name, f"{text!r} is not a day such as 2026-02-01") from None
    return _check_askable(name, day)


def _check_askable(name: str, day: date) -> date:
    if not is_askable(day):
        raise _refused(name, f"{day} is not between {FIRST_DAY} and {LAST_DAY}")
    return day


def _rule_load_mode(parameters: RunParameters, is_prod: bool) -> RuleLoadMode:
    mode = parameters.rule_load_mode or "strict"
    if mode not in ("strict", "fallback"):
        raise _refused("rule_load_mode", f"{mode!r} is unknown; use strict or fallback")
    if mode == "fallback" and is_prod:
        raise _refused("rule_load_mode", "production accepts only strict")
    return "strict" if mode == "strict" else "fallback"


def _skips_readiness(parameters: RunParameters) -> bool:
    text = parameters.skip_upstream_readiness_check.lower()
    if text not in ("", "true", "false"):
        raise _refused("skip_upstream_readiness_check", f"{text!r} is neither true nor false")
    if text == "true" and not parameters.skip_reason:
        raise _refused("skip_reason", "skip_upstream_readiness_check=true needs a reason")
    return text == "true"


def _refused(name: str, problem: str) -> ParameterError:
    return ParameterError(f"parameter {name}: {problem}", action="correct it; nothing was started")

"""Run parameters: every accepted and refused combination of spec section 3. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ledger.errors import ParameterError
from ledger.parameters import ResolvedRun, RunParameters, default_guardrail_window, resolve
from ledger.pipelines.registry import PIPELINE_A, PIPELINE_B, PIPELINE_C, PIPELINE_SILVER, Pipeline
from ledger.window import Window

NOW = datetime(2026, 2, 11, 3, tzinfo=UTC)  # noon of 2026-02-11 in KST
TODAY, YESTERDAY, BEFORE = date(2026, 2, 11), date(2026, 2, 10), date(2026, 2, 9)
A, SILVER, B, C = PIPELINE_A, PIPELINE_SILVER, PIPELINE_B, PIPELINE_C
DAY_B = {"start_ts": "2026-02-08T15:00:00Z", "end_ts": "2026-02-09T15:00:00Z"}  # KST day BEFORE
PART = {"start_ts": "2026-02-10T01:00:00Z", "end_ts": "2026-02-10T02:00:00Z"}
CROSSING = {"start_ts": "2026-02-10T14:55:00Z", "end_ts": "2026-02-10T15:05:00Z"}
DAYS = {"date_kst_start": "2026-02-09", "date_kst_end": "2026-02-10"}


def ask(
    pipeline: Pipeline, parameters: dict[str, str], partition: date | None = None, **more: Any
) -> ResolvedRun:
    options: dict[str, Any] = {"now": NOW, "default_run_id": "root", "is_prod": False, **more}
    return resolve(pipeline, RunParameters(**parameters), partition=partition, **options)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day(*days: date) -> tuple[Window, ...]:
    return tuple(Window.of_day(d) for d in days)


PART_WINDOW = Window(at("2026-02-10T01:00"), at("2026-02-10T02:00"))
CROSSING_WINDOWS = (
    Window(at("2026-02-10T14:55"), at("2026-02-10T15:00")),
    Window(at("2026-02-10T15:00"), at("2026-02-10T15:05")),
)
TODAY_SO_FAR = Window(at("2026-02-10T15:00"), NOW)
BACKFILL, INCREMENTAL = {"run_mode": "backfill"}, {"run_mode": "incremental"}


ACCEPTED: list[Any] = [
    # nothing given: the default window
    (SILVER, {}, None, day(YESTERDAY), False),
    (B, {}, None, day(YESTERDAY), False),
    (C, {}, None, day(YESTERDAY), False),
    (A, {}, None, (), False),
    (SILVER, INCREMENTAL, None, day(YESTERDAY), False),
    (A, INCREMENTAL, None, (), False),
    (SILVER, {"run_mode": " ", "start_ts": "  ", "date_kst_end": "\t"}, None, day(YESTERDAY), False),
    # instants
    (A, {**INCREMENTAL, **PART}, None, (PART_WINDOW,), False),
    (A, PART, None, (PART_WINDOW,), False),
    (SILVER, PART, None, (PART_WINDOW,), False),
    (A, CROSSING, None, CROSSING_WINDOWS, False),
    (SILVER, CROSSING, None, CROSSING_WINDOWS, False),
    (B, DAY_B, None, day(BEFORE), False),
    (C, {**INCREMENTAL, **DAY_B}, None, day(BEFORE), False),
    (B, {"start_ts": "2026-02-08T15:00:00Z", "end_ts": "2026-02-10T15:00:00Z"}, None, day(BEFORE, YESTERDAY), False),
    (A, {"start_ts": "2026-02-10T10:00:00+09:00", "end_ts": "2026-02-10T11:00:00+09:00"}, None, (PART_WINDOW,), False),
    (A, {"start_ts": "2026-02-10T01:00", "end_ts": "2026-02-10 02:00:00"}, None, (PART_WINDOW,), False),
    (A, {"start_ts": "2026-02-11T02:50:00Z", "end_ts": "2026-02-11T03:00:00Z"}, None,
     (Window(NOW - timedelta(minutes=10), NOW),), False),
    # days
    (SILVER, {**BACKFILL, **DAYS}, None, day(BEFORE, YESTERDAY), True),
    (B, DAYS, None, day(BEFORE, YESTERDAY), True),
    (C, {"date_kst_start": "2026-02-09", "date_kst_end": "2026-02-09"}, None, day(BEFORE), True),
    (SILVER, {**BACKFILL, **DAY_B}, None, day(BEFORE), True),
    (A, {**BACKFILL, "date_kst_start": "2026-02-11", "date_kst_end": "2026-02-11"}, None, (TODAY_SO_FAR,), True),
    # a partition
    (SILVER, {}, BEFORE, day(BEFORE), True),
    (B, {}, BEFORE, day(BEFORE), True),
    (A, {}, BEFORE, day(BEFORE), True),
    (A, {}, TODAY, (TODAY_SO_FAR,), True),
    (SILVER, BACKFILL, BEFORE, day(BEFORE), True),
    (SILVER, {"date_kst_start": "2026-02-09", "date_kst_end": "2026-02-09"}, BEFORE, day(BEFORE), True),
    (SILVER, {**BACKFILL, **DAY_B}, BEFORE, day(BEFORE), True),
    (A, {**INCREMENTAL, **PART}, YESTERDAY, (PART_WINDOW,), False),
    (C, DAY_B, BEFORE, day(BEFORE), False),
]  # fmt: skip


@pytest.mark.parametrize(("pipeline", "parameters", "partition", "windows", "is_backfill"), ACCEPTED)
def test_accepted(
    pipeline: Pipeline,
    parameters: dict[str, str],
    partition: date | None,
    windows: tuple[Window, ...],
    is_backfill: bool,
) -> None:
    """INV-17: one window per KST day, ascending; a partition with blank parameters is a backfill of its day."""
    what = ask(pipeline, parameters, partition)
    assert what.windows == windows
    assert what.is_backfill is is_backfill
    assert (what.run_id, what.rule_load_mode, what.skip_readiness) == ("root", "strict", False)


REFUSED: list[Any] = [
    # modes
    (SILVER, {"run_mode": "full"}, None, "run_mode"),
    (SILVER, {"run_mode": "Backfill"}, None, "run_mode"),
    (SILVER, BACKFILL, None, "date_kst_start"),
    (A, BACKFILL, None, "date_kst_start"),
    (SILVER, INCREMENTAL, BEFORE, "run_mode"),
    # half a window
    (SILVER, {"start_ts": PART["start_ts"]}, None, "end_ts"),
    (SILVER, {"end_ts": PART["end_ts"]}, None, "start_ts"),
    (SILVER, {"date_kst_start": "2026-02-09"}, None, "date_kst_end"),
    (SILVER, {"date_kst_end": "2026-02-09"}, None, "date_kst_start"),
    (SILVER, {**INCREMENTAL, "end_ts": PART["end_ts"]}, None, "start_ts"),
    # a mix
    (SILVER, {**PART, **DAYS}, None, "end_ts"),
    (SILVER, {"start_ts": PART["start_ts"], "date_kst_end": "2026-02-09"}, None, "start_ts"),
    (SILVER, {**INCREMENTAL, **DAYS}, None, "date_kst_end"),
    # the wrong way round
    (SILVER, {"start_ts": PART["end_ts"], "end_ts": PART["start_ts"]}, None, "end_ts"),
    (SILVER, {"start_ts": PART["start_ts"], "end_ts": PART["start_ts"]}, None, "end_ts"),
    (SILVER, {"date_kst_start": "2026-02-10", "date_kst_end": "2026-02-09"}, None, "date_kst_end"),
    # malformed
    *[(SILVER, {**PART, "start_ts": text}, None, "start_ts")
      for text in ("yesterday", "2026-02-10", "2026-02-30T00:00:00Z", "2026-02-10T25:00:00Z", "1770685200", "Z",
                   "0001-01-01T00:00:00+14:00")],
    *[(SILVER, {**PART, "end_ts": text}, None, "end_ts") for text in ("now", "9999-12-31T23:59:59-12:00")],
    *[(SILVER, {**DAYS, "date_kst_start": text}, None, "date_kst_start")
      for text in ("20260209", "2026-2-9", "2026-02-30", "2026-02-09T00:00:00Z", "9. Feb", "0001-01-01")],
    *[(SILVER, {**DAYS, "date_kst_end": text}, None, "date_kst_end") for text in ("2026-13-01", "9999-12-31")],
    # no whole day
    (SILVER, {**BACKFILL, **PART}, None, "start_ts"),
    (B, PART, None, "start_ts"),
    (C, CROSSING, None, "start_ts"),
    (B, {"start_ts": "2026-02-08T15:00:00Z", "end_ts": "2026-02-10T14:59:59Z"}, None, "start_ts"),
    # the future
    (SILVER, {"start_ts": "2026-02-11T02:00:00Z", "end_ts": "2026-02-11T03:00:00.000001Z"}, None, "end_ts"),
    (A, {"start_ts": "2026-02-11T02:00:00Z", "end_ts": "2026-02-11T04:00:00Z"}, None, "end_ts"),
    (SILVER, {"date_kst_start": "2026-02-10", "date_kst_end": "2026-02-11"}, None, "date_kst_end"),
    (A, {"date_kst_start": "2026-02-12", "date_kst_end": "2026-02-12"}, None, "date_kst_end"),
    (B, {"start_ts": "2026-02-10T15:00:00Z", "end_ts": "2026-02-11T15:00:00Z"}, None, "end_ts"),
    pytest.param(SILVER, {**BACKFILL, "start_ts": "2026-02-08T15:00:00Z", "end_ts": "9999-12-31T15:00:00Z"}, None,
                 "end_ts"),
    pytest.param(B, {"start_ts": "0001-01-02T00:00:00+09:00", "end_ts": "2026-02-08T15:00:00Z"}, None, "start_ts",
                 ),
    pytest.param(SILVER, {"date_kst_start": "0001-01-02", "date_kst_end": "2026-02-09"}, None, "date_kst_start",
                 ),
    pytest.param(SILVER, {}, TODAY, "partition"),
    pytest.param(A, {}, TODAY + timedelta(days=1), "partition"),
    # against the partition
    (SILVER, DAYS, BEFORE, "date_kst"),
    (SILVER, {"date_kst_start": "2026-02-10", "date_kst_end": "2026-02-10"}, BEFORE, "date_kst"),
    pytest.param(SILVER, {**BACKFILL, **DAY_B}, YESTERDAY, "start_ts"),
    (A, PART, BEFORE, "end_ts"),
    (A, CROSSING, YESTERDAY, "end_ts"),
    # the others
    *[(SILVER, {"run_id": text}, None, "run_id") for text in ("a b", "a/b", "x" * 129, "지갑", "a;b", "a'b")],
    (SILVER, {"rule_load_mode": "lenient"}, None, "rule_load_mode"),
    (C, {"rule_load_mode": "strict"}, None, "rule_load_mode"),
    (A, {"skip_upstream_readiness_check": "true"}, None, "skip_upstream_readiness_check"),
    (SILVER, {"skip_reason": "x"}, None, "skip_reason"),
    (B, {"skip_upstream_readiness_check": "yes"}, None, "skip_upstream_readiness_check"),
    (B, {"skip_upstream_readiness_check": "true"}, None, "skip_reason"),
    (C, {"skip_upstream_readiness_check": "true", "skip_reason": "  "}, None, "skip_reason"),
]  # fmt: skip


@pytest.mark.parametrize(("pipeline", "parameters", "partition", "name"), REFUSED)
def test_refused(pipeline: Pipeline, parameters: dict[str, str], partition: date | None, name: str) -> None:
    """INV-17: with the parameter's name in the message."""
    with pytest.raises(ParameterError, match=f"parameter {name}") as caught:
        ask(pipeline, parameters, partition)
    assert "nothing was started" in str(caught.value)


@pytest.mark.parametrize("run_id", ["r", "a.b:c-d_E9", "x" * 128])
def test_run_ids_as_allowed(run_id: str) -> None:
    """INV-17"""
    assert ask(SILVER, {"run_id": f" {run_id} "}).run_id == run_id


def test_rule_load_mode() -> None:
    """INV-17: production accepts only strict."""
    assert ask(B, {"rule_load_mode": "fallback"}).rule_load_mode == "fallback"
    assert ask(B, {"rule_load_mode": "strict"}, is_prod=True).rule_load_mode == "strict"
    assert ask(B, {}, is_prod=True).rule_load_mode == "strict"
    with pytest.raises(ParameterError, match="rule_load_mode.*production"):
        ask(B, {"rule_load_mode": "fallback"}, is_prod=True)


@pytest.mark.parametrize(("text", "skips"), [("true", True), ("TRUE", True), ("false", False), ("", False)])
def test_readiness_override(text: str, skips: bool) -> None:
    """INV-12: an override needs a reason, which the run records."""
    what = ask(B, {"skip_upstream_readiness_check": text, "skip_reason": "incident 7"})
    assert (what.skip_readiness, what.skip_reason) == (skips, "incident 7")


def test_only_known_parameters_are_offered() -> None:
    """INV-17: the runbook's names, and rule_load_mode everywhere but in C."""
    shared = {"run_mode", "start_ts", "end_ts", "date_kst_start", "date_kst_end", "run_id"}
    override = {"skip_upstream_readiness_check", "skip_reason"}
    expected = {
        A: {"rule_load_mode"},
        SILVER: {"rule_load_mode"},
        B: {"rule_load_mode"} | override,
        C: override,
    }
    assert {p: set(p.parameters) for p in expected} == {p: shared | e for p, e in expected.items()}
    assert set(B.parameters) == set(RunParameters.model_fields)


TEN_MINUTES = timedelta(minutes=10)


@pytest.mark.parametrize(
    ("watermark", "start"),
    [
        (None, NOW - TEN_MINUTES),
        (NOW - timedelta(hours=3), NOW - timedelta(hours=3)),
        (NOW - timedelta(microseconds=1), NOW - timedelta(microseconds=1)),
        (NOW, NOW - TEN_MINUTES),
        (NOW + timedelta(hours=1), NOW - TEN_MINUTES),
    ],
)
def test_the_guardrail_s_default_window(watermark: datetime | None, start: datetime) -> None:
    """INV-17: from the watermark, or the last ten minutes when it is absent or not before the end."""
    assert default_guardrail_window(NOW, watermark) == Window(start, NOW)

"""Generated run parameters: windows or a refusal, never anything else (spec section 3). Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import ParameterError
from ledger.parameters import RunParameters, default_guardrail_window, resolve
from ledger.pipelines.registry import CONTROLS, PIPELINE_A, Pipeline
from ledger.pipelines.registry import PIPELINES as ALL
from ledger.window import Window

NOW = datetime(2026, 2, 11, 3, tzinfo=UTC)
PIPELINES = st.sampled_from(ALL)
NEAR = st.datetimes(datetime(2026, 1, 25), datetime(2026, 2, 13))
EXTREME = st.sampled_from(
    [datetime.min, datetime.max, datetime(1, 1, 2), datetime(9999, 12, 31, 15), datetime(1988, 7, 1)]
)
ZONES = st.sampled_from(["", "Z", "+09:00", "-12:00", "+14:00", "+00:00", "+0900", " UTC", "z"])
MIDNIGHTS = NEAR.map(lambda t: t.replace(hour=15, minute=0, second=0, microsecond=0))
JUNK = st.text(max_size=12) | st.sampled_from(
    ["0", "null", "None", "2026-02-30", "T", "２０２６-02-01", "2026-W07-2"]
)
INSTANTS = st.builds(
    lambda t, zone: t.isoformat() + zone, NEAR | NEAR | MIDNIGHTS | MIDNIGHTS | MIDNIGHTS | EXTREME, ZONES
)
DAYS = st.dates(date(2026, 1, 25), date(2026, 2, 13)).map(str) | st.sampled_from(
    ["0001-01-01", "0001-01-02", "1988-07-01", "9999-12-31"]
)
BLANK = st.sampled_from(["", " ", "\t"])


def mostly(*usual: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Blank about as often as a usual value, junk now and then."""
    return st.one_of(BLANK, *usual, *usual, JUNK)


PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "run_mode": mostly(st.sampled_from(["incremental", "backfill"])),
        "start_ts": mostly(INSTANTS),
        "end_ts": mostly(INSTANTS),
        "date_kst_start": mostly(DAYS),
        "date_kst_end": mostly(DAYS),
        "run_id": mostly(st.text("abcXYZ0123456789_.:-", min_size=1, max_size=130)),
        "rule_load_mode": mostly(st.sampled_from(["strict", "fallback"])),
        "skip_upstream_readiness_check": mostly(st.sampled_from(["true", "false"])),
        "skip_reason": mostly(st.just("incident")),
    },
)
PARTITIONS = st.none() | st.dates(date(2026, 2, 8), date(2026, 2, 12))


@settings(max_examples=2000, deadline=None)
@given(PIPELINES, PARAMETERS, PARTITIONS, st.booleans())
def test_parameters_give_windows_or_a_parameter_error(
    pipeline: Pipeline, parameters: dict[str, str], partition: date | None, is_prod: bool
) -> None:
    """INV-17: what is accepted is sane, what is refused names one of the parameters that were given."""
    try:
        what = resolve(
            pipeline,
            RunParameters(**parameters),
            now=NOW,
            default_run_id="root",
            is_prod=is_prod,
            partition=partition,
        )
    except ParameterError as error:
        assert any(f"parameter {name}" in str(error) for name in (*RunParameters.model_fields, "partition"))
        return
    assert what.windows or pipeline == PIPELINE_A
    assert all(a.end == b.start for a, b in pairwise(what.windows))
    assert all(w.end <= NOW and w.start < w.end and len(list(w.split_by_day())) == 1 for w in what.windows)
    if pipeline in CONTROLS:
        assert all(w.is_kst_day for w in what.windows)
    if partition is not None:
        assert what.windows[-1].date_kst == partition
    assert not (is_prod and what.rule_load_mode == "fallback")
    assert what.skip_reason or not what.skip_readiness


@given(st.none() | st.datetimes(datetime(2026, 2, 1), datetime(2026, 2, 20), timezones=st.just(UTC)))
def test_the_guardrail_always_has_a_window_that_ends_now(watermark: datetime | None) -> None:
    """INV-17"""
    window = default_guardrail_window(NOW, watermark)
    assert window.end == NOW
    assert (
        window == Window(watermark, NOW)
        if watermark and watermark < NOW
        else window.end - window.start == timedelta(minutes=10)
    )

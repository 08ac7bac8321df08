"""The registry of the pipelines: what it says of each, and what it stays clear of. Pure."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from typing import get_args

import pytest

from ledger.parameters import RunParameters
from ledger.pipelines.registry import (
    CONTROLS,
    DAILY,
    PIPELINE_B,
    PIPELINE_C,
    PIPELINES,
    PipelineName,
    needs_of,
)
from ledger.tables import SILVER

D, BEFORE, AFTER = date(2026, 2, 10), date(2026, 2, 9), date(2026, 2, 11)


def test_every_name_that_the_type_checker_knows_is_a_pipeline() -> None:
    assert tuple(pipeline.name for pipeline in PIPELINES) == get_args(PipelineName)


@pytest.mark.parametrize(
    ("pipeline", "cron", "deadline"),
    zip(
        PIPELINES,
        ("*/10 * * * *", "0 0 * * *", "20 0 * * *", "35 0 * * *"),
        ("*/10 * * * *", "30 0 * * *", "50 0 * * *", "5 1 * * *"),
        strict=True,
    ),
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_the_cadence_is_the_runbook_s(pipeline: object, cron: str, deadline: str) -> None:
    """INV-51: section 4: half an hour after the time of a daily pipeline, and past the hour with C's."""
    schedule = next(p for p in PIPELINES if p == pipeline).schedule
    assert (schedule.cron, schedule.deadline_cron) == (cron, deadline)


def test_inputs_are_silver_tables_and_parameters_exist() -> None:
    known = {table.full_name for table in SILVER}
    for pipeline in CONTROLS:
        assert set(needs_of(pipeline.name).tables) <= known
    for pipeline in PIPELINES:
        assert set(pipeline.parameters) <= set(RunParameters.model_fields)
    assert set(CONTROLS) < set(DAILY)


def test_b_stands_on_every_earlier_day_and_c_on_its_own() -> None:
    """INV-22: what Silver changes on a day makes these days due."""
    b, c = needs_of(PIPELINE_B.name), needs_of(PIPELINE_C.name)
    assert [b.reaches(changed, D) for changed in (BEFORE, D, AFTER)] == [True, True, False]
    assert [c.reaches(changed, D) for changed in (BEFORE, D, AFTER)] == [False, True, False]


def test_the_registry_loads_neither_spark_nor_dagster() -> None:
    """The command line's help is made of it."""
    code = "import sys, ledger.pipelines.registry; sys.exit(bool({'pyspark', 'dagster'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

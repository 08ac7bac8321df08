"""Every check is measured alone: one that fails blinds no other, and says why it could not be measured."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import TypeVar

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import Row

from ledger.faults import first_line
from ledger.quality.verdict import Verdict

logger = logging.getLogger(__name__)
Answer = Sequence[Row] | Exception
T = TypeVar("T")
_NAME = "_question"


def measured(table: str, check: str, measure: Callable[[], Verdict]) -> Verdict:
    """The verdict of ``measure``, or one that says why there is none."""
    try:
        return measure()
    except Exception as error:
        return not_measured(table, check, error)


def not_measured(table: str, check: str, error: Exception) -> Verdict:
    """A warning that carries the reason: the check said nothing about the table."""
    reason = first_line(error)
    logger.warning("the check %s of %s could not be measured: %s", check, table, reason)
    return Verdict(
        table=table,
        check=check,
        passed=False,
        says=f"not evaluated: {reason}",
        value="none",
        threshold="none",
        is_error=False,
        is_measured=False,
    )


def tried(measure: Callable[[], T]) -> T | Exception:
    """The measurement, or the error with which it failed; for several checks that look at one measurement."""
    try:
        return measure()
    except Exception as error:
        return error


def value_of(measurement: T | Exception) -> T:
    """The measurement; raises what it failed with."""
    if isinstance(measurement, Exception):
        raise measurement
    return measurement


def answers(questions: Mapping[str, Callable[[], DataFrame]]) -> dict[str, Answer]:
    """Small frames of one shape, collected in one query; when that fails each alone, so that each has its answer."""
    found: dict[str, Answer] = {}
    frames: dict[str, DataFrame] = {}
    for name, question in questions.items():
        try:
            frames[name] = question().withColumn(_NAME, F.lit(name))
        except Exception as error:
            found[name] = error
    if not frames:
        return found
    try:
        rows = reduce(DataFrame.unionByName, frames.values()).collect()
        return found | {name: [row for row in rows if row[_NAME] == name] for name in frames}
    except Exception:
        return found | {name: tried(frame.collect) for name, frame in frames.items()}

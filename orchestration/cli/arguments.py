"""Arguments as values, checked while the command line is read; each refusal names the argument (exit 2)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import TypeAlias

import click

from ledger.days import FIRST_DAY, LAST_DAY, is_askable
from ledger.errors import ParameterError
from ledger.jobs import refuse_job
from ledger.pipelines.registry import BY_JOB, BY_NAME

Context: TypeAlias = click.Context | None
Parameter: TypeAlias = click.Parameter | None
_MOST_ROWS = 2**31 - 1  # what an engine takes as a limit
_PARAMETER_SEPARATOR = re.compile(r",(?=[a-z_]+=)")


class Day(click.ParamType[date]):
    """A KST day, YYYY-MM-DD; ``called``: its name in a refusal."""

    name = "day"

    def __init__(self, called: str) -> None:
        self.called = called

    def convert(self, value: str, param: Parameter, ctx: Context) -> date:
        try:
            if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
                raise ValueError
            day = date.fromisoformat(value)
        except ValueError:
            raise ParameterError(
                f"parameter {self.called}: {value!r} is not a day such as 2026-02-01"
            ) from None
        if not is_askable(day):
            raise ParameterError(f"parameter {self.called}: {day} is not between {FIRST_DAY} and {LAST_DAY}")
        return day


class Partition(click.ParamType[str]):
    """A KST day as the partition's key; which days have one is for the settings to say. Blank: none."""

    name = "partition"

    def convert(self, value: str, param: Parameter, ctx: Context) -> str:
        try:
            return value and date.fromisoformat(value).isoformat()
        except ValueError:
            raise ParameterError(f"parameter partition: {value!r} is not a day such as 2026-02-01") from None


class Instant(click.ParamType[datetime]):
    """An ISO-8601 instant, in UTC where it names no zone."""

    name = "instant"

    def convert(self, value: str, param: Parameter, ctx: Context) -> datetime:
        try:
            if len(value) < len("2026-02-01T00"):
                raise ValueError
            instant = datetime.fromisoformat(value)
            return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ParameterError(
                f"--to: {value!r} is not an ISO-8601 instant such as 2026-02-01T15:00:00Z"
            ) from None


class Positive(click.ParamType[int]):
    """A whole number from 1."""

    name = "number"

    def convert(self, value: str | int, param: Parameter, ctx: Context) -> int:
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        if number < 1:
            self.fail(f"{value} is not a positive number", param, ctx)
        return number


class Limit(click.ParamType[int | None]):
    """How many rows, or ``all`` (None)."""

    name = "limit"

    def convert(self, value: str | int, param: Parameter, ctx: Context) -> int | None:
        if value == "all":
            return None
        number = POSITIVE.convert(value, param, ctx)
        if number > _MOST_ROWS:
            self.fail(f"{value} is more than {_MOST_ROWS}; use all", param, ctx)
        return number


class Job(click.ParamType[str]):
    """A job by its name; ``daily``: one that has a run of every KST day."""

    name = "job"

    def __init__(self, *, daily: bool = False) -> None:
        self.daily = daily

    def convert(self, value: str, param: Parameter, ctx: Context) -> str:
        if not self.daily:
            refuse_job(value)
        elif value not in BY_JOB:
            raise ParameterError(
                f"parameter job: {value!r} has no daily runs", action=f"one of {', '.join(BY_JOB)}"
            )
        return value


class Pipeline(click.ParamType[str]):
    """A pipeline by its name."""

    name = "pipeline"

    def convert(self, value: str, param: Parameter, ctx: Context) -> str:
        if value not in BY_NAME:
            raise ParameterError(f"pipeline: {value!r} is none", action=f"one of {', '.join(BY_NAME)}")
        return value


POSITIVE, LIMIT = Positive(), Limit()


def run_parameters(texts: Iterable[str]) -> dict[str, str]:
    """``name=value`` pairs; a comma separates only before the next ``name=``."""
    parameters: dict[str, str] = {}
    for pair in (p for text in texts for p in _PARAMETER_SEPARATOR.split(text) if p.strip()):
        name, value = _pair("--params", pair)
        if name in parameters:
            raise ParameterError(f"parameter {name}: given twice")
        parameters[name] = value.strip()
    return parameters


def conditions(texts: Iterable[str]) -> list[tuple[str, str]]:
    """``column=value`` pairs; the value is taken as it stands."""
    return [_pair("--where", text) for text in texts]


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ParameterError(f"{option}: {text!r} is not of the form name=value")
    return name.strip(), value


def names(text: str | None) -> list[str]:
    """A list of columns, separated by commas."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]

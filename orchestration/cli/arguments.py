"""Arguments as values; each refusal names the argument (exit 2)."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from datetime import date

from ledger.days import FIRST_DAY, LAST_DAY, is_askable
from ledger.errors import ParameterError

_MOST_ROWS = 2**31 - 1  # what an engine takes as a limit
_PARAMETER_SEPARATOR = re.compile(r",(?=[a-z_]+=)")


def run_parameters(texts: Sequence[str]) -> dict[str, str]:
    """``name=value`` pairs; a comma separates only before the next ``name=``."""
    parameters: dict[str, str] = {}
    for pair in (p for text in texts for p in _PARAMETER_SEPARATOR.split(text) if p.strip()):
        name, value = _pair("--params", pair)
        if name in parameters:
            raise ParameterError(f"parameter {name}: given twice")
        parameters[name] = value.strip()
    return parameters


def conditions(texts: Sequence[str]) -> list[tuple[str, str]]:
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


def kst_date(name: str, text: str) -> date:
    """A KST day, YYYY-MM-DD."""
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise ParameterError(f"parameter {name}: {text!r} is not a day such as 2026-02-01") from None
    if not is_askable(day):
        raise ParameterError(f"parameter {name}: {day} is not between {FIRST_DAY} and {LAST_DAY}")
    return day


def optional_date(name: str, text: str | None) -> date | None:
    return kst_date(name, text) if text is not None else None


def positive(text: str) -> int:
    """A positive whole number, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def limit(text: str) -> int | None:
    """How many rows, or ``all`` (None), for argparse."""
    if text == "all":
        return None
    value = positive(text)
    if value > _MOST_ROWS:
        raise argparse.ArgumentTypeError(f"{text} is more than {_MOST_ROWS}; use all")
    return value

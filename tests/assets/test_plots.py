"""Plots: small enough to be shown in place, well-formed, and true to their numbers."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from assets.plots import SHOWN_IN_PLACE, bars, columns, lines
from ledger.quality.verdict import Series
from resources import told

DAYS = [str(date(2026, 1, 10) + timedelta(days=n)) for n in range(14)]
DRIFT: Series = [
    ("0", {"users": 19998}),
    ("over 0 to 1", {"users": 1}),
    ("over 10,000 to 1,000,000", {"users": 0}),
]
EXCEPTIONS: Series = [(day, {"CRITICAL": n % 4, "WARN": n % 3}) for n, day in enumerate(DAYS)]
SUPPLY: Series = [
    (day, {"issued": Decimal(211_940_342_111 * n), "wallets": Decimal("211940342.55") + n})
    for n, day in enumerate(DAYS)
]


def markdown(title: str, drawn: str) -> str:
    return str(told.picture(title, drawn).value)


def svg(text: str) -> ElementTree.Element:
    found = re.search(r"!\[\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", text)
    assert found
    return ElementTree.fromstring(base64.b64decode(found[1]))


@pytest.mark.parametrize(
    ("draw", "series"),
    [(bars, DRIFT), (columns, EXCEPTIONS), (lines, SUPPLY)],
    ids=["bars", "columns", "lines"],
)
@pytest.mark.parametrize("length", [1, 2, 14])
def test_a_plot_is_a_picture_that_the_ui_shows_in_place(
    draw: Callable[[Series], str], series: Series, length: int
) -> None:
    """INV-52: the UI hides a markdown of 1,000 characters or more behind a click."""
    shown = markdown("Supply against wallets, KRW", draw(series[:length]))
    assert svg(shown).tag.endswith("svg")
    assert len(shown) < SHOWN_IN_PLACE


def test_one_of_many_is_still_to_be_seen() -> None:
    """INV-52: a single drifting user among 20,000 has a bar, none has none."""
    drawn = bars(DRIFT)
    assert re.search(r"M150 23h1M", drawn)
    assert re.search(r"M150 38h0", drawn)


def test_no_value_at_all_is_no_error() -> None:
    """INV-52: a quiet month, a supply of nothing."""
    assert "0 CRITICAL, 0 WARN" in columns([(DAYS[0], {"CRITICAL": 0, "WARN": 0})])
    svg(markdown("none", lines([(DAYS[0], {"issued": Decimal(0), "wallets": Decimal(0)})])))

"""Plots in metadata, where looking beats reading: a little SVG, which the UI's markdown shows in place.

The UI shows a markdown of less than 1,000 characters in the table itself and a longer one behind a click, so the
pictures are drawn in few words. A float or a rounded position is a place on the picture here and nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import pairwise
from math import ceil

import dagster as dg

from ledger.contract import Table
from ledger.gold import exception_ledger, ledger_supply_balance_daily, recon_daily_snapshot_flow
from ledger.pipelines.attempt import Outcome
from ledger.quality.history import DRIFT_DISTRIBUTION, EXCEPTIONS_PER_DAY, SUPPLY_AGAINST_WALLETS
from ledger.quality.verdict import Series
from resources import told

SHOWN_IN_PLACE = 1000  # characters of markdown
_BLUE, _RED, _AMBER, _GREEN = "#43d", "#c22", "#f90", "#087"
_COLOURS = {"users": _BLUE, "CRITICAL": _RED, "WARN": _AMBER, "issued": _BLUE, "wallets": _GREEN}


def plots(table: Table, outcomes: Sequence[Outcome]) -> dict[str, dg.MarkdownMetadataValue]:
    """The plots of one table's materialization, from the last of the run's days; most tables have none."""
    wanted = _PLOTS.get(table.full_name)
    if wanted is None or not outcomes:
        return {}
    name, draw, title = wanted
    series = outcomes[-1].series.get(name)
    return {name: told.picture(title, draw(series))} if series else {}


def bars(series: Series) -> str:
    """One horizontal bar per label, with its number."""
    longest = max(_total(values) for _, values in series) or 1
    texts, paths = [], []
    for i, (label, values) in enumerate(series):
        y, width = 15 * i + 12, ceil(_total(values) / longest * 200)  # one user of many is still to be seen
        shown = f"{_total(values):,.0f}"
        texts.append(f"<text y='{y}'>{escape(label)}</text><text x='{width + 158}' y='{y}'>{shown}</text>")
        paths.append(f"M150 {y - 4}h{width}")
    colour = _COLOURS[next(iter(series[0][1]))]
    return _svg("".join(texts) + _path("".join(paths), colour, 9), 440, 15 * len(series) + 4)


def columns(series: Series) -> str:
    """One column per day, its parts on each other: first name lowest. The first and last day and the highest sum."""
    highest = max(_total(values) for _, values in series) or 1
    step = min(40, 400 // len(series))
    paths: dict[str, str] = {}
    for i, (_, values) in enumerate(series):
        y = 80
        for name, value in values.items():
            height = round(float(value) / highest * 64)
            if height:
                paths[name] = paths.get(name, "") + f"M{i * step + step // 2} {y}v-{height}"
            y -= height
    drawn = "".join(_path(path, _COLOURS[name], max(2, step - 3)) for name, path in paths.items())
    ends = series[0][0] if len(series) == 1 else f"{series[0][0]} to {series[-1][0]}"
    sums = ", ".join(f"{sum(values[n] for _, values in series):,} {n}" for n in series[0][1])
    words = f'<text y="96">{ends}: {sums}, at most {highest:,.0f} a day</text>'
    return _svg(drawn + words, 440, 100)


def lines(series: Series) -> str:
    """One line per name over the days, with the largest and the smallest value; the second line is the thinner one."""
    values = [value for _, each in series for value in each.values()]
    low, high = min(values), max(values)
    span = float(high - low) or 1.0
    step = min(60, 330 // max(1, len(series) - 1))
    drawn = ""
    for i, name in enumerate(series[0][1]):
        ys = [16 + round(float(high - each[name]) / span * 80) for _, each in series]
        path = f"M2 {ys[0]}" + "".join(f"l{step} {b - a}" for a, b in pairwise(ys)) + "h2"
        drawn += (
            _path(path, f"{_COLOURS[name]}' fill='none", 4 - 2 * i)
            + f"<text x='{i * 60}' y='126' fill='{_COLOURS[name]}'>{name}</text>"
        )
    first, second = (*series[-1][1].values(), *[0] * 2)[:2]
    words = f"<text x='130' y='126'>{series[0][0]} to {series[-1][0]}, now {first - second:,} apart</text>"
    words += f'<text x="350" y="16">{high:,.0f}</text><text x="350" y="100">{low:,.0f}</text>'
    return _svg(drawn + words, 460, 132)


def _total(values: Mapping[str, object]) -> float:
    return sum(float(str(value)) for value in values.values())


def _path(path: str, colour: str, width: int) -> str:
    return f"<path d='{path}' stroke='{colour}' stroke-width='{width}'/>"


def _svg(content: str, width: int, height: int) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'"
        f" style='font:12px Arial'>{content}</svg>"
    )


_PLOTS: Mapping[str, tuple[str, Callable[[Series], str], str]] = {
    recon_daily_snapshot_flow.TABLE.full_name: (DRIFT_DISTRIBUTION, bars, "Users by drift, KRW"),
    exception_ledger.TABLE.full_name: (EXCEPTIONS_PER_DAY, columns, "Exceptions per day"),
    ledger_supply_balance_daily.TABLE.full_name: (
        SUPPLY_AGAINST_WALLETS,
        lines,
        "Supply against wallets, KRW",
    ),
}

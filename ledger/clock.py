"""May this host's clock be believed? It is held against what others have left (docs/decisions.md, clocks).

What moves on with the clock, and never comes back by itself, asks first: A's and Silver's watermarks, and the clean-up,
which deletes by age. A clock is believed up to a day after the newest thing that somebody else vouches for: a landing day
(its folder is named by the source), a success of any pipeline, a watermark. Tables in which nothing ever succeeded say
nothing against a clock.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from ledger.bronze.landing_names import landing_day, local_root
from ledger.bronze.metadata import landing_folder
from ledger.delta.lakehouse import Lakehouse
from ledger.errors import ClockError
from ledger.gold import pipeline_state
from ledger.pipelines.registry import PIPELINE_A
from ledger.state import PipelineState, read_states
from ledger.tables import BRONZE
from ledger.window import Window

FAR = timedelta(days=1)


def refuse_far_ahead(lakehouse: Lakehouse, until: datetime, *, landing: str | None) -> None:
    """Raises :class:`ClockError` when nothing but this host's clock says that it is ``until``.

    ``landing``: its root, None where another system fills Bronze. A landing day near ``until`` settles it without a query.
    """
    newest = newest_landing_day(landing) if landing else None
    landed = Window.of_day(newest).end if newest else None
    if (landed and until <= landed + FAR) or not lakehouse.exists(pipeline_state.TABLE):
        return
    known = _known(read_states(lakehouse))
    if not known:
        return
    seen = max([*known, *([(landed, f"landing day {newest}")] if landed else [])])
    if until > seen[0] + FAR:
        raise ClockError(
            f"the clock of this host says {until:%Y-%m-%dT%H:%M:%SZ}, {(until - seen[0]).days} days after everything"
            f" that is known: the newest is {seen[1]} ({seen[0]:%Y-%m-%dT%H:%M:%SZ})",
            action="correct the clock; where it is right, say so:"
            f" ledgerctl watermark {PIPELINE_A.name} --to {until:%Y-%m-%dT%H:%M:%SZ} --by WHO --reason WHY",
        )


def in_future(states: Iterable[PipelineState], now: datetime) -> list[PipelineState]:
    """The pipelines whose watermark lies after this host's clock."""
    return [state for state in states if state.last_processed_end and state.last_processed_end > now]


def future_watermark(pipeline: str, end: datetime) -> str:
    """The sentence about it, and the remedy."""
    return (
        f"the watermark of {pipeline} ({end:%Y-%m-%dT%H:%M:%SZ}) lies in the future -> correct the clock that set it, then"
        f" ledgerctl watermark {pipeline} --to INSTANT --by WHO --reason WHY"
    )


def newest_landing_day(root: str) -> date | None:
    """The newest landing day of which the landing has a folder; None for one that this process cannot list."""
    folder = local_root(root)
    if folder is None:
        return None
    found = []
    for table in BRONZE:
        try:
            found += [landing_day(entry.name) for entry in os.scandir(folder / landing_folder(table))]
        except OSError:  # a table without a folder, a mount that is away: it vouches for nothing
            continue
    return max((day for day in found if day is not None), default=None)


def _known(states: Iterable[PipelineState]) -> list[tuple[datetime, str]]:
    """Instants that the pipelines vouch for, each with its name."""
    found = []
    for state in states:
        for at, what in (
            (state.last_success_ts, "success"),
            (state.last_processed_end, "watermark"),
        ):
            if at is not None:
                found.append((at, f"the {what} of {state.pipeline_name}"))
    return found

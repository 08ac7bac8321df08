"""The tags of a run that matter beside its parameters (spec section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ledger.errors import ParameterError
from resources.dagster_internals import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

TICK_TAG = "ledger/tick"  # on a scheduled run of A: the instant at which its window ends
_RANGE_TAGS = (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG)


def tick_of(tags: Mapping[str, str]) -> datetime | None:
    """The instant at which the run's scheduled window ends, for a run that A's schedule asked for."""
    return datetime.fromisoformat(tags[TICK_TAG]) if TICK_TAG in tags else None


def refuse_range(tags: Mapping[str, str]) -> None:
    """Refuse a run that was asked for several days at once (the UI's "single run").

    Every day has its own gate, evaluation, deadline and place in the run log, and Dagster would mark the days as
    done together or not at all, whatever became of each.
    """
    asked = [tags[tag] for tag in _RANGE_TAGS if tag in tags]
    if asked:
        raise ParameterError(
            f"parameter partition: {' to '.join(asked)} was asked for in a single run",
            action="launch one run per day (in the UI a backfill with multiple runs, or ledgerctl backfill);"
            " nothing was started",
        )

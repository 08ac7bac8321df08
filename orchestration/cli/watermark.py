"""``watermark``: a person sets right up to where a pipeline is done, after a wrong clock or a pause."""

from __future__ import annotations

from datetime import datetime

import click

from ledger.pipelines.registry import BY_NAME, PipelineName
from ledger.shown import shown
from orchestration.cli.arguments import Instant, Pipeline
from orchestration.cli.command import Command
from orchestration.cli.lakehouse import tables
from orchestration.cli.options import decided
from orchestration.cli.output import say_json
from orchestration.cli.terminal import say


@click.command(
    "watermark",
    cls=Command,
    help="set right up to where a pipeline is done (after a wrong clock)",
    examples=[
        'ledgerctl watermark pipeline_a --to 2026-02-01T15:00:00Z --by kim --reason "clock was a day ahead"'
    ],
)
@click.argument("pipeline", metavar="pipeline", type=Pipeline(), help=f"one of {', '.join(BY_NAME)}")
@click.option(
    "--to", required=True, metavar="INSTANT", type=Instant(), help="UTC, such as 2026-02-01T15:00:00Z"
)
@decided("why it is wrong")
def watermark(pipeline: PipelineName, to: datetime, by: str, reason: str, as_json: bool) -> int:
    """Set it, and say what it was, what it is, and what the next run does."""
    from ledger.pipelines.watermark import set_watermark
    from resources.ledger import LedgerResource

    with tables() as lakehouse:
        before, after = set_watermark(
            lakehouse, pipeline, to, by=by, reason=reason, now=LedgerResource().now()
        )
    old, new = before.last_processed_end, after.last_processed_end
    if as_json:
        say_json({"pipeline_name": pipeline, "old_end": old, "new_end": new, "decided_by": by})
        return 0
    was = f"{old:%Y-%m-%dT%H:%M:%SZ}" if old else "none"
    say(shown(f"{pipeline}.last_processed_end: {was} -> {to:%Y-%m-%dT%H:%M:%SZ}, by {by}"))
    if not BY_NAME[pipeline].schedule.is_daily:
        say(f"the next run of {BY_NAME[pipeline].job} evaluates everything since then")
    return 0

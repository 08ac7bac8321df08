"""``watermark``: a person sets right up to where a pipeline is done, after a wrong clock or a pause."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import cast, get_args

from ledger.errors import ParameterError
from ledger.shown import shown
from orchestration.cli.looking import tables
from orchestration.cli.output import say_json
from orchestration.cli.terminal import say


def watermark(arguments: argparse.Namespace) -> int:
    """Set it, and say what it was, what it is, and what the next run does."""
    from ledger.pipelines.watermark import set_watermark
    from ledger.state import PipelineName
    from resources.ledger import LedgerResource

    if arguments.pipeline not in get_args(PipelineName):
        raise ParameterError(
            f"pipeline: {arguments.pipeline!r} is none", action=f"one of {', '.join(get_args(PipelineName))}"
        )
    pipeline, to = cast(PipelineName, arguments.pipeline), _instant(arguments.to)
    with tables() as lakehouse:
        before, after = set_watermark(
            lakehouse, pipeline, to, by=arguments.by, reason=arguments.reason, now=LedgerResource().now()
        )
    old, new = before.last_processed_end, after.last_processed_end
    if arguments.json:
        say_json({"pipeline_name": pipeline, "old_end": old, "new_end": new, "decided_by": arguments.by})
        return 0
    was = f"{old:%Y-%m-%dT%H:%M:%SZ}" if old else "none"
    say(shown(f"{pipeline}.last_processed_end: {was} -> {to:%Y-%m-%dT%H:%M:%SZ}, by {arguments.by}"))
    if pipeline == "pipeline_a":
        say("the next run of pipeline_a_guardrail evaluates everything since then")
    return 0


def _instant(text: str) -> datetime:
    try:
        if len(text) < len("2026-02-01T00"):
            raise ValueError
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ParameterError(
            f"--to: {text!r} is not an ISO-8601 instant such as 2026-02-01T15:00:00Z"
        ) from None

"""A watermark that a wrong clock has moved into the future, or that a pause has left behind, is set right by a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ledger.delta.lakehouse import Lakehouse
from ledger.errors import ParameterError
from ledger.gold import state_repair_log
from ledger.pipelines.registry import BY_NAME, PipelineName
from ledger.state import PipelineState, read_state, update_state


def set_watermark(
    lakehouse: Lakehouse, pipeline: PipelineName, to: datetime, *, by: str, reason: str, now: datetime
) -> tuple[PipelineState, PipelineState]:
    """Set ``last_processed_end`` of a pipeline, recorded ahead with who decided it and why; the state before and after.

    A's may also be moved on, over a pause that nobody has to evaluate; the others only back, since their watermark says
    that days were done. Raises :class:`ParameterError`.
    """
    for name, text in (("--by", by), ("--reason", reason)):
        if not text.strip():
            raise ParameterError(f"{name}: it is blank", action=f"give {name}")
    if to > now:
        raise ParameterError(
            f"--to: {to:%Y-%m-%dT%H:%M:%SZ} lies in the future", action="give an earlier instant"
        )
    before = read_state(lakehouse, pipeline)
    old = before.last_processed_end
    if BY_NAME[pipeline].schedule.is_daily and (old is None or to > old):
        raise ParameterError(
            f"--to: the watermark of {pipeline} is {old:%Y-%m-%dT%H:%M:%SZ}"
            if old
            else "--to: there is none yet",
            action="it moves on when the days are run; only back by this command",
        )
    lakehouse.create(state_repair_log.TABLE)  # a warehouse of an earlier release does not have it
    repair = {
        "pipeline_name": pipeline,
        "old_end": old,
        "new_end": to,
        "decided_by": by.strip(),
        "reason": reason.strip(),
        "repaired_at": now,
    }
    rows = lakehouse.rows(state_repair_log.TABLE, [repair])
    lakehouse.append(state_repair_log.TABLE, rows, expected=1, is_checked=True)
    return before, update_state(
        lakehouse, pipeline, lambda state: replace(state, last_processed_end=to), at=now
    )

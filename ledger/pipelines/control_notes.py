"""Journal notes of B and C: from which of Silver's changes on their results stand (spec section 7)."""

from __future__ import annotations

from ledger.journal import Note, append_notes, read_journal
from ledger.pipelines.attempt import Run
from ledger.pipelines.registry import PipelineName
from ledger.readiness import Upstream, check_ready, read_upstream
from ledger.window import Window

RECON, SUPPLY_OPS = "recon", "supply_ops"  # B's operations, as the journal names them


def upstream_of(run: Run, pipeline: PipelineName, window: Window) -> Upstream:
    """The position from which an operation reads Silver; raises :class:`ReadinessError` unless it may start there."""
    upstream = read_upstream(run.lakehouse, window)
    if not run.skip_readiness:
        check_ready(run.lakehouse, pipeline, window, upstream)
    return upstream


def note_computed(
    run: Run, pipeline: PipelineName, operation: str, window: Window, upstream: Upstream
) -> None:
    """One of several operations has written its results. The control's success is another note, after all of them."""
    note = _note(run, pipeline, window, read_from=upstream.read_from, operation=operation)
    append_notes(run.lakehouse, upstream.journal, [note])


def note_controlled(
    run: Run,
    pipeline: PipelineName,
    window: Window,
    *,
    upstream: Upstream | None = None,
    operations: tuple[str, ...] = (),
) -> None:
    """The control of the day has succeeded: written after the run log, so that a crash in between says too much.

    It stands on what ``upstream`` knew, or on the earliest of what the newest results of its operations stand on.
    """
    if upstream is not None:
        journal, read_from = upstream.journal, upstream.read_from
    else:
        journal = read_journal(run.lakehouse)
        read_from = journal.computed_from(pipeline, window.date_kst, operations)
    append_notes(run.lakehouse, journal, [_note(run, pipeline, window, read_from=read_from)])


def _note(
    run: Run, pipeline: PipelineName, window: Window, *, read_from: int, operation: str | None = None
) -> Note:
    return Note(
        phase="computed" if operation else "controlled",
        pipeline_name=pipeline,
        changed_date_kst=window.date_kst,
        run_id=run.run_id,
        window=window,
        changed_at=run.clock(),
        source_table=operation,
        read_from=read_from,
    )

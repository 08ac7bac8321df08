"""Taking back a landing file that should never have come (spec section 4)."""

from __future__ import annotations

import logging
from datetime import datetime

from ledger.bronze.landing_file import TABLE, LandingEvent, append_events, read_events
from ledger.bronze.landing_history import History, withdrawal
from ledger.bronze.landing_names import landing_day
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.errors import CommitConflictError, ParameterError, refuse_blank
from ledger.shown import shown

logger = logging.getLogger(__name__)
_TRIES = 10


def withdraw(
    lakehouse: Lakehouse, path: str, *, by: str, reason: str, run_id: str, now: datetime
) -> LandingEvent:
    """Make the live version of a landing file not live, for good: its rows stay in Bronze and count no more.

    ``path`` is relative to the landing root, as in ``_source_file``. The same content is not loaded again under this
    path, other content is. The landing day is due for Silver afterwards. Raises :class:`ParameterError` for a path that
    is not live, and for a blank ``by`` or ``reason``.
    """
    refuse_blank({"path": path, "by": by, "reason": reason})
    path = path.strip("/")
    parts = path.split("/")
    day = landing_day(parts[1]) if len(parts) > 2 else None
    if day is None:
        raise ParameterError(
            f"path: {shown(path)} is no landing file",
            action="give it as <table>/date=YYYY-MM-DD/<file>, relative to the landing root",
        )
    scope = Scope.of([day])
    for _ in range(_TRIES):
        history = History(read_events(lakehouse, scope))
        event = withdrawal(
            _live(history, path), by=by, reason=reason, run_id=run_id, now=now, history=history
        )
        if append_events(lakehouse, [event], newest=history.newest_at, scope=scope):
            logger.info("%s: withdrawn by %s, %s rows are not live any more", shown(path), by, event.rows)
            return event
    raise CommitConflictError(
        f"{_TRIES} withdrawals in a row lost to loads", table=TABLE.full_name, action="run it again"
    )


def _live(history: History, path: str) -> LandingEvent:
    deciding = history.deciding.get(path)
    if deciding is None:
        last = history.last.get(path)
        found = f" (it is {last.status}: {shown(last.reason)})" if last else ""
        raise ParameterError(
            f"path: {shown(path)} was never loaded{found}",
            action="see bronze.landing_file for the paths of the landing day",
        )
    if deciding.status == "withdrawn":
        raise ParameterError(
            f"path: {shown(path)} is withdrawn already: {shown(deciding.reason)}",
            action="nothing is to be done",
        )
    return deciding

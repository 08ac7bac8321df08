"""A pause is never silent: one line says why, for how long, and what comes then."""

from __future__ import annotations

import logging

_NOTICED_SEC = 1
logger = logging.getLogger(__name__)


def say_pause(why: str, seconds: float, *, next_try: int, tries: int) -> None:
    """Tell the terminal, or the step's log, what is waited for. The caller waits."""
    shown = f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"
    level = logging.INFO if seconds < _NOTICED_SEC else logging.WARNING
    logger.log(level, "%s; waits %s s, then try %d of %d", why.rstrip("."), shown, next_try, tries)

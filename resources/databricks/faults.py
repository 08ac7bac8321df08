"""Which faults of the remote side may pass, and how long to put up with them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied, Unauthenticated
from databricks.sdk.errors.base import DatabricksError
from requests import RequestException

logger = logging.getLogger("ledger.databricks")
T = TypeVar("T")
_PASSING = (DatabricksError, RequestException, TimeoutError, ConnectionError)
_LONGEST_PAUSE_SEC = 30.0
_FIRST_PAUSE_SEC = 0.5


class InfrastructureFault(Exception):  # noqa: N818  # a fault of theirs, not an error of ours
    """The remote side failed, not the step: it is tried again."""


class RemoteRefusal(Exception):  # noqa: N818
    """The remote side says no, and will go on saying it: trying again cannot help."""


def patiently(call: Callable[[], T], what: str, *, patience_sec: float) -> T:
    """Make an idempotent call until it succeeds, for at most ``patience_sec``; the SDK's own retries come on top.

    :class:`NotFound` passes through: what it means is the caller's business. Raises :class:`RemoteRefusal`
    (credentials, permissions, malformed request) or :class:`InfrastructureFault`.
    """
    give_up = time.monotonic() + patience_sec
    pause = min(_FIRST_PAUSE_SEC, patience_sec / 4)
    while True:
        try:
            return call()
        except NotFound:
            raise
        except (Unauthenticated, PermissionDenied, BadRequest) as error:
            raise RemoteRefusal(f"{what}: {_said(error)}") from error
        except _PASSING as error:
            if time.monotonic() + pause > give_up:
                raise InfrastructureFault(f"{what}: {_said(error)}") from error
            logger.warning("%s: waits %.1f s, then tries again: %s", what, pause, _said(error))
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SEC)


def _said(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"

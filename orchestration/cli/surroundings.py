"""A command's surroundings, the same for each: its settings, its progress lines, its signals, its files' modes."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from configs.settings import SETTING_PREFIX, load_settings
from ledger.errors import SettingsError
from ledger.shortages import require
from ledger.shown import escape_log_records
from resources.interrupts import interruptible
from resources.shared_host import keep_files_private


@contextmanager
def prepared(settings: Sequence[str], *, may_exit: bool) -> Iterator[None]:
    """For a command that is about to work. Wrong settings stop it here, before it imports Spark or Dagster.

    ``settings``: ``section.key=value``, for this command; ``may_exit``: see :func:`resources.interrupts.interruptible`.
    Raises :class:`SettingsError`, and :class:`ShortageError` where this process may use too little.
    """
    _show_progress()
    keep_files_private()
    require()
    with _overriding(settings), interruptible(may_exit=may_exit):
        load_settings()
        yield


@contextmanager
def _overriding(texts: Sequence[str]) -> Iterator[None]:
    """Settings of the command line, for this command; they win over the environment."""
    before = dict(os.environ)
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise SettingsError(f"--set: {text!r} is not of the form section.key=value")
        os.environ[SETTING_PREFIX + name.strip().replace(".", "__").upper()] = value
    try:
        yield
    finally:
        if texts:
            os.environ.clear()
            os.environ.update(before)


class _Elapsed(logging.Formatter):
    """Progress lines with the time since the command started."""

    def __init__(self) -> None:
        super().__init__()
        self._start = time.monotonic()

    def format(self, record: logging.LogRecord) -> str:
        elapsed = timedelta(seconds=int(time.monotonic() - self._start))
        return f"[{elapsed}] {record.getMessage()}"


def _show_progress() -> None:
    escape_log_records()
    logger = logging.getLogger("ledger")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Elapsed())
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False

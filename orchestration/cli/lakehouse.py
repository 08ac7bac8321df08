"""The tables that a command reads or mends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from configs.settings import load_settings

if TYPE_CHECKING:
    from ledger.delta.lakehouse import Lakehouse


@contextmanager
def tables() -> Iterator[Lakehouse]:
    """The tables of the environment. Raises :class:`SettingsError` where this process has no Spark."""
    from resources.environments import ledger_of

    settings = load_settings()
    with ledger_of(settings).lakehouse(settings) as lakehouse:
        yield lakehouse

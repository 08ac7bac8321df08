"""One error hierarchy: what is wrong, where (table, key, partition), and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class LedgerError(Exception):
    """Base of every error that reaches an operator.

    ``str(error)`` is one readable line: what happened, the place, the next step.
    Only :class:`TransientError` may be retried; every other fault fails at once (spec section 3).
    """

    ingested: tuple[Any, ...] = ()
    """Of an error while the landing was loaded: what the load did all the same, table by table."""

    def __init__(
        self,
        what: str,
        *,
        table: str | None = None,
        key: str | None = None,
        partition: str | None = None,
        file: str | None = None,
        action: str | None = None,
    ) -> None:
        self.what, self.table, self.key, self.partition, self.action = what, table, key, partition, action
        self.file = file
        places = {"table": table, "key": key, "partition": partition, "file": file}
        place = ", ".join(f"{name}={value}" for name, value in places.items() if value)
        super().__init__(what + (f" [{place}]" if place else "") + (f" -> {action}" if action else ""))


class ParameterError(LedgerError):
    """A run parameter is unknown, malformed, or contradicts another; refused before Spark starts."""


def refuse_blank(parameters: Mapping[str, str]) -> None:
    """Raises :class:`ParameterError` for the first of these texts, by name, that says nothing."""
    for name, text in parameters.items():
        if not text.strip():
            raise ParameterError(f"{name} is blank", action=f"say {name.strip('-')}")


class SettingsError(LedgerError):
    """A setting is unknown, missing or of the wrong type; the start is refused."""


class ContractError(LedgerError):
    """A table or a DataFrame does not have the columns, types or partitions of its contract."""


class KeyViolationError(LedgerError):
    """Two rows for one key, in a write's source or stored, or a null in a required column; nothing was written."""


class StorageError(LedgerError):
    """A disk, a file or a permission is at fault: a full disk, a damaged log, a data file that is gone."""


class ShortageError(LedgerError):
    """The machine, or a limit of it, gives too little memory, or too few threads or file descriptors."""


class IngestError(LedgerError):
    """A landing file cannot be read; the other files of its day were loaded."""


class RulesError(LedgerError):
    """The rule table or a rule seed is missing, malformed or incomplete."""


class QualityGateError(LedgerError):
    """Silver's quarantine rate is above its rule: bad records are saved, nothing else is.

    ``verdicts``: what the quality checks had measured by then.
    """

    verdicts: tuple[Any, ...] = ()


class ReadinessError(LedgerError):
    """B or C was asked for a day that Silver has not finished (fail-closed)."""


class SecretError(LedgerError):
    """The salt of the anonymized mart is missing, blank, or too short where a real one is required."""


class ClockError(LedgerError):
    """This host's clock is far ahead of everything that the tables and the landing know; nothing was written."""


class EngineLostError(LedgerError):
    """The engine's process is gone; nothing that it had not committed was written."""


class TransientError(LedgerError):
    """A fault that may pass by itself: network, cluster, storage."""


class AttemptTimeoutError(TransientError):
    """An attempt took longer than it may (spec section 3); the next one may pass."""


class CommitConflictError(TransientError):
    """Another writer changed the same rows, or kept committing for longer than the bounded retry allows."""

"""Report of a landing load, in the words that an operator reads (spec section 4)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ledger.bronze.landing_history import Judged
from ledger.bronze.landing_names import local_root
from ledger.bronze.landing_walk import LeftOut
from ledger.errors import IngestError, LedgerError
from ledger.shown import shown

logger = logging.getLogger(__name__)
_NAMED = 5  # so many names a line gives, and an error: the table has them all
_NAMED_IN_ERRORS = 20


@dataclass(frozen=True)
class Ingested:
    """Outcome of a load for one table's share of one landing day, and what of it is live afterwards.

    ``files_loaded`` and ``rows`` became live by this load. ``left_out`` lies in the landing and is not read;
    ``vanished`` is live and does not lie there any more.
    """

    table: str
    day: date
    files_loaded: int
    rows: int
    live_files: int = 0
    live_rows: int = 0
    left_out: tuple[Judged, ...] = ()
    vanished: tuple[str, ...] = ()
    error: Exception | None = None

    @property
    def failed(self) -> tuple[Judged, ...]:
        """Files that cannot be read."""
        return tuple(judged for judged in self.left_out if judged.status == "failed")

    @property
    def skipped(self) -> tuple[Judged, ...]:
        """Files that are not for reading, or not yet."""
        return tuple(judged for judged in self.left_out if judged.status == "skipped")


def raise_failures(done: Sequence[Ingested]) -> None:
    """The first error of a table, else one for all files that cannot be read."""
    for each in done:
        if isinstance(each.error, LedgerError):
            each.error.ingested = tuple(done)
        if each.error:
            raise each.error
    refused = [(each, judged) for each in done for judged in each.left_out if judged.stops]
    if not refused:
        return
    reasons = [f"{shown(judged.path)}: {shown(judged.reason)}" for _, judged in refused[:_NAMED_IN_ERRORS]]
    more = f"; and {len(refused) - _NAMED_IN_ERRORS} more" if len(refused) > _NAMED_IN_ERRORS else ""
    error = IngestError(
        f"cannot read {'; '.join(reasons)}{more} (everything else is loaded:"
        f" {sum(each.rows for each in done):,} rows from {sum(each.files_loaded for each in done)} files)",
        table=", ".join(sorted({each.table for each, _ in refused})),
        partition=", ".join(sorted({each.day.isoformat() for each, _ in refused})),
        action="replace or remove the file, then ingest the day again",
    )
    error.ingested = tuple(done)
    raise error


def say(
    done: Sequence[Ingested],
    *,
    landing: str,
    strangers: Mapping[date, Sequence[LeftOut]],
    elsewhere: Sequence[str],
) -> None:
    """One line a table and day for each thing to know; nothing for what is as it was."""
    root = local_root(landing)
    if root is None:
        logger.info(
            "%s is listed by the engine: files whose names begin with . or _, and files in no landing day's folder, are"
            " not seen there and have no row in bronze.landing_file",
            shown(landing),
        )
    elif not root.exists():
        logger.warning("the landing root %s does not exist: no file was looked for", shown(landing))
    for each in done:
        _say_of(each)
    for day in sorted({each.day for each in done}):
        empty = [e.table for e in done if e.day == day and not (e.live_files or e.left_out or e.error)]
        if empty:
            logger.info("landing %s: 0 files for %s", day, ", ".join(empty))
    for day, entries in sorted(strangers.items()):
        logger.warning("landing %s: not loaded: %s", day, _named(entries))
    if elsewhere:
        logger.warning(
            "not in a landing day's folder (<table>/date=YYYY-MM-DD), not loaded: %s", _names(elsewhere)
        )


def _say_of(each: Ingested) -> None:
    where = f"{each.table} {each.day}"
    if each.files_loaded:
        logger.info("%s: %s rows from %d files", where, f"{each.rows:,}", each.files_loaded)
    if each.left_out:
        logger.warning("%s: not loaded: %s", where, _named(each.left_out))
    if each.vanished:
        logger.info(
            "%s: %d loaded files are gone from the landing and stay loaded: %s"
            " (ledgerctl landing withdraw PATH takes one back)",
            where,
            len(each.vanished),
            _names(each.vanished),
        )


def _named(entries: Iterable[Judged | LeftOut]) -> str:
    said = [
        f"{shown(e.path if isinstance(e, Judged) else e.name)} ({e.status}: {shown(e.reason)})"
        for e in entries
    ]
    return _names(said)


def _names(names: Sequence[str]) -> str:
    listed = ", ".join(shown(name) for name in names[:_NAMED])
    return f"{listed} and {len(names) - _NAMED} more" if len(names) > _NAMED else listed

"""Was every landing file loaded? One verdict per Bronze table and landing day (spec section 4)."""

from __future__ import annotations

from ledger.bronze.landing_history import Judged
from ledger.bronze.landing_report import Ingested
from ledger.bronze.still_written import STILL_WRITTEN
from ledger.quality.verdict import Verdict, verdict
from ledger.shown import shown

LANDING_FILES = "landing_files"
_NAMED = 20


def landing_verdict(ingested: Ingested) -> Verdict:
    """Red when a file failed, is still being written, or the load itself failed; what is skipped for its name is named
    and no finding."""
    waiting = tuple(judged for judged in ingested.skipped if judged.reason == STILL_WRITTEN)
    missing = (*ingested.failed, *waiting)
    says = f"{ingested.live_files} files, {ingested.live_rows:,} rows"
    if ingested.error:
        says += "; the load failed: " + shown(str(ingested.error))
    if missing:
        says += f"; not loaded: {_named(missing)}"
    return verdict(
        ingested.table,
        LANDING_FILES,
        says,
        passed=not missing and ingested.error is None,
        value=len(missing),
        threshold="0",
        details={
            "files_loaded": ingested.live_files,
            "files_skipped": len(ingested.skipped),
            "files_failed": len(ingested.failed),
            "rows": ingested.live_rows,
            "skipped": _named(ingested.skipped) or "none",
            "gone_from_landing": len(ingested.vanished),
        },
    )


def _named(files: tuple[Judged, ...]) -> str:
    named = [f"{shown(judged.path)} ({shown(judged.reason)})" for judged in files[:_NAMED]]
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    return ", ".join(named) + more

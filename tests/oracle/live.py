"""Sections 2 and 4: `bronze.landing_file`, and which Bronze rows are live.

The table is a log. Per path the newest event among `loaded` and `withdrawn` decides: the version it names is live, or
none is. A version that was loaded before is never loaded again, it only becomes live again.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from tests.oracle.contract import BRONZE, Row
from tests.oracle.landing import FileVersion, landing_paths, read_file

Version = tuple[str, str]
CHANGES_LIVE_ROWS = ("loaded", "superseded", "withdrawn")


class LandingLog:
    """The events, in order; `events` are the rows of `bronze.landing_file`."""

    def __init__(self) -> None:
        self.events: list[Row] = []

    def live(self, path: str) -> str | None:
        """The content hash of the path's live version."""
        decisive = self._newest(path, "loaded", "withdrawn")
        return decisive["sha256"] if decisive and decisive["status"] == "loaded" else None

    def split(self, rows: list[Row]) -> tuple[list[Row], list[Row]]:
        """Bronze rows that count, and those that do not."""
        live = {(path, self.live(path)) for path in {event["path"] for event in self.events}}
        return (
            [row for row in rows if row["~version"] in live],
            [row for row in rows if row["~version"] not in live],
        )

    def was_loaded(self, version: Version) -> bool:
        """Whether the version's rows are in Bronze already."""
        return any((e["path"], e["sha256"], e["status"]) == (*version, "loaded") for e in self.events)

    def is_withdrawn(self, version: Version) -> bool:
        """Whether somebody said that the version should never have come."""
        return any((e["path"], e["sha256"], e["status"]) == (*version, "withdrawn") for e in self.events)

    def judge(self, file: FileVersion, run_id: str, clock: datetime) -> None:
        """Note what became of a file that lies in the landing; nothing when that was said last."""
        if file.status == "loaded":
            before = self.live(file.path)
            if before == file.sha256 or self.is_withdrawn((file.path, file.sha256)):
                return
            self._append(file, "loaded", run_id, clock)
            if before is not None:
                old = next(e for e in self.events if (e["path"], e["sha256"]) == (file.path, before))
                self.events.append(old | {"status": "superseded", "run_id": run_id, "at": clock})
            return
        last = self._newest(file.path)
        if last is None or (last["sha256"], last["status"]) != (file.sha256, file.status):
            self._append(file, file.status, run_id, clock)

    def withdraw(self, path: str, run_id: str, clock: datetime) -> None:
        """`ledgerctl landing withdraw`: the path has no live version any more. Raises ValueError without one."""
        sha256 = self.live(path)
        if sha256 is None:
            raise ValueError(f"{path} has no live version")
        old = next(e for e in self.events if (e["path"], e["sha256"]) == (path, sha256))
        self.events.append(old | {"status": "withdrawn", "run_id": run_id, "at": clock})

    def changed_after(self, day: date, seen: int) -> bool:
        """Whether the live rows of a landing day changed after the log held `seen` events."""
        return any(
            e["landing_date_kst"] == day and e["status"] in CHANGES_LIVE_ROWS for e in self.events[seen:]
        )

    def _newest(self, path: str, *statuses: str) -> Row | None:
        mine = [e for e in self.events if e["path"] == path and (not statuses or e["status"] in statuses)]
        return mine[-1] if mine else None

    def _append(self, file: FileVersion, status: str, run_id: str, clock: datetime) -> None:
        loaded = file.status == "loaded"
        self.events.append(
            {
                "path": file.path,
                "sha256": file.sha256,
                "landing_date_kst": file.day,
                "bytes": file.size,
                "rows": len(file.rows) if loaded else None,
                "unparsable_rows": file.unparsable if loaded else None,
                "status": status,
                "reason": file.reason,
                "run_id": run_id,
                "at": clock,
            }
        )


def load_day(
    tables: dict[str, list[Row]], log: LandingLog, landing: Path, day: date, run_id: str, clock: datetime
) -> list[str]:
    """Load one landing day into the Bronze tables; what failed, and why."""
    failed = []
    for table in BRONZE:
        for path in landing_paths(landing, table, day):
            file = read_file(landing, path, table, day, clock)
            if file.status == "loaded" and not log.was_loaded((file.path, file.sha256)):
                tables[f"bronze.{table}"] += file.rows
            log.judge(file, run_id, clock)
            if file.status == "failed":
                failed.append(f"{file.path}: {file.reason}")
    return failed

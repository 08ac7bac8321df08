"""Bronze rows and landing events put in by hand, so that Silver and A are judged without the loader."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from configs.settings import ROOT
from ledger.bronze import landing_file
from ledger.bronze.landing_file import LandingEvent, Status
from ledger.bronze.metadata import landing_folder
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.gold import dim_rule_scd2
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver import run_silver
from ledger.tables import ALL, BRONZE, by_name
from ledger.window import Window

Record = dict[str, Any]
Version = tuple[str, date, tuple[Record, ...]]
"""Bronze table, landing day, records."""
_FIRST_EVENT = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class HandLanding:
    """A warehouse whose Bronze is filled file by file. ``live``: what the landing holds now, by path."""

    lakehouse: Lakehouse
    seed: Path
    live: dict[str, Version] = field(default_factory=dict)
    events: int = 0
    runs: int = 0

    def create(self, *, only_bronze: bool = False) -> HandLanding:
        (self.seed.parent / "empty").mkdir(exist_ok=True)
        for table in (*BRONZE, landing_file.TABLE) if only_bronze else ALL:
            if table is not dim_rule_scd2.TABLE:  # rules come from the seed
                self.lakehouse.create(table)
        return self

    def put(self, name: str, table: str, day: date, *records: Record, says: bool = True) -> None:
        """A file with this content lands; ``says`` False: its load died before it said so."""
        bronze, path = by_name(f"bronze.{table}"), self.path(name, table, day)
        version = (table, day, records)
        sha = _sha(version)
        known = self.lakehouse.read(bronze).where(f"_source_file = '{path}' AND _file_sha256 = '{sha}'")
        if not known.limit(1).collect():
            rows = [_stamped(bronze, record, path, sha, day) for record in records]
            self.lakehouse.append(bronze, self.lakehouse.rows(bronze, rows), expected=len(rows))
        if says:
            if before := self.live.get(path):
                self._say(path, before, "superseded")
            self._say(path, version, "loaded")
            self.live[path] = version

    def withdraw(self, name: str, table: str, day: date) -> None:
        path = self.path(name, table, day)
        self._say(path, self.live.pop(path), "withdrawn")

    @staticmethod
    def path(name: str, table: str, day: date) -> str:
        return f"{landing_folder(by_name(f'bronze.{table}'))}/date={day}/{name}.jsonl"

    def silver(self, *days: date) -> None:
        for day in days:
            self.runs += 1
            run_silver(self.run(f"r{self.runs}"), Window.of_day(day))

    def run(self, run_id: str) -> Run:
        now = datetime(2026, 3, 2, tzinfo=UTC)
        nowhere = str(self.seed.parent / "empty")
        return Run(
            self.lakehouse, run_id, lambda: now, now, 35, nowhere, "landing", "fallback", str(self.seed)
        )

    def _say(self, path: str, version: Version, status: Status) -> None:
        self.events += 1
        event = LandingEvent(
            path,
            _sha(version),
            version[1],
            status,
            "by-hand",
            _FIRST_EVENT + timedelta(seconds=self.events),
            rows=len(version[2]),
        )
        self.lakehouse.append(
            landing_file.TABLE, self.lakehouse.rows(landing_file.TABLE, [asdict(event)]), expected=1
        )


def lenient_rules(folder: Path) -> Path:
    """The shipped rules, but no share of bad rows stops Silver. A warehouse without rules falls back on them."""
    rules = json.loads((ROOT / "mock_data/fixtures/dim_rule_scd2.json").read_text("utf-8"))
    for rule in rules:
        if rule["metric"] == "bad_records_rate":
            rule["threshold"], rule["severity_map"] = 1.0, None
    seed = folder / "rules.json"
    seed.write_text(json.dumps(rules), encoding="utf-8")
    return seed


def _sha(version: Version) -> str:
    return hashlib.sha256(repr(version).encode()).hexdigest()


def _stamped(bronze: Table, record: Record, path: str, sha: str, day: date) -> Record:
    arrived = f"{day}T03:00:00Z"
    stamped = {"ingested_at": arrived, "source_extracted_at": record.get("ingested_at", arrived)}
    metadata = {"batch_id": sha[:12], "_source_file": path, "_file_sha256": sha, "ingest_date_kst": day}
    unknown = record.keys() - set(bronze.column_names)
    assert not unknown, unknown
    return {**stamped, **metadata, **record}

"""Rule entries as the seed writes them, to be changed by tests one field at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from configs.settings import ROOT

Entry = dict[str, Any]
SEED_PATH = ROOT / "mock_data/fixtures/dim_rule_scd2.json"


def shipped() -> list[Entry]:
    """The entries that the project ships."""
    entries: list[Entry] = json.loads(SEED_PATH.read_text(encoding="utf-8"))
    return entries


def entry(of: str = "freshness_sec", /, **changes: Any) -> Entry:
    """The shipped entry of a metric with some fields changed; a field given as ``...`` is left out."""
    found = next(e for e in shipped() if e["metric"] == of)
    return {name: value for name, value in {**found, **changes}.items() if value is not ...}


def write_seed(path: Path, entries: list[Entry]) -> Path:
    path.write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")
    return path

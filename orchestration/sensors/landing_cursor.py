"""Memory of the landing sensor from one evaluation to the next: the days it has dealt with, and since when it sees nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

_AWAY, _NEW = "away", "new"


@dataclass(frozen=True)
class Mark:
    """A landing day as it was dealt with: per table folder its fingerprint, and how often it was asked for."""

    tables: Mapping[str, str] = field(default_factory=dict)
    requests: int = 0
    is_legacy: bool = False
    """A mark of an earlier release: the day was dealt with, as it was then."""

    @classmethod
    def parse(cls, text: str) -> Mark:
        parts = text.split()
        requests = [int(part) for part in parts if part.isdigit() and len(parts) > 1]
        tables = dict(part.split(":", 1) for part in parts if ":" in part)
        return cls(tables, requests[0] if requests else 0, is_legacy=not tables)

    def __str__(self) -> str:
        tables = [f"{folder}:{fingerprint}" for folder, fingerprint in sorted(self.tables.items())]
        return " ".join([str(self.requests), *tables] if self.requests else tables)


@dataclass(frozen=True)
class Cursor:
    """``days`` is None until the landing was seen once; ``away`` counts the evaluations since it was seen last."""

    days: Mapping[date, Mark] | None = None
    away: int = 0

    @classmethod
    def parse(cls, text: str | None) -> Cursor:
        """A cursor that is none (set by hand in the UI, say) starts anew."""
        try:
            found: dict[str, Any] = dict(json.loads(text or "").items())
            away, is_new = int(found.pop(_AWAY, 0)), bool(found.pop(_NEW, False))
            days = {date.fromisoformat(day): Mark.parse(str(mark)) for day, mark in found.items()}
        except (ValueError, AttributeError, TypeError):
            return cls()
        return cls(None if is_new else days, away)

    def __str__(self) -> str:
        content: dict[str, Any] = {
            day.isoformat(): str(mark) for day, mark in sorted((self.days or {}).items())
        }
        if self.days is None:
            content[_NEW] = True
        if self.away:
            content[_AWAY] = self.away
        return json.dumps(content)

    def since(self, earliest: date) -> Cursor:
        """Without the days that are not looked at any more; one whose files were archived is remembered until then."""
        if self.days is None:
            return self
        return Cursor({day: mark for day, mark in self.days.items() if day >= earliest}, self.away)

    def folders(self) -> frozenset[str]:
        """The table folders that were seen."""
        return frozenset(folder for mark in (self.days or {}).values() for folder in mark.tables)

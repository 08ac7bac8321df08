"""Retention of the quarantine (spec section 9, runbook section 7.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.silver import bad_records


@dataclass(frozen=True)
class Expired:
    """Expired bad records: rows per detection day (KST), ascending, all before ``keep_from``."""

    keep_from: date
    rows_per_day: dict[date, int]

    @property
    def rows(self) -> int:
        return sum(self.rows_per_day.values())


def find_expired(lakehouse: Lakehouse, *, today: date, retention_days: int) -> Expired:
    """The bad records with ``detected_date_kst < today - retention_days``; deletes nothing."""
    keep_from = today - timedelta(days=retention_days)
    old = lakehouse.read(bad_records.TABLE, Scope(end=keep_from - timedelta(days=1)))
    counts = old.groupBy("detected_date_kst").count().orderBy("detected_date_kst").collect()
    return Expired(keep_from, {row["detected_date_kst"]: row["count"] for row in counts})


def delete_expired(lakehouse: Lakehouse, expired: Expired) -> None:
    """Delete what was found, in one commit; nothing found makes no commit. A rerun finds nothing."""
    if expired.rows:
        lakehouse.delete_before(bad_records.TABLE, expired.keep_from)

"""Evidence behind a day's verdict: the findings of its newest successful control, and the quarantine by reason."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import functions as F

from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.gold import exception_ledger
from operations.quarantine import Asked, read_quarantine
from operations.verdicts import DayVerdict

_SHOWN_USERS = 5


@dataclass(frozen=True)
class Evidence:
    """Texts as the findings' messages have them, amounts in KRW: the supply where it does not match, the users with
    the largest drift, and quarantined rows by (Silver table, reason)."""

    supply: Mapping[str, str] | None = None
    drifting: Sequence[Mapping[str, str]] = ()
    quarantined: Mapping[tuple[str, str], int] = field(default_factory=dict)


def evidence_of(lakehouse: Lakehouse, verdict: DayVerdict) -> Evidence:
    """The day's evidence. A day on which nothing was found costs no query."""
    supply, drifting = _findings(lakehouse, verdict) if _has_findings(verdict) else (None, [])
    quarantined: Mapping[tuple[str, str], int] = {}
    if verdict.quarantined:
        quarantined = dict(sorted(read_quarantine(lakehouse, Asked(verdict.date_kst)).standing.items()))
    return Evidence(supply, drifting, quarantined)


def _has_findings(verdict: DayVerdict) -> bool:
    return verdict.run_id is not None and bool(verdict.drifting_users or verdict.diff_amount)


def _findings(
    lakehouse: Lakehouse, verdict: DayVerdict
) -> tuple[Mapping[str, str] | None, list[Mapping[str, str]]]:
    """Supply's finding, and the largest drifts, of the control that the figures are of. One query."""
    rows = lakehouse.read(exception_ledger.TABLE, Scope.of([verdict.date_kst])).where(
        (F.col("domain") == "ledger") & (F.col("run_id") == F.lit(verdict.run_id))
    )
    is_supply = F.col("exception_type") == exception_ledger.SUPPLY_MISMATCH
    largest = rows.orderBy(is_supply.cast("int").desc(), F.col("metric_value").desc(), "message")
    found = largest.select("exception_type", "message").limit(_SHOWN_USERS + 1).collect()
    kinds = {kind: [_message(r) for r in found if r["exception_type"] == kind] for kind in _kinds(found)}
    supply = kinds.get(exception_ledger.SUPPLY_MISMATCH, [])
    drifting = kinds.get(exception_ledger.RECON_DRIFT_HIGH, [])
    return (supply[0] if supply else None), drifting[:_SHOWN_USERS]


def _kinds(rows: Sequence[Any]) -> set[str]:
    return {row["exception_type"] for row in rows}


def _message(row: Any) -> Mapping[str, str]:
    message: Mapping[str, str] = json.loads(row["message"])
    return message

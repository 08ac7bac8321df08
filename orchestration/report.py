"""What an operator reads at the end of a run: row counts, exceptions, and whether the money adds up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from pyspark.sql import functions as F

from ledger.contract import Table
from ledger.gold import exception_ledger, ledger_supply_balance_daily, recon_daily_snapshot_flow
from ledger.lakehouse import Lakehouse
from ledger.merge import Scope
from ledger.side_by_side import side_by_side
from ledger.silver import bad_records
from ledger.tables import BRONZE, GOLD, SILVER
from ledger.window import Window, lit_ts
from mock_data.report import GenerationReport

_SHOWN_USERS = 5


@dataclass(frozen=True)
class DaySummary:
    """One KST day in figures: rows per table, quarantine by reason, exceptions by type, the two verdicts."""

    day: date
    rows: Mapping[str, int]
    quarantined: Mapping[str, int]
    exceptions: Mapping[str, int]
    supply: Mapping[str, str] | None
    drifting: Sequence[Mapping[str, str]]
    drifting_count: int

    @property
    def adds_up(self) -> bool | None:
        """True: supply and every wallet agree; None: the day was not controlled."""
        if self.supply is None:
            return None
        return self.supply["is_ok"] == "true" and not self.drifting_count

    def as_dict(self) -> dict[str, Any]:
        return {
            "date_kst": self.day.isoformat(),
            "adds_up": self.adds_up,
            "rows": dict(self.rows),
            "quarantined": dict(self.quarantined),
            "exceptions": dict(self.exceptions),
            "supply": None if self.supply is None else dict(self.supply),
            "drifting_users": self.drifting_count,
            "drifting": [dict(d) for d in self.drifting],
        }


def summarize(lakehouse: Lakehouse, day: date, run_id: str | None = None) -> DaySummary:
    """Read the day's summary from the tables; quarantine and exceptions of ``run_id`` only, when given."""
    scope = Scope.of([day])
    shown = [
        table
        for table in (*BRONZE, *SILVER, *GOLD)
        if table.partition_by and lakehouse.exists(table) and table is not bad_records.TABLE
    ]
    counts = side_by_side([partial(lakehouse.count, table, scope) for table in shown])
    rows = {table.full_name: count for table, count in zip(shown, counts, strict=True)}
    window = Window.of_day(day)
    bad = lakehouse.read(bad_records.TABLE, Scope(start=day)).where(
        (F.col("window_start_ts") >= lit_ts(window.start)) & (F.col("window_end_ts") <= lit_ts(window.end))
    )
    found = lakehouse.read(exception_ledger.TABLE, scope)
    if run_id:
        bad, found = bad.where(F.col("run_id") == run_id), found.where(F.col("run_id") == run_id)
    supply = lakehouse.read(ledger_supply_balance_daily.TABLE, scope).collect()
    drift = found.where(F.col("exception_type") == exception_ledger.RECON_DRIFT_HIGH)
    drifts = lakehouse.read(recon_daily_snapshot_flow.TABLE, scope).where("drift_abs > 0")
    largest = drifts.orderBy(F.col("drift_abs").desc(), "user_id").limit(_SHOWN_USERS).collect()
    return DaySummary(
        day=day,
        rows=rows,
        quarantined=_counts(bad, "source_table", "reason"),
        exceptions=_counts(found, "severity", "exception_type", "metric"),
        supply={k: _text(v) for k, v in supply[0].asDict().items()} if supply else None,
        drifting=[
            {k: _text(r[k]) for k in ("user_id", "delta_balance_total", "net_flow_total", "drift_abs")}
            for r in largest
        ],
        drifting_count=drift.select("message").distinct().count(),
    )


def _counts(df: Any, *names: str) -> dict[str, int]:
    counted = df.groupBy(*names).count().orderBy(*names).collect()
    return {" ".join(str(row[n]) for n in names): row["count"] for row in counted}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def render(summary: DaySummary) -> str:
    """The summary as plain text."""
    verdict = {True: "the money adds up", False: "THE MONEY DOES NOT ADD UP", None: "not controlled yet"}
    lines = [f"{summary.day} (KST): {verdict[summary.adds_up]}", "  rows"]
    lines += [f"    {name:<42}{count:>14,}" for name, count in summary.rows.items()]
    if summary.supply:
        s = summary.supply
        state = "ok" if s["is_ok"] == "true" else "MISMATCH"
        lines.append(
            f"  supply   {state}: issued {_money(s['issued_supply'])}, wallets {_money(s['wallet_total_balance'])},"
            f" difference {_money(s['diff_amount'])}"
        )
        lines.append(
            f"  drift    {summary.drifting_count or 'no'} user{'' if summary.drifting_count == 1 else 's'}"
        )
    for d in summary.drifting:
        lines.append(
            f"    {d['user_id']}: balance moved {_money(d['delta_balance_total'])},"
            f" ledger says {_money(d['net_flow_total'])}, drift {_money(d['drift_abs'])}"
        )
    lines += _section("quarantined", summary.quarantined) + _section("exceptions", summary.exceptions)
    return "\n".join(lines)


def _section(title: str, counts: Mapping[str, int]) -> list[str]:
    if not counts:
        return [f"  {title:<8} none"]
    return [f"  {title}", *[f"    {name:<58}{count:>8,}" for name, count in counts.items()]]


def _money(text: str) -> str:
    whole, _, cents = text.lstrip("-").partition(".")
    return ("-" if text.startswith("-") else "") + f"{int(whole):,}" + (f".{cents}" if cents else "")


def render_rows(table: Table, rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as aligned text, the contract's columns first."""
    if not rows:
        return f"{table.full_name}: no rows"
    names = list(rows[0])
    cells = [names, *[["" if row[n] is None else str(row[n]) for n in names] for row in rows]]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def render_restatement(found: Mapping[str, object]) -> str:
    """One restated day in one line: how many figures changed, by how much supply, and because of what."""
    cause = found["caused_by_batches"] or found["caused_by_runs"] or "unknown"
    return (
        f"restated {found['date_kst']}: {found['figures']} figures of {found['pipeline_name']} by {found['run_id']},"
        f" supply difference moved by {found['supply_moved']}, because of {cause}"
    )


def to_json(value: object) -> str:
    """Machine-readable output: one JSON document."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def render_generation(report: GenerationReport) -> str:
    """What a generated landing holds, and what its planted faults must produce."""
    days = f"{report.days[0]} to {report.days[-1]}"
    lines = [f"{report.rows:,} records in {len(report.files)} files, {days}, seed {report.seed}"]
    lines += [f"  planted {fault.name} on {fault.date_kst}: {fault.rows} records" for fault in report.faults]
    return "\n".join(lines)

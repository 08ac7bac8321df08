"""Report of a generation: its files, and the effects that its planted faults must have (the answer key of a generated landing)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True)
class LandingFile:
    """One landing file: its table (without `_raw`), its KST day of arrival, its path below the landing, its lines."""

    table: str
    date_kst: date
    path: str
    rows: int


@dataclass(frozen=True)
class ExpectedException:
    """One row that `gold.exception_ledger` must hold for the last generated day (grain: rule and subject).

    `source_table` is set for domain `dq`, `user_id` (in the row's message) for `RECON_DRIFT_HIGH`. `metric_value` is
    text in the column's scale, so that the report survives JSON without a float.
    """

    domain: str
    exception_type: str
    severity: str
    metric: str
    metric_value: str
    source_table: str | None = None
    user_id: str | None = None


@dataclass(frozen=True)
class PlantedFault:
    """One planted fault: how many records it added or changed, their keys, and what it must produce.

    `quarantined` counts rows of `silver.bad_records` by Silver table and reason. `drifting_users` maps a user to its
    `drift_abs`; `supply_diff_amount` is the day's `diff_amount`. `due_for_restatement` lists generated KST days whose
    controls change when they are run again.
    """

    name: str
    date_kst: date
    rows: int
    keys: tuple[str, ...] = ()
    quarantined: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    drifting_users: Mapping[str, str] = field(default_factory=dict)
    supply_diff_amount: str | None = None
    silver_fails: bool = False
    due_for_restatement: tuple[date, ...] = ()


@dataclass(frozen=True)
class GenerationReport:
    """Files in the order they were published (grain: table and KST day), and the answer key of the last day.

    `exceptions` are all rows that the last day must leave in `gold.exception_ledger` under the shipped rules: the
    faults taken together. Every other generated day must leave none.
    """

    seed: int
    days: tuple[date, ...]
    files: tuple[LandingFile, ...]
    faults: tuple[PlantedFault, ...] = ()
    exceptions: tuple[ExpectedException, ...] = ()

    @property
    def rows(self) -> int:
        """Lines over all files."""
        return sum(file.rows for file in self.files)

    def rows_of(self, table: str, date_kst: date | None = None) -> int:
        """Lines of one table, on one KST day or on all; 0 where nothing was written."""
        return sum(f.rows for f in self.files if f.table == table and date_kst in (None, f.date_kst))

    @property
    def silver_fails(self) -> bool:
        """Whether the last day must stop at Silver's fail-fast, so that no control runs for it."""
        return any(fault.silver_fails for fault in self.faults)

    def text(self) -> str:
        """The report in a few lines."""
        days = f"{self.days[0]} to {self.days[-1]}"
        lines = [f"{self.rows:,} records in {len(self.files)} files, {days}, seed {self.seed}"]
        lines += [
            f"  planted {fault.name} on {fault.date_kst}: {fault.rows} records" for fault in self.faults
        ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON-ready values: dates are ISO text."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value

"""Folders of one test, and Delta tables read by a second reader (``deltalake``), not by the code under test."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from deltalake import DeltaTable

Row = dict[str, Any]
DAY_1, DAY_2, DAY_3 = (date(2026, 2, day) for day in (10, 11, 12))
ENTRIES_A_DAY = 150

# When something happened, not what: two runs on the same input differ in these columns alone.
# Records of attempts rather than results: they grow with every run.
ATTEMPT_TABLES = (
    "gold.pipeline_state",
    "gold.pipeline_run_log",
    "silver.day_changes",
    "gold.restatement_log",
    "silver.bad_records",
)

# A load of the landing has no run id of the operator's, so two runs of one day never share it.
OWN_IDS = {"bronze.landing_file": ("run_id",)}
CLOCKS = frozenset(
    {
        "detected_at",
        "detected_date_kst",
        "generated_at",
        "last_success_ts",
        "updated_at",
        "started_at",
        "ended_at",
        "refreshed_at",
        "restated_at",
        "changed_at",
        "landing_at",
        "at",
    }
)


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def ledgerctl(*arguments: object) -> Done:
    """Run a command in this process, with the environment as it is."""
    from orchestration.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Done(code, out.getvalue(), err.getvalue())


# Before a command, so that it hears Ctrl-C: a suite that runs in a script's background ignores it, and its children
# would, too. Not ``preexec_fn``, whose fork of a process with gRPC's threads now and then aborts in the child.
HEARS_CTRL_C = ("env", "--default-signal=INT")


@dataclass(frozen=True)
class Home:
    """A warehouse, a landing root and a Dagster home under one folder."""

    root: Path

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse"

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def dagster_home(self) -> Path:
        return self.root / "dagster"

    def environment(self) -> dict[str, str]:
        """The variables that point the product at this home."""
        return {
            "PIPELINE_CFG__LAKEHOUSE__WAREHOUSE": str(self.warehouse),
            "PIPELINE_CFG__LAKEHOUSE__LANDING": str(self.landing),
            "DAGSTER_HOME": str(self.dagster_home),
        }

    def copy_from(self, other: Home, *parts: str) -> Home:
        """Start from another home's state (all of it, or some of ``warehouse``, ``landing``, ``dagster``)."""
        for part in parts or ("warehouse", "landing", "dagster"):
            if (other.root / part).exists():
                shutil.copytree(other.root / part, self.root / part, dirs_exist_ok=True)
        return self

    def land(
        self, table: str, day: date | str, *records: Mapping[str, Any] | str, file: str = "part-0"
    ) -> Path:
        """Write a JSON-lines landing file; a text is a line as it stands."""
        folder = self.landing / table / f"date={day}"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records]
        path = folder / f"{file}.jsonl"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    def delta(self, table: str) -> DeltaTable:
        return DeltaTable(str(self.warehouse.joinpath(*table.split("."))))

    def tables(self) -> list[str]:
        """Every table of the warehouse, ``<schema>.<name>``."""
        found = self.warehouse.glob("*/*/_delta_log")
        return sorted(f"{p.parent.parent.name}.{p.parent.name}" for p in found)

    def rows(self, table: str) -> list[Row]:
        """All rows of a table; none when it does not exist."""
        path = self.warehouse.joinpath(*table.split("."))
        if not (path / "_delta_log").is_dir():
            return []
        rows: list[Row] = DeltaTable(str(path)).to_pyarrow_table().to_pylist()
        return rows

    def version(self, table: str) -> int:
        return int(self.delta(table).version())

    def versions(self, tables: Iterable[str] | None = None) -> dict[str, int]:
        return {table: self.version(table) for table in (tables or self.tables())}

    def files(self, table: str) -> set[str]:
        """The data files that the newest version consists of."""
        return set(self.delta(table).file_uris())

    def content(self, *tables: str, without: Sequence[str] = ()) -> dict[str, Counter[str]]:
        """Table by table its rows as a multiset of text, without clock columns; to be compared as a whole."""
        names = tables or tuple(self.tables())
        return {
            name: multiset(self.rows(name), {*CLOCKS, *OWN_IDS.get(name, ()), *without}) for name in names
        }


class Template(NamedTuple):
    """A home that several tests start from, and the command that made it."""

    home: Home
    done: Done
    boundaries: tuple[str, ...] = ()


@contextlib.contextmanager
def entered(home: Home) -> Iterator[Home]:
    """The environment points at this home; for fixtures that outlive a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in home.environment().items():
            patch.setenv(name, value)
        yield home


def plant_findings(home: Home) -> None:
    """Add to the first landing day: two rows to quarantine, and a user whose balance moves without an entry.

    And to the second: a field that no contract knows, for which Bronze gains a column.
    """
    at = f"{DAY_1}T01:00:00Z"
    entry = {"tx_id": "bad-1", "wallet_id": "u", "type": "CHARGE", "amount": "1e3", "created_at": at}
    home.land("transaction_ledger", DAY_1, entry, file="planted")
    payment = {"order_id": "bad-2", "user_id": "u", "amount": 5, "status": "LOST", "created_at": at}
    home.land("payment_orders", DAY_1, payment, file="planted")
    drifting = {"user_id": "u-drift", "frozen_amount": 0}
    snapshots = [
        {**drifting, "balance": 100, "source_extracted_at": at},
        {**drifting, "balance": 110, "source_extracted_at": f"{DAY_1}T05:00:00Z"},
    ]
    home.land("user_wallets", DAY_1, *snapshots, file="planted")
    product = {"product_id": 9_000_001, "price_krw": 5, "stock_quantity": 1, "colour": "red"}
    home.land("products", DAY_2, product, file="planted")


def multiset(rows: Iterable[Mapping[str, Any]], without: Iterable[str] = CLOCKS) -> Counter[str]:
    """Rows as comparable text, with how often each occurs."""
    left_out = set(without)
    return Counter(
        json.dumps(
            {k: v for k, v in sorted(row.items()) if k not in left_out}, default=str, ensure_ascii=False
        )
        for row in rows
    )


def difference(expected: Mapping[str, Counter[str]], actual: Mapping[str, Counter[str]]) -> str:
    """Differences of two contents, a few rows per table; empty when they are equal."""
    lines = []
    for table in sorted({*expected, *actual}):
        left, right = expected.get(table, Counter()), actual.get(table, Counter())
        for what, rows in (("missing", left - right), ("extra", right - left)):
            if rows:
                shown = "\n    ".join(list(rows.elements())[:3])
                lines.append(f"{table}: {rows.total()} {what}\n    {shown}")
    return "\n".join(lines)

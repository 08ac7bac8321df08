"""Columns that an earlier flood of unknown fields made are dropped; nothing that they held is lost (spec section 4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ledger.bronze import files_read, ingest, json_records, records
from ledger.bronze.column_drop import drop, plan_drop
from ledger.bronze.landing_file import TABLE as LANDING_FILE
from ledger.bronze.payment_orders_raw import TABLE
from ledger.delta import log_files, rewrite
from ledger.delta.lakehouse import Lakehouse
from ledger.errors import CommitConflictError, ContractError, ParameterError
from tests.support import Home, ledgerctl

DAY, OTHER_DAY = date(2026, 2, 10), date(2026, 2, 11)
NOW = datetime(2026, 2, 12, tzinfo=UTC)
FLOOD = 300
Landed = Callable[..., None]


@pytest.fixture
def land(lakehouse: Lakehouse, tmp_path: Path) -> Landed:
    """Lands records as one file, and loads its day."""
    for table in (TABLE, LANDING_FILE):
        lakehouse.create(table)

    def landed(day: date, file: str, *rows: dict[str, object]) -> None:
        folder = tmp_path / f"landing/payment_orders/date={day}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        ingest.ingest(
            lakehouse,
            [TABLE],
            landing=str(tmp_path / "landing"),
            days=[day],
            clock=lambda: NOW,
            run_id="r",
        )

    return landed


@pytest.fixture
def flooded(lakehouse: Lakehouse, land: Landed, monkeypatch: pytest.MonkeyPatch) -> Lakehouse:
    """A table of before there was a limit: a column a record, one that all have, and an ordinary day."""
    with monkeypatch.context() as before:
        for module in (records, json_records, files_read):
            before.setattr(module, "MAX_UNKNOWN", 10_000)
        land(
            DAY,
            "flood",
            *[{"order_id": f"f{n}", f"k{n:04}": f'"{n}\n', "channel": "app"} for n in range(FLOOD)],
        )
        land(OTHER_DAY, "a", {"order_id": "o1", "channel": "web", "amount": 1.50})
    assert len(lakehouse.read(TABLE).columns) == len(TABLE.columns) + FLOOD + 1
    return lakehouse


def said(lakehouse: Lakehouse) -> dict[str, dict[str, str]]:
    """Every value that is beyond the contract, by order: of a column, or of the record's text."""
    found: dict[str, dict[str, str]] = {}
    for row in lakehouse.read(TABLE).collect():
        values = {k: v for k, v in row.asDict().items() if k not in TABLE.column_names and v is not None}
        text = json.loads(row["_raw"]) if row["_raw"] else {}
        values |= {k: v for k, v in text.items() if k not in TABLE.column_names}
        assert row["order_id"] not in found
        found[row["order_id"]] = values
    return found


EXPECTED = {f"f{n}": {f"k{n:04}": f'"{n}\n', "channel": "app"} for n in range(FLOOD)} | {
    "o1": {"channel": "web"}
}


def test_a_flood_is_dropped_and_every_value_is_kept(flooded: Lakehouse, land: Landed) -> None:
    """INV-91: in one commit that takes no row, touches no other day, and leaves room for columns."""
    version = flooded.version(TABLE)
    planned = plan_drop(flooded, TABLE, most=1, keep=["k0007"])
    assert planned.kept == {"k0007": 1}
    planned = plan_drop(flooded, TABLE, most=2, keep=["k0007"])
    assert planned.kept == {"channel": FLOOD + 1, "k0007": 1}
    assert len(planned.dropped) == FLOOD - 1
    drop(flooded, TABLE, planned, by="kim", reason="keys were user ids")
    assert flooded.version(TABLE) == version + 1
    assert flooded.read(TABLE).columns == [*TABLE.column_names, *planned.kept]
    assert said(flooded) == EXPECTED
    assert flooded.count(TABLE) == FLOOD + 1
    kept = {row["order_id"]: row["_raw"] for row in flooded.read(TABLE).collect() if row["_raw"] is None}
    assert sorted(kept) == ["f7", "o1"], "nothing of theirs went"
    land(OTHER_DAY, "b", {"order_id": "o2", "k0001": "again"})
    assert said(flooded) == EXPECTED | {"o2": {"k0001": "again"}}
    assert "k0001" in flooded.read(TABLE).columns


def test_a_load_that_commits_meanwhile_loses_nothing(
    flooded: Lakehouse, land: Landed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-91: its rows fill a column that goes, and are committed after the table was read."""
    commit, others = log_files.commit_after, [{"order_id": "late", "k0003": "late"}]

    def overtaken(*arguments: object) -> None:
        if others:
            land(OTHER_DAY, "late", others.pop())
        commit(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rewrite, "commit_after", overtaken)
    drop(flooded, TABLE, plan_drop(flooded, TABLE, most=1), by="kim", reason="flood")
    assert said(flooded) == EXPECTED | {"late": {"k0003": "late"}}
    assert flooded.read(TABLE).columns == [*TABLE.column_names, "channel"]
    assert not list(Path(flooded.path(TABLE)).glob("_rewrite-*"))


def test_a_load_whose_columns_go_meanwhile_is_refused_and_loses_nothing(
    flooded: Lakehouse, land: Landed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-91: it had read its files for the wider table; the next load reads them again."""
    read = files_read.read_with_columns

    def then_dropped(*arguments: object) -> object:
        found = read(*arguments)  # type: ignore[arg-type]
        drop(flooded, TABLE, plan_drop(flooded, TABLE, most=1), by="kim", reason="flood")
        return found

    row = {"order_id": "late", "k0003": "late"}
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(ingest, "read_with_columns", then_dropped)
        with pytest.raises(CommitConflictError, match="were dropped meanwhile"):
            land(OTHER_DAY, "late", row)
    land(OTHER_DAY, "late", row)
    assert said(flooded) == EXPECTED | {"late": {"k0003": "late"}}


def test_loads_side_by_side_make_no_more_columns_than_one(
    lakehouse: Lakehouse, land: Landed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-91: another load takes the room between the read and the columns; the fields then keep their text."""
    monkeypatch.setattr(files_read, "MAX_UNKNOWN", 3)
    monkeypatch.setattr(records, "MAX_UNKNOWN", 3)
    read, others = files_read.read_files, [["x1", "x2"]]

    def overtaken(*arguments: object) -> object:
        found = read(*arguments)  # type: ignore[arg-type]
        if others:
            lakehouse.add_columns(TABLE, others.pop())
        return found

    monkeypatch.setattr(files_read, "read_files", overtaken)
    land(DAY, "a", {"order_id": "1", "a": "A", "b": "B"})
    assert lakehouse.read(TABLE).columns == [*TABLE.column_names, "x1", "x2", "a"]
    assert said(lakehouse) == {"1": {"a": "A", "b": "B"}}


def test_undroppable_column_is_refused_by_name(lakehouse: Lakehouse, land: Landed) -> None:
    """INV-91"""
    land(DAY, "a", {"order_id": "1", "memo": "m"})
    with pytest.raises(ParameterError, match="--keep: bronze.payment_orders_raw has no column status"):
        plan_drop(lakehouse, TABLE, most=1, keep=["status"])
    with pytest.raises(ParameterError, match="--reason is blank"):
        drop(lakehouse, TABLE, plan_drop(lakehouse, TABLE, most=0), by="kim", reason=" ")
    with pytest.raises(ContractError, match="columns of the contract cannot go: status"):
        rewrite.drop_columns(lakehouse, TABLE, ["status"], lambda rows: rows, why={})
    version = lakehouse.version(TABLE)
    with pytest.raises(ContractError, match="1 rows were to be rewritten, 0 were"):
        rewrite.drop_columns(
            lakehouse, TABLE, ["memo"], lambda rows: rows.drop("memo").where("false"), why={}
        )
    assert lakehouse.version(TABLE) == version
    assert said(lakehouse) == {"1": {"memo": "m"}}


def test_the_command_says_what_goes_and_what_stays(after_day_1: Home) -> None:
    """INV-91"""
    after_day_1.land("payment_orders", "2026-02-10", {"order_id": "x", "memo": "a", "note": "b"}, file="more")
    after_day_1.land("payment_orders", "2026-02-10", {"order_id": "y", "memo": "a"}, file="most")
    assert ledgerctl("ingest", "2026-02-10").code == 0
    command = (
        "landing",
        "drop-columns",
        "bronze.payment_orders_raw",
        "--most",
        1,
        "--by",
        "kim",
        "--reason",
        "flood",
    )
    tried = ledgerctl(*command, "--dry-run")
    assert (tried.code, tried.out) == (
        0,
        "bronze.payment_orders_raw: 1 columns would be dropped, what they hold goes to _raw\nkept: memo\n",
    )
    assert ledgerctl(*command, "--json").json == {
        "table": "bronze.payment_orders_raw",
        "kept": {"memo": 2},
        "dropped": {"note": 1},
        "dry_run": False,
    }
    rows = {row["order_id"]: row for row in after_day_1.rows("bronze.payment_orders_raw")}
    assert json.loads(rows["x"]["_raw"]) == {"order_id": "x", "memo": "a", "note": "b"}
    assert "note" not in rows["y"]
    unknown = ledgerctl("landing", "drop-columns", "silver.products", "--by", "kim", "--reason", "r")
    assert (unknown.code, "is no Bronze table" in unknown.err) == (2, True)

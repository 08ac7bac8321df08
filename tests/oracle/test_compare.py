"""`compare` finds nothing in the oracle's own tables written as Delta, and every single change to them.

Also: what `chaos` writes is decided by the specification, whatever the order of rows inside a file.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import Oracle, live
from tests.oracle import landing as landing_module
from tests.oracle.chaos import write_landing
from tests.oracle.compare import compare, compare_rows
from tests.oracle.contract import HIDDEN, TABLES, columns_of
from tests.oracle.controls import ANY
from tests.oracle.lake import default_rules
from tests.oracle.landing import FileVersion

pa = pytest.importorskip("pyarrow")
deltalake = pytest.importorskip("deltalake")

DAYS = [date(2026, 2, 1) + timedelta(days=offset) for offset in range(3)]
ARROW: dict[str, Any] = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "int": pa.int32(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "double": pa.float64(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "money": pa.decimal128(18, 2),
    "decimal(38,2)": pa.decimal128(38, 2),
    "decimal(38,6)": pa.decimal128(38, 6),
    "map": pa.map_(pa.string(), pa.float64()),
    "array": pa.list_(pa.string()),
}


def write_warehouse(oracle: Oracle, path: Path) -> None:
    """The oracle's tables as a real product would have left them."""
    for table in TABLES:
        schema, name = table.split(".")
        rows = oracle.tables[table]
        kinds = {column: kind.removesuffix("!") for column, kind in columns_of(table).items()}
        extra = {column for row in rows for column in row if schema == "bronze" and column not in kinds}
        kinds |= {column: "string" for column in extra if not column.startswith(HIDDEN)}
        columns = {
            column: pa.array([spell(column, row.get(column)) for row in rows], ARROW[kind])
            for column, kind in kinds.items()
        }
        deltalake.write_deltalake(str(path / schema / name), pa.table(columns))


def spell(column: str, value: Any) -> Any:
    if column == "record_json":
        cells = {name: cell.text for name, cell in value["~cells"].items()}
        return json.dumps(cells | {"_raw": value["_raw"]})
    if column == "severity_map":
        return list(value.items()) if value else None
    return None if value is ANY else value


def run(landing: Path, days: list[date]) -> Oracle:
    oracle = Oracle(landing, default_rules())
    for day in days:
        assert oracle.day(day, f"r-{day}").ok
    return oracle


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("landing")
    write_landing(path, seed=3, days=DAYS, rows_per_table=90)
    return path


def test_round_trip_finds_nothing_and_a_change_is_found(landing: Path, tmp_path: Path) -> None:
    oracle = run(landing, DAYS[:2])
    write_warehouse(oracle, tmp_path)
    assert [diff.report() for diff in compare(oracle, tmp_path)] == []
    oracle.tables["silver.ledger_entries"][0]["amount"] += 1
    oracle.tables["gold.exception_ledger"].pop()
    oracle.tables["silver.bad_records"][0]["record_json"] |= {"~unparsable": True, "_raw": "other"}
    diffs = {diff.table: (len(diff.missing), len(diff.extra)) for diff in compare(oracle, tmp_path)}
    assert diffs["silver.ledger_entries"] == (1, 1)
    assert diffs["gold.exception_ledger"] == (0, 1)
    assert diffs["silver.bad_records"] == (1, 1)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1, 2)])
def test_chaos_is_decided_by_the_specification(
    landing: Path, order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [DAYS[at] for at in order]
    expected = run(landing, days)
    read = landing_module.read_file

    def other_way_round(*arguments: Any) -> FileVersion:
        file = read(*arguments)
        file.rows.reverse()
        for row in file.rows:
            if "batch_id" not in row["~determined"]:
                row["batch_id"] = f"stamp-{sum(file.path.encode()) % 97}"
            if "source_extracted_at" not in row["~determined"]:
                row["source_extracted_at"] = None
        return file

    monkeypatch.setattr(live, "read_file", other_way_round)
    actual = run(landing, days)
    for table in TABLES:
        if table.startswith("bronze.") or table == "silver.bad_records":
            continue
        diff = compare_rows(table, expected.tables[table], actual.tables[table])
        assert not diff, diff.report()


def test_chaos_provokes_fail_fast(tmp_path: Path) -> None:
    write_landing(tmp_path, seed=5, days=DAYS[:1], rows_per_table=90, bad_share=0.06)
    failure = Oracle(tmp_path, default_rules(bad_rate=0.01)).day(DAYS[0], "r1").failure
    assert failure is not None
    assert failure.kind == "BadRateExceeded"


def test_chaos_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_landing(tmp_path / name, seed=8, days=DAYS[:1], rows_per_table=30)
    files = [
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    ]
    assert files[0] == files[1]

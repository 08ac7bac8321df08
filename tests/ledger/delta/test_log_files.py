"""A damaged log is refused by name before anything is read, and a table that is not as its contract is, too."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from ledger.contract import Column, Table
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.log_files import add_string_columns, layout_of
from ledger.delta.log_metadata import Layout, type_name
from ledger.errors import ContractError, KeyViolationError, LedgerError, StorageError
from ledger.tables import ALL
from tests.ledger.probe_tables import APPENDED, BOTH_DAYS, DAY, FILES, ITEMS, NEXT, REPLACED, items, stored


@pytest.fixture
def lake(lakehouse: Lakehouse) -> Lakehouse:
    """ITEMS with two merges after its creation: versions 0, 1 and 2."""
    lakehouse.create(ITEMS)
    lakehouse.merge(ITEMS, items(lakehouse, ("a", DAY, Decimal(1), None, "r1")), scope=BOTH_DAYS)
    lakehouse.merge(ITEMS, items(lakehouse, ("b", NEXT, None, None, "r1")), scope=BOTH_DAYS)
    return lakehouse


def commit(lake: Lakehouse, version: int) -> Path:
    return Path(lake.path(ITEMS)) / "_delta_log" / f"{version:020}.json"


def uses(lake: Lakehouse) -> list[Callable[[], object]]:
    """Everything that a pipeline does with a table."""
    row = items(lake, ("z", NEXT, None, None, "r2"))
    return [
        lambda: lake.read(ITEMS),
        lambda: lake.count(ITEMS),
        lambda: lake.known_count(ITEMS),
        lambda: lake.version(ITEMS),
        lambda: lake.append(APPENDED, row, expected=1),
        lambda: lake.merge(ITEMS, row, scope=BOTH_DAYS),
        lambda: lake.replace_partition(REPLACED, row, NEXT),
        lambda: lake.validate(ITEMS),
    ]


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda file: file.write_bytes(b""), "is empty"),
    "blank": (lambda file: file.write_bytes(b"\n\n"), "is empty"),
    "half": (lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]), "is cut off"),
    "NUL": (lambda file: file.write_bytes(b"\0" * file.stat().st_size), "holds NUL bytes"),
    "NUL at the end": (lambda file: file.write_bytes(file.read_bytes() + b"\0" * 99), "holds NUL bytes"),
    "a number": (lambda file: file.write_bytes(b"1"), "is no commit"),
}


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("is_known", [False, True], ids=["first look", "seen before"])
def test_a_cut_newest_commit_is_refused_by_everything_and_nothing_is_written(
    lake: Lakehouse, how: str, is_known: bool
) -> None:
    """The engine takes an empty one for a commit without a change: its rows are gone, and all adds up."""
    damage, problem = DAMAGES[how]
    kept = commit(lake, 2).read_bytes()
    if not is_known:
        damage(commit(lake, 2))
    else:
        lake.read(ITEMS)
        damage(commit(lake, 2))
    before = sorted(commit(lake, 0).parent.iterdir())
    for use in uses(lake):
        with pytest.raises(StorageError) as caught:
            use()
        for part in (
            f"{2:020}.json {problem}",
            "table=silver.probe_items",
            str(commit(lake, 2)),
            "move it away",
        ):
            assert part in str(caught.value)
    assert sorted(commit(lake, 0).parent.iterdir()) == before
    commit(lake, 2).write_bytes(kept)
    assert len(stored(lake, ITEMS)) == 2, "the file put back, all is as it was"


def test_a_cut_commit_moved_away_leaves_the_table_before_it(lake: Lakehouse) -> None:
    """The message's remedy without a backup."""
    commit(lake, 2).write_bytes(b"")
    with pytest.raises(StorageError):
        lake.read(ITEMS)
    commit(lake, 2).unlink()
    assert [row[0] for row in stored(lake, ITEMS)] == ["a"]
    lake.merge(ITEMS, items(lake, ("b", NEXT, None, None, "r2")), scope=BOTH_DAYS)
    assert len(stored(lake, ITEMS)) == 2


def test_an_empty_commit_in_the_middle_and_a_missing_one_are_refused(lake: Lakehouse) -> None:
    kept = commit(lake, 1).read_bytes()
    commit(lake, 1).write_bytes(b"")
    with pytest.raises(StorageError, match=f"{1:020}.json is empty"):
        layout_of(str(commit(lake, 0).parent.parent) + "/.", ITEMS.full_name)
    commit(lake, 1).unlink()
    with pytest.raises(StorageError, match="commit 1 of the table's log are missing"):
        layout_of(str(commit(lake, 0).parent.parent) + "/./.", ITEMS.full_name)
    commit(lake, 1).write_bytes(kept)
    assert layout_of(str(commit(lake, 0).parent.parent) + "/././.", ITEMS.full_name) is not None


def test_commits_that_a_checkpoint_replaces_may_go_and_a_missing_checkpoint_is_named(lake: Lakehouse) -> None:
    DeltaTable(lake.path(ITEMS)).create_checkpoint()
    for version in (0, 1):
        commit(lake, version).unlink()
    lake.merge(ITEMS, items(lake, ("c", NEXT, None, None, "r2")), scope=BOTH_DAYS)
    commit(lake, 2).unlink()
    fresh = Lakehouse(lake.spark, warehouse=str(Path(lake.path(ITEMS)).parent.parent) + "/.")
    assert len(stored(fresh, ITEMS)) == 3
    next(commit(lake, 0).parent.glob("*.checkpoint.parquet")).unlink()
    gone = Lakehouse(lake.spark, warehouse=str(Path(lake.path(ITEMS)).parent.parent) + "/./.")
    with pytest.raises(StorageError, match=r"checkpoint 2, and commits 0 to 2 .*missing.*backup"):
        gone.read(ITEMS)


def foreign(lake: Lakehouse, **columns: pa.Array) -> None:
    """Another program overwrites the table, schema and all."""
    rows = {
        "id": pa.array(["a"]),
        "day": pa.array([DAY]),
        "amount": pa.array([Decimal("0.10")], pa.decimal128(38, 2)),
        "note": pa.array(["x"]),
        "run_id": pa.array(["r"]),
    }
    kept = {name: values for name, values in (rows | columns).items() if values is not None}
    write_deltalake(
        lake.path(ITEMS), pa.table(kept), mode="overwrite", schema_mode="overwrite", partition_by=["day"]
    )


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"amount": pa.array([0.1])}, r"amount is double, not decimal\(38,2\)"),
        ({"amount": pa.array([Decimal("0.1")], pa.decimal128(18, 2))}, r"amount is decimal\(18,2\), not"),
        ({"amount": pa.array(["0.1"])}, "amount is string"),
        ({"note": None}, "note is missing"),
        ({"extra": pa.array([1])}, "extra is not in the contract"),
        ({"note": None, "Note": pa.array(["x"])}, "note is missing; Note is not in the contract"),
    ],
)
def test_a_table_that_another_program_changed_is_refused_with_its_columns(
    lake: Lakehouse, columns: dict[str, pa.Array], problem: str
) -> None:
    """INV-24: money as a double is never summed; also in the process that read the table before."""
    lake.read(ITEMS)
    foreign(lake, **columns)
    version = DeltaTable(lake.path(ITEMS)).version()
    for use in uses(lake):
        with pytest.raises(ContractError, match=problem) as caught:
            use()
        assert "table=silver.probe_items" in str(caught.value)
    assert DeltaTable(lake.path(ITEMS)).version() == version
    DeltaTable(lake.path(ITEMS)).restore(2)
    assert len(stored(lake, ITEMS)) == 2, "restored, it is read again"


def test_a_table_partitioned_otherwise_is_refused(lake: Lakehouse) -> None:
    """INV-06: a scope would prune nothing, or what it must not."""
    rows = lake.read(ITEMS).toArrow()
    write_deltalake(
        lake.path(ITEMS), rows, mode="overwrite", schema_mode="overwrite", partition_by=["run_id"]
    )
    with pytest.raises(LedgerError, match="partitioned by run_id, not by day"):
        lake.read(ITEMS)


def test_bronze_may_have_more_columns(lakehouse: Lakehouse) -> None:
    lakehouse.create(FILES)
    lakehouse.add_columns(FILES, ["extra"])
    assert "extra" in lakehouse.read(FILES).columns


def test_two_writers_that_add_columns_at_once_lose_neither(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-16: the second one looks again, and adds only what is still missing."""
    lakehouse.create(FILES)
    real, rivals = os.link, [["other", "Extra"]]

    def link(draft: str, commit: Path) -> None:
        if rivals:
            add_string_columns(lakehouse.path(FILES), FILES.full_name, rivals.pop(), datetime.now(UTC))
        real(draft, commit)

    monkeypatch.setattr("ledger.delta.log_files.os.link", link)
    lakehouse.add_columns(FILES, ["extra", "third"])
    assert lakehouse.read(FILES).columns[-3:] == ["other", "Extra", "third"]
    assert lakehouse.version(FILES) == 2
    assert DeltaTable(lakehouse.path(FILES)).version() == 2, "another reader understands the commits"
    assert not list(Path(lakehouse.path(FILES), "_delta_log").glob("_add*"))


def test_columns_are_added_to_a_table_whose_schema_is_in_a_checkpoint(lakehouse: Lakehouse) -> None:
    lakehouse.create(FILES)
    DeltaTable(lakehouse.path(FILES)).create_checkpoint()
    before = DeltaTable(lakehouse.path(FILES)).metadata()
    log = Path(lakehouse.path(FILES), "_delta_log")
    (log / f"{0:020}.json").write_text(
        '{"commitInfo":{}}'
    )  # as if it were expired, its actions are in the checkpoint
    lakehouse.add_columns(FILES, ["extra"])
    after = DeltaTable(lakehouse.path(FILES)).metadata()
    assert (after.configuration, after.partition_columns, after.id) == (
        before.configuration,
        before.partition_columns,
        before.id,
    )
    assert lakehouse.read(FILES).columns[-1] == "extra"


def test_a_look_again_costs_no_reading_of_the_whole_log(
    lake: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.read(ITEMS)
    monkeypatch.setattr(
        "ledger.delta.log_files.os.listdir", lambda _: pytest.fail("the whole log was listed again")
    )
    lake.merge(ITEMS, items(lake, ("c", NEXT, None, None, "r2")), scope=BOTH_DAYS)
    assert len(stored(lake, ITEMS)) == 3


def test_a_table_made_anew_in_the_same_place_is_looked_at_anew(lake: Lakehouse) -> None:
    lake.read(ITEMS)
    for file in commit(lake, 0).parent.iterdir():
        file.unlink()
    columns = tuple(c if c.name != "amount" else Column("amount", "double") for c in ITEMS.columns)
    Lakehouse(lake.spark, warehouse=str(Path(lake.path(ITEMS)).parent.parent)).create(
        Table("silver", "probe_items", "other", columns, "merge", "", ("id",), "day")
    )
    with pytest.raises(ContractError, match="amount is double"):
        lake.read(ITEMS)


def test_every_contract_s_types_are_read_from_the_log_as_the_engine_prints_them(lakehouse: Lakehouse) -> None:
    for table in ALL:
        lakehouse.create(table)
        layout = layout_of(lakehouse.path(table), table.full_name)
        plan = lakehouse.spark.read.format("delta").load(lakehouse.path(table)).schema
        assert isinstance(layout, Layout)
        assert list(layout.columns) == [(f.name, f.dataType.simpleString()) for f in plan.fields]
    struct = {"type": "struct", "fields": [{"name": "a", "type": "long"}, {"name": "b", "type": "short"}]}
    assert type_name(json.loads(json.dumps(struct))) == "struct<a:bigint,b:smallint>"


def repeat(lake: Lakehouse) -> None:
    """Another program appends every row of the table once more."""
    write_deltalake(lake.path(ITEMS), DeltaTable(lake.path(ITEMS)).to_pyarrow_table(), mode="append")


def test_a_key_that_is_stored_twice_is_refused_by_the_merge_that_meets_it(lake: Lakehouse) -> None:
    """INV-06: with the key; a merge that touches none of them goes on."""
    repeat(lake)
    version = lake.version(ITEMS)
    unchanged = items(lake, ("a", DAY, Decimal(1), None, "r2"))
    for rows, delete_when in ((unchanged, None), (unchanged, "true")):
        with pytest.raises(KeyViolationError, match=r"several rows for one key: \(id=[ab]\).*probe_items"):
            lake.merge(ITEMS, rows, scope=BOTH_DAYS, delete_when=delete_when)
    assert lake.version(ITEMS) == version
    assert lake.merge(ITEMS, items(lake, ("new", DAY, None, None, "r2")), scope=BOTH_DAYS).inserted == 1

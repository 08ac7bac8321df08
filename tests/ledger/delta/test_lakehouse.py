"""Merges: what is inserted, updated, deleted, refused, and that nothing changed means no commit (spec section 2)."""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import functions as F

from configs.settings import load_settings
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse, WriteResult
from ledger.delta.merge_sql import FATE
from ledger.delta.scope import Scope
from ledger.errors import ContractError, KeyViolationError, StorageError
from ledger.faults import first_line
from tests.ledger.probe_tables import APPENDED, BOTH_DAYS, DAY, ITEMS, NEXT, PER_MERCHANT, items, stored

ROW_1 = ("a", DAY, Decimal("1.00"), "x", "r1")
ROW_2 = ("b", DAY, Decimal("2.00"), None, "r1")


@pytest.fixture
def lake(lakehouse: Lakehouse) -> Lakehouse:
    """ITEMS with two rows, and an empty PER_MERCHANT."""
    lakehouse.create(ITEMS)
    lakehouse.create(PER_MERCHANT)
    lakehouse.merge(ITEMS, items(lakehouse, ROW_1, ROW_2), scope=BOTH_DAYS)
    return lakehouse


def files(lake: Lakehouse, table: Table = ITEMS) -> set[str]:
    return set(DeltaTable(lake.path(table)).file_uris())


def test_a_merge_inserts_updates_and_keeps(lake: Lakehouse) -> None:
    """INV-14"""
    changed = ("a", DAY, Decimal("1.50"), "x", "r2")
    fresh = ("c", NEXT, None, None, "r2")
    result = lake.merge(ITEMS, items(lake, changed, fresh), scope=BOTH_DAYS)
    assert result == WriteResult(inserted=1, updated=1)
    assert stored(lake, ITEMS) == [changed, ROW_2, fresh]


def test_a_write_leaves_no_view_in_the_session(lake: Lakehouse) -> None:
    """A session lives through 52,560 windows a year: its names must not gather."""
    before = lake.spark.catalog.listTables()
    lake.merge(ITEMS, items(lake, ("z", DAY, None, "{braces}", "r2")), scope=BOTH_DAYS)
    assert lake.spark.catalog.listTables() == before


@pytest.mark.parametrize("again", [(ROW_1, ROW_2), (ROW_1,), ()])
def test_a_merge_that_changes_nothing_commits_nothing(lake: Lakehouse, again: tuple[Any, ...]) -> None:
    """INV-05: no commit at all, not only no new file."""
    version, before = lake.version(ITEMS), files(lake)
    assert lake.merge(ITEMS, items(lake, *again), scope=BOTH_DAYS) == WriteResult()
    assert lake.version(ITEMS) == version
    assert files(lake) == before


def test_a_new_run_id_alone_changes_no_row(lake: Lakehouse) -> None:
    """INV-05: ``differ`` names the business columns; only their difference rewrites a row."""
    version = lake.version(ITEMS)
    again = items(lake, ("a", DAY, Decimal("1.00"), "x", "r2"), ("b", DAY, Decimal("2.00"), None, "r2"))
    assert lake.merge(ITEMS, again, scope=BOTH_DAYS, differ=("amount", "note")) == WriteResult()
    assert lake.version(ITEMS) == version
    moved = items(lake, ("a", DAY, Decimal("1.00"), None, "r2"))
    assert lake.merge(ITEMS, moved, scope=BOTH_DAYS, differ=("amount", "note")) == WriteResult(updated=1)
    assert stored(lake, ITEMS)[0] == ("a", DAY, Decimal("1.00"), None, "r2")


def test_update_when_holds_rows_back(lake: Lakehouse) -> None:
    """INV-14: "latest wins" against the stored row: an older one changes nothing and commits nothing."""

    def write(amount: str) -> WriteResult:
        source = items(lake, ("a", DAY, Decimal(amount), "x", "r2"))
        return lake.commit_merge(
            lake.plan_merge(ITEMS, source, scope=BOTH_DAYS, update_when="s.amount > t.amount")
        )

    version = lake.version(ITEMS)
    assert write("0.50") == WriteResult()
    assert lake.version(ITEMS) == version
    assert write("1.50") == WriteResult(updated=1)


def test_touch_sets_its_columns_alone(lake: Lakehouse) -> None:
    """INV-05: the run that wrote the values stays named when only the source order moves."""
    source = items(
        lake, ("a", DAY, Decimal("1.00"), "later", "r2"), ("b", DAY, Decimal("9.00"), "later", "r2")
    )
    plan = lake.plan_merge(ITEMS, source, scope=BOTH_DAYS, differ=("amount",), touch=("note",))
    result = lake.commit_merge(plan)
    assert stored(lake, ITEMS) == [
        ("a", DAY, Decimal("1.00"), "later", "r1"),
        ("b", DAY, Decimal("9.00"), "later", "r2"),
    ]
    assert result.updated == 1
    assert plan.partitions == {DAY: 1}


def test_delete_when_removes_what_the_source_no_longer_has(lake: Lakehouse) -> None:
    """INV-14: within its scope alone, so a rerun of a day leaves what a first run leaves."""
    lake.merge(ITEMS, items(lake, ("c", NEXT, None, "y", "r1")), scope=BOTH_DAYS)
    result = lake.merge(ITEMS, items(lake, ROW_1), scope=Scope.of([DAY]), delete_when="true")
    assert result == WriteResult(deleted=1)
    assert [row[0] for row in stored(lake, ITEMS)] == ["a", "c"]
    conditional = lake.merge(ITEMS, items(lake), scope=BOTH_DAYS, delete_when="t.note = 'y'")
    assert conditional == WriteResult(deleted=1)
    assert stored(lake, ITEMS) == [ROW_1]


def test_a_key_that_moves_to_another_partition_exists_once(lake: Lakehouse) -> None:
    """INV-06: found wherever the scope reaches, and taken from there."""
    moved = ("a", NEXT, Decimal("1.00"), "x", "r2")
    plan = lake.plan_merge(ITEMS, items(lake, moved), scope=BOTH_DAYS)
    assert plan.partitions == {DAY: 1, NEXT: 1}
    assert lake.commit_merge(plan) == WriteResult(updated=1)
    assert stored(lake, ITEMS) == [moved, ROW_2]


def test_null_keys_compare_null_safe(lake: Lakehouse) -> None:
    """INV-06: a nullable key column's null is a value; merging it twice gives one row."""

    def merchants(*rows: tuple[str | None, int]) -> WriteResult:
        records = [{"day": DAY, "merchant": merchant, "total": total} for merchant, total in rows]
        source = lake.rows(PER_MERCHANT, records)
        return lake.merge(PER_MERCHANT, source, scope=Scope.of([DAY]), delete_when="true")

    assert merchants((None, 1), ("m", 2)) == WriteResult(inserted=2)
    assert merchants((None, 1), ("m", 2)) == WriteResult()
    assert merchants((None, 5), ("m", 2)) == WriteResult(updated=1)
    assert stored(lake, PER_MERCHANT) == [(DAY, "m", 2), (DAY, None, 5)]
    assert merchants(("m", 2)) == WriteResult(deleted=1)


DUPLICATES = ((ROW_1, ("a", NEXT, None, None, "r2")), r"several rows for one key: \(id=a\)")
MISSING = (
    (ROW_1, (None, DAY, None, "lost", "r2")),
    r"a null in a required column: \(id=None, day=2026-02-10",
)
NO_RUN = (
    (("z", DAY, None, None, None),),
    r"a null in a required column: \(id=z, day=2026-02-10, run_id=None\)",
)


@pytest.mark.parametrize(("rows", "problem"), [DUPLICATES, MISSING, NO_RUN])
def test_a_bad_key_is_refused_with_table_key_and_values(
    lake: Lakehouse, rows: tuple[Any, ...], problem: str
) -> None:
    """INV-04: and nothing is written."""
    version = lake.version(ITEMS)
    with pytest.raises(KeyViolationError, match=problem) as caught:
        lake.merge(ITEMS, items(lake, *rows), scope=BOTH_DAYS)
    assert "table=silver.probe_items, key=id" in str(caught.value)
    assert "nothing was written" in str(caught.value)
    assert lake.version(ITEMS) == version
    assert stored(lake, ITEMS) == [ROW_1, ROW_2]


def test_two_rows_with_a_null_in_a_nullable_key_are_duplicates(lake: Lakehouse) -> None:
    """INV-04"""
    twice = lake.rows(PER_MERCHANT, [{"day": DAY, "merchant": None, "total": n} for n in (1, 2)])
    with pytest.raises(KeyViolationError, match=r"\(day=2026-02-10, merchant=None\)"):
        lake.merge(PER_MERCHANT, twice, scope=Scope.of([DAY]))
    assert stored(lake, PER_MERCHANT) == []


def test_other_columns_than_the_contract_s_are_refused(lake: Lakehouse) -> None:
    """INV-24: a wrong type or a column too many never reaches the table."""
    version = lake.version(ITEMS)
    source = items(lake, ROW_1)
    for wrong in (
        source.drop("note"),
        source.withColumn("more", source["note"]),
        source.withColumn("amount", source["amount"].cast("decimal(38,3)")),
        source.select("day", "id", "amount", "note", "run_id"),
    ):
        with pytest.raises(ContractError, match=r"not the contract's.*silver\.probe_items"):
            lake.merge(ITEMS, wrong, scope=BOTH_DAYS)
    assert lake.version(ITEMS) == version


def test_a_scope_names_its_partitions() -> None:
    """INV-06: every partition a literal, so that the engine can prune."""
    start, end = DAY - timedelta(days=2), DAY
    inside, outside = DAY - timedelta(days=1), NEXT
    scope = Scope(start, end, frozenset({inside, outside}), null_partition=True)
    assert scope.condition("t.d") == (
        "((t.d >= date'2026-02-08' AND t.d <= date'2026-02-10') OR t.d IN (date'2026-02-11') OR t.d IS NULL)"
    )
    assert Scope.of([NEXT, DAY]).condition("d") == "(d IN (date'2026-02-10', date'2026-02-11'))"
    assert Scope(start=DAY).condition("d") == "((d >= date'2026-02-10'))"
    assert Scope().condition("d") == "true"


def test_a_read_is_pruned_to_its_scope(lake: Lakehouse) -> None:
    lake.merge(ITEMS, items(lake, ("c", NEXT, None, None, "r1")), scope=BOTH_DAYS)
    assert [row["id"] for row in lake.read(ITEMS, Scope.of([NEXT])).collect()] == ["c"]
    with pytest.raises(ContractError, match=r"does not exist.*bootstrap_catalog"):
        lake.read(Table("gold", "absent", "", ITEMS.columns, "merge", ""))


def test_staged_results_are_dropped_at_the_end(lake: Lakehouse) -> None:
    with lake:
        staged = lake.stage(items(lake, ROW_1))
        folder = lake.scratch_folder()
        assert staged.collect()
        assert folder.exists()
    assert not Path(folder).exists()


@pytest.mark.skipif(load_settings().spark.engine != "sail", reason="elsewhere the engine keeps them")
@pytest.mark.parametrize("gone", ["the stage", "all stages", "TMPDIR"])
def test_a_write_from_a_stage_that_vanished_commits_nothing_and_says_so(
    lake: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    """Also between the plan of a merge, which has counted the rows, and its commit."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    says = "an intermediate result of this run is gone"
    with lake:
        plan = lake.plan_merge(ITEMS, lake.stage(items(lake, ("z", DAY, None, None, "r2"))), scope=BOTH_DAYS)
        version = lake.version(ITEMS)
        (home,) = (tmp_path / "scratch").iterdir()
        shutil.rmtree({"the stage": home / "1", "all stages": home, "TMPDIR": home.parent}[gone])
        with pytest.raises(Exception, match=".") as caught:
            lake.commit_merge(plan)
        assert first_line(caught.value).startswith(says)
        assert lake.version(ITEMS) == version
        if gone != "the stage":
            with pytest.raises(StorageError, match=says):
                lake.stage(items(lake, ROW_1))
    if gone == "TMPDIR":
        with pytest.raises(StorageError, match="the folder for temporary files is gone .*set TMPDIR"):
            lake.stage(items(lake, ROW_1))


def fated(lake: Lakehouse, **rows: tuple[Any, ...]) -> Any:
    """Source rows by what they do to their stored row."""
    frames = [items(lake, row).withColumn(FATE, F.lit(fate)) for fate, row in rows.items()]
    return reduce(lambda a, b: a.unionByName(b), frames)


def test_a_source_row_replaces_or_removes_its_stored_row_by_its_fate(lake: Lakehouse) -> None:
    """INV-14: what ``update_when`` would hold back; the days that lose a row are changed days."""
    lake.merge(ITEMS, items(lake, ("c", NEXT, Decimal("3.00"), "z", "r1")), scope=BOTH_DAYS)
    source = fated(
        lake,
        replaces=("a", NEXT, Decimal("0.10"), "w", "r2"),
        removes=ROW_2,
        merges=("c", NEXT, Decimal("0.30"), "older", "r2"),
    )
    plan = lake.plan_merge(ITEMS, source, scope=BOTH_DAYS, update_when="s.amount > t.amount")
    assert plan.partitions == {DAY: 2, NEXT: 1}
    assert (plan.inserted, plan.updated, plan.deleted) == (0, 1, 1)
    assert lake.commit_merge(plan) == WriteResult(updated=1, deleted=1)
    assert stored(lake, ITEMS) == [
        ("a", NEXT, Decimal("0.10"), "w", "r2"),
        ("c", NEXT, Decimal("3.00"), "z", "r1"),
    ]
    again = lake.plan_merge(ITEMS, source, scope=BOTH_DAYS, update_when="s.amount > t.amount")
    assert lake.commit_merge(again) == WriteResult(), "what is gone is not inserted"


def test_a_row_is_not_removed_that_became_another_meanwhile(lake: Lakehouse) -> None:
    """INV-14"""
    changed, gone = ("a", DAY, Decimal("7.00"), "x", "r1"), ("d", DAY, Decimal("7.00"), "x", "r1")
    source = fated(lake, removes=changed).unionByName(fated(lake, removes=gone))
    assert lake.commit_merge(lake.plan_merge(ITEMS, source, scope=BOTH_DAYS)) == WriteResult()
    assert stored(lake, ITEMS) == [ROW_1, ROW_2]


def test_rows_that_were_looked_at_are_merged_without_a_second_look(
    lake: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several tables in one look: rows per partition, and whether their keys are stored; the merge is as without it."""
    changed, fresh = ("a", DAY, Decimal("1.50"), "x", "r2"), ("c", NEXT, None, None, "r2")
    merchants = lake.rows(PER_MERCHANT, [{"day": DAY, "merchant": None, "total": 1}])
    sources = [
        (ITEMS, items(lake, fresh), BOTH_DAYS),
        (ITEMS, items(lake, changed, fresh), BOTH_DAYS),
        (PER_MERCHANT, merchants, Scope.of([DAY])),
    ]
    looks = lake.looks(sources)
    assert [(look.rows, look.has_stored) for look in looks] == [
        ({NEXT: 1}, False),
        ({DAY: 1, NEXT: 1}, True),
        ({DAY: 1}, False),
    ]
    assert not any(look.is_incomplete or look.is_given_twice or look.is_stored_twice for look in looks)

    def refuse(*_: object) -> None:
        raise AssertionError("the rows were looked at again")

    monkeypatch.setattr("ledger.delta.row_checks._profile", refuse)
    for (table, rows, scope), look, written in zip(
        sources[1:], looks[1:], [WriteResult(inserted=1, updated=1), WriteResult(inserted=1)], strict=True
    ):
        assert lake.merge(table, rows, scope=scope, seen=look) == written
    assert stored(lake, ITEMS) == [changed, ROW_2, fresh]


def test_a_look_tells_what_a_merge_would_refuse(lake: Lakehouse) -> None:
    """INV-04: a null in a required column, a key twice here or there; a merge that is told refuses as one that looks."""
    lake.append(APPENDED, items(lake, ROW_2), expected=1)
    null = items(lake, ("n", DAY, None, None, "r")).withColumn("run_id", F.lit(None).cast("string"))
    twice, known = [items(lake, (key, DAY, None, None, "r"), (key, NEXT, None, None, "r")) for key in "tb"]
    looks = lake.looks([(ITEMS, rows, BOTH_DAYS) for rows in (null, twice, known)])
    marks = [(look.is_incomplete, look.is_given_twice, look.is_stored_twice) for look in looks]
    assert marks == [(True, False, False), (False, True, False), (False, True, True)]
    for rows, look, refused in zip(
        (null, twice), looks, ("a null in a required column", "several rows for one key"), strict=False
    ):
        with pytest.raises(KeyViolationError, match=refused):
            lake.merge(ITEMS, rows, scope=BOTH_DAYS, seen=look)

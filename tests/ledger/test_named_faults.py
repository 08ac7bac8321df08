"""A full disk, a file that is gone, a folder that cannot be written: named, with what is safe and what mends it."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ledger.delta.lakehouse import Lakehouse
from ledger.errors import ContractError, LedgerError, StorageError
from ledger.faults import first_line, named
from tests.ledger.probe_tables import APPENDED, BOTH_DAYS, DAY, EVENTS, ITEMS, NEXT, REPLACED, items, stored
from tests.small_disk import fill, make_read_only, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


def with_items(spark: SparkSession, folder: Path) -> Lakehouse:
    lake = Lakehouse(spark, warehouse=str(folder))
    lake.create(ITEMS)
    lake.merge(ITEMS, items(lake, ("a", DAY, Decimal(1), None, "r1")), scope=BOTH_DAYS)
    lake.merge(ITEMS, items(lake, ("b", NEXT, None, None, "r1")), scope=BOTH_DAYS)
    return lake


def writes(lake: Lakehouse) -> list[Callable[[], object]]:
    row = items(lake, ("z", NEXT, None, None, "r2"))
    return [
        lambda: lake.append(APPENDED, row, expected=1),
        lambda: lake.merge(ITEMS, row, scope=BOTH_DAYS),
        lambda: lake.replace_partition(REPLACED, row, NEXT),
        lambda: lake.create(EVENTS),
    ]


def test_a_full_disk_is_named_with_the_table_which_stays_whole(
    spark: SparkSession, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-15: with room again the same write succeeds."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lake = with_items(spark, disk / "warehouse")
    filler = fill(disk)
    for write in writes(lake):
        with pytest.raises(
            StorageError, match=r"no space is left on the disk of the warehouse \[table="
        ) as caught:
            write()
        assert "free some space" in str(caught.value)
        assert "nothing of this write was committed, the tables are whole" in str(caught.value)
    assert len(stored(lake, ITEMS)) == 2
    filler.unlink()
    assert lake.merge(ITEMS, items(lake, ("z", NEXT, None, None, "r2")), scope=BOTH_DAYS).inserted == 1


def test_a_full_disk_of_temporary_files_is_named(
    spark: SparkSession, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = with_items(spark, tmp_path / "warehouse")
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    with (
        lake,
        pytest.raises(StorageError, match=r"no space is left on the disk of temporary files \(TMPDIR\)"),
    ):
        lake.stage(spark.range(100_000).selectExpr("uuid() AS id"))


def test_a_read_only_warehouse_is_named(
    spark: SparkSession, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lake = with_items(spark, disk / "warehouse")
    make_read_only(disk)
    for write in writes(lake):
        with pytest.raises(
            StorageError, match=r"the warehouse cannot be read or written: Read-only file system \[table="
        ):
            write()
    assert len(stored(lake, ITEMS)) == 2
    with pytest.raises(StorageError, match="no folder and cannot be made one: Read-only file system"):
        Lakehouse(spark, warehouse=str(disk / "other")).create(ITEMS)


@pytest.mark.parametrize("below", ["", "/deeper"])
def test_a_warehouse_that_is_a_file_is_named(spark: SparkSession, tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("x")
    lake = Lakehouse(spark, warehouse=f"{tmp_path}/file{below}")
    with pytest.raises(StorageError, match=r"the warehouse \S+/file\S* is no folder.*lakehouse\.warehouse"):
        lake.create(ITEMS)
    with pytest.raises(ContractError, match="does not exist"):
        lake.read(ITEMS)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda file: file.unlink(), "is gone"),
    "empty": (lambda file: file.write_bytes(b""), "is damaged"),
    "cut": (lambda file: file.write_bytes(file.read_bytes()[:200]), "is damaged"),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_data_file_that_is_gone_or_damaged_is_named_with_its_table(
    spark: SparkSession, tmp_path: Path, how: str
) -> None:
    """Also under a root that the engine knows by a link: the file is named as it lies in the table."""
    damage, problem = DAMAGES[how]
    lake = with_items(spark, tmp_path / "ware house")
    file = next(Path(lake.path(ITEMS)).glob("day=2026-02-10/*.parquet"))
    damage(file)
    with pytest.raises(Exception, match="Parquet") as read:
        lake.read(ITEMS).collect()
    changed = items(lake, ("a", DAY, Decimal(2), None, "r2"))
    version = lake.version(ITEMS)
    with pytest.raises(Exception, match="Parquet|a file of the table") as written:
        lake.merge(ITEMS, changed, scope=BOTH_DAYS)
    for caught in (read, written):
        line = first_line(caught.value)
        assert f"a file of the table {problem}" in line
        assert f"[table=silver.probe_items, file=day=2026-02-10/{file.name}]" in line
        assert "restore the file from a backup" in line
    assert lake.version(ITEMS) == version


def test_other_errors_keep_their_own_words() -> None:
    assert first_line(ValueError("what\nnow")) == "ValueError: what"
    assert first_line(LedgerError("plain", table="t")) == "plain [table=t]"
    assert named(LedgerError("No space left on device")) is None
    assert named(PermissionError(errno.EACCES, "Permission denied", "/landing/a.csv")) is None
    assert named(FileNotFoundError("No such file or directory: '/elsewhere'")) is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/d/history"), "no space is left.*file=/d/history"),
        (RuntimeError("(sqlite3.OperationalError) database or disk is full"), "disk of DAGSTER_HOME"),
        (
            RuntimeError("(sqlite3.OperationalError) attempt to write a readonly database"),
            "DAGSTER_HOME cannot",
        ),
        (
            RuntimeError("java.io.FileNotFoundException: File file:/w/gold/x/a.parquet does not exist"),
            "gold.x",
        ),
    ],
)
def test_the_words_of_every_program_are_understood(error: Exception, words: str) -> None:
    with pytest.raises(StorageError, match=words):
        raise named(error) or error

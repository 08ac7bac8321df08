"""A root is a root, whatever characters its name has: on disk, to the engine, and nowhere beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from ledger.delta.engine_paths import PLAIN, addressable
from ledger.delta.lakehouse import Lakehouse
from ledger.errors import SettingsError, StorageError
from tests.boundaries import boundaries
from tests.ledger.probe_tables import APPENDED, BOTH_DAYS, DAY, FILES, ITEMS, NEXT, REPLACED, items, stored

# Every character that a URL, a pattern, an SQL text or a shell would take for something else.
UNUSUAL = (
    "with space",
    "한글",
    "per%20cent %",
    "hash #1",
    "q?x*[1]",
    "cur{a,b}",
    "quo'te \" `tick`",
    "a:b",
    "back\\slash",
    "line\nbreak",
)


@pytest.mark.parametrize("name", UNUSUAL)
def test_a_warehouse_of_any_name_is_created_written_merged_and_cleaned_in_its_place(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    root, scratch = tmp_path / "root" / name, tmp_path / "scratch" / name
    scratch.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with Lakehouse(spark, warehouse=str(root)) as lake:
        assert (lake.create(ITEMS), lake.create(ITEMS), lake.create(FILES)) == (True, False, True)
        first = lake.stage(items(lake, ("a", DAY, Decimal(1), None, "r1"), ("b", NEXT, None, "x", "r1")))
        assert lake.merge(ITEMS, first, scope=BOTH_DAYS).inserted == 2
        changed = items(lake, ("a", DAY, Decimal(2), None, "r2"))
        assert lake.merge(ITEMS, changed, scope=BOTH_DAYS).updated == 1
        assert lake.append(APPENDED, items(lake, ("c", NEXT, None, None, "r2")), expected=1).inserted == 1
        lake.replace_partition(REPLACED, items(lake, ("d", NEXT, None, None, "r3")), NEXT)
        lake.add_columns(FILES, ["extra"])
        lake.delete_before(ITEMS, NEXT)
        assert stored(lake, ITEMS) == [("d", NEXT, None, None, "r3")]
        assert (lake.count(ITEMS), "extra" in lake.read(FILES).columns) == (1, True)
        assert os.listdir(scratch), "staged rows lie where TMPDIR says"
    assert os.listdir(tmp_path / "root") == [name], "no folder beside the root"
    assert sorted(os.listdir(root)) == ["bronze", "silver"]
    assert os.listdir(scratch) == []


def test_a_root_is_never_taken_for_its_decoded_sister(spark: SparkSession, tmp_path: Path) -> None:
    """delta-rs reads the log of ``a b`` for ``a%20b``, and of ``c/d`` for ``c\\d``: it is not asked there."""
    for name, sister in (("a%20b", "a b"), ("c\\d", "c/d")):
        lakes = [Lakehouse(spark, warehouse=str(tmp_path / n)) for n in (name, sister)]
        for rows, lake in enumerate(lakes, start=1):
            lake.create(ITEMS)
            many = items(lake, *[(f"{n}", DAY, None, None, "r") for n in range(rows)])
            lake.merge(ITEMS, many, scope=BOTH_DAYS)
        assert [lake.count(ITEMS) for lake in lakes] == [1, 2]
        assert [len(stored(lake, ITEMS)) for lake in lakes] == [1, 2]


def test_a_plain_path_is_handed_over_as_it_is() -> None:
    assert addressable("/data/ware-house_1.2") == "/data/ware-house_1.2"


def test_an_unusual_path_is_a_link_that_only_its_user_can_enter(tmp_path: Path) -> None:
    target = tmp_path / "a b"
    link = Path(addressable(str(target)))
    assert PLAIN.fullmatch(str(link))
    assert os.readlink(link) == str(target)
    assert link.parent.stat().st_mode & 0o777 == 0o700
    assert not target.exists(), "asking for a path makes no folder"
    assert addressable(str(target)) == str(link)
    link.unlink()  # as a cleaner of temporary files would
    again = addressable(str(target))
    assert os.readlink(again) == str(target)


@pytest.mark.parametrize("moment", ["before", "while"])
def test_a_warehouse_whose_link_is_gone_is_never_written_to_beside_it(
    spark: SparkSession, tmp_path: Path, moment: str
) -> None:
    """The engine would make a folder where the link was, and all would seem well."""
    lake = Lakehouse(spark, warehouse=str(tmp_path / "a b"))
    lake.create(ITEMS)
    home = Path(addressable(str(tmp_path / "a b"))).parent
    row = items(lake, ("a", DAY, None, None, "r1"))

    def remove(_: str) -> None:
        shutil.rmtree(home, ignore_errors=True)

    if moment == "before":
        remove("")
    try:
        with boundaries(remove), pytest.raises(StorageError, match="the engine knows .*/a b is gone"):
            lake.append(APPENDED, row, expected=1)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    again = Lakehouse(spark, warehouse=str(tmp_path / "a b"))
    assert stored(again, ITEMS) == []


def test_links_end_with_their_process_and_a_killed_one_s_are_swept(tmp_path: Path) -> None:
    code = (
        "import os,sys; from ledger.delta.engine_paths import addressable, sweep_links; sweep_links();"
        "print(addressable(sys.argv[1]), flush=True); os._exit(1) if sys.argv[2:] else None"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a b")]
    killed = subprocess.run([*command, "die"], capture_output=True, text=True).stdout.strip()
    assert os.path.islink(killed)
    ended = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert not os.path.lexists(ended)
    assert not os.path.lexists(killed)


def test_without_a_place_for_the_link_the_path_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.delta.engine_paths.link_places", lambda: ["/nowhere-at-all"])
    with pytest.raises(SettingsError, match="'/x/no place'.*TMPDIR"):
        addressable("/x/no place")


@pytest.mark.jvm
def test_the_other_engine_finds_the_same_tables(spark: SparkSession, tmp_path: Path) -> None:
    """A local master reads this machine's files, so it gets the same link."""
    root = tmp_path / "a:b {c}"
    lake = Lakehouse(spark, warehouse=str(root))
    lake.create(ITEMS)
    lake.merge(ITEMS, items(lake, ("a", DAY, None, None, "r1")), scope=BOTH_DAYS)
    assert os.listdir(tmp_path) == [root.name]
    assert DeltaTable(lake.path(ITEMS)).version() == 1

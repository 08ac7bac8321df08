"""Landing days to Bronze: every file accounted for, superseded, withdrawn, healed after a kill (spec section 4)."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ledger.bronze.files_read import read_files
from ledger.bronze.ingest import ingest
from ledger.bronze.landing_file import TABLE as LANDING_FILE
from ledger.bronze.landing_file import LandingEvent, live_versions, read_events
from ledger.bronze.landing_report import Ingested
from ledger.bronze.still_written import STILL_WRITTEN
from ledger.bronze.withdraw import withdraw
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.errors import IngestError, ParameterError
from ledger.tables import BRONZE, by_name
from tests.boundaries import boundaries
from tests.support import DAY_1, DAY_2, Home, Row

LEDGER = by_name("bronze.transaction_ledger_raw")
ORDERS = by_name("bronze.orders_raw")
FOLDER = f"transaction_ledger/date={DAY_1}"
NOW = datetime(2026, 2, 10, 3, tzinfo=UTC)
OLD = datetime(2026, 2, 9, tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def empty(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with empty Bronze tables."""
    warehouse = tmp_path_factory.mktemp("bronze") / "warehouse"
    with Lakehouse(spark, warehouse=str(warehouse)) as lakehouse:
        for table in (*BRONZE, LANDING_FILE):
            lakehouse.create(table)
    return warehouse


@dataclass
class Bronze:
    """A warehouse and a landing of one test, and loads at instants that follow each other."""

    home: Home
    lakehouse: Lakehouse
    clock: datetime = NOW

    def tick(self) -> datetime:
        self.clock += timedelta(seconds=1)
        return self.clock

    def load(
        self,
        *,
        day: date = DAY_1,
        tables: Sequence[Table] = BRONZE,
        run_id: str = "r1",
        now: datetime | None = None,
    ) -> dict[str, Ingested]:
        """One load of a day, by table; raises as the product does."""
        done = ingest(
            self.lakehouse,
            tables,
            landing=str(self.home.landing),
            days=[day],
            clock=self.tick if now is None else lambda: now,
            run_id=run_id,
        )
        return {each.table: each for each in done}

    def file(self, name: str, content: str | bytes, *, folder: str = FOLDER, at: float = OLD) -> Path:
        """A landing file; written long ago unless ``at`` says otherwise."""
        path = self.home.landing / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(path, (at, at))
        return path

    def events(self) -> list[tuple[str, str, str | None]]:
        """(file below the day's folder, status, reason), in order."""
        return [(e.path.removeprefix(f"{FOLDER}/"), e.status, e.reason) for e in self.all_events()]

    def all_events(self) -> list[LandingEvent]:
        return read_events(self.lakehouse)

    def live(self) -> set[str]:
        """The tx_ids of live rows."""
        versions = live_versions(self.all_events())
        return {r["tx_id"] for r in self.rows() if (r["_source_file"], r["_file_sha256"]) in versions}

    def rows(self) -> list[Row]:
        return self.home.rows(LEDGER.full_name)


@pytest.fixture
def bronze(spark: SparkSession, empty: Path, home: Home) -> Iterator[Bronze]:
    shutil.copytree(empty, home.warehouse)
    home.landing.mkdir(parents=True)
    with Lakehouse(spark, warehouse=str(home.warehouse)) as lakehouse:
        yield Bronze(home, lakehouse)


def entries(*tx_ids: str, amount: str = "1.00") -> str:
    return "".join(
        json.dumps({"tx_id": tx, "wallet_id": "w", "type": "CHARGE", "amount": amount}) + "\n"
        for tx in tx_ids
    )


GZIPPED = gzip.compress(entries("a").encode(), mtime=0)  # one content, whichever process collects the tests


def test_a_load_and_its_repetition(bronze: Bronze) -> None:
    """INV-08, INV-60: every file has its event with its numbers; a repetition adds none."""
    bronze.file("a.jsonl", entries("a1", "a2") + "no record\n")
    bronze.file("empty.csv", "")
    bronze.file("b.jsonl", '{"order_id": 1}\n', folder=f"orders/date={DAY_1}")
    done = bronze.load()
    assert (done[LEDGER.full_name].files_loaded, done[LEDGER.full_name].rows) == (2, 3)
    assert done[ORDERS.full_name].rows == 1
    found = {e.path.rsplit("/", 1)[-1]: e for e in bronze.all_events()}
    assert {(n, e.status, e.rows, e.unparsable_rows, e.reason) for n, e in found.items()} == {
        ("a.jsonl", "loaded", 3, 1, None),
        ("empty.csv", "loaded", 0, 0, None),
        ("b.jsonl", "loaded", 1, 0, None),
    }
    version = bronze.lakehouse.version(LANDING_FILE)
    again = bronze.load()[LEDGER.full_name]
    assert (again.files_loaded, again.live_files, again.live_rows) == (0, 2, 3)
    assert bronze.lakehouse.version(LANDING_FILE) == version
    assert len(bronze.rows()) == 3
    assert {r["ingest_date_kst"] for r in bronze.rows()} == {DAY_1}


def test_every_event_is_later_than_the_one_before_it(bronze: Bronze) -> None:
    """INV-60: also when the clock stands still, or goes back."""
    bronze.file("a.jsonl", entries("a1"))
    bronze.load(now=NOW)
    bronze.file("a.jsonl", entries("a2"))
    bronze.file("b.jsonl", entries("b1"))
    bronze.load(now=NOW - timedelta(hours=1))
    instants = [event.at for event in bronze.all_events()]
    assert instants == sorted(set(instants))
    assert len(instants) == 4
    assert bronze.live() == {"a2", "b1"}


def test_other_content_supersedes_and_the_first_content_comes_back(bronze: Bronze) -> None:
    """INV-61: A, B, A again: one version is live at any time, rows are loaded once a version."""
    bronze.file("f.jsonl", entries("a"))
    bronze.load()
    bronze.file("f.jsonl", entries("b1", "b2"))
    assert bronze.load()[LEDGER.full_name].rows == 2
    assert bronze.live() == {"b1", "b2"}
    bronze.file("f.jsonl", entries("a"))
    bronze.load()
    assert bronze.live() == {"a"}
    assert len(bronze.rows()) == 3
    assert [(s, r and r.split()[0]) for _, s, r in bronze.events()] == [
        ("loaded", None),
        ("superseded", "replaced"),
        ("loaded", None),
        ("superseded", "replaced"),
        ("loaded", None),
    ]


def test_withdrawn_content_stays_out_and_other_content_comes_in(bronze: Bronze) -> None:
    """INV-61: with its reason and who did it; never loaded, or withdrawn already, is refused by name."""
    bronze.file("f.jsonl", entries("a"))
    bronze.load()
    path = f"{FOLDER}/f.jsonl"

    def take_back(what: str) -> LandingEvent:
        return withdraw(bronze.lakehouse, what, by="kim", reason="twice", run_id="w1", now=bronze.tick())

    event = take_back(path)
    assert (event.status, event.reason, event.rows) == ("withdrawn", "twice (withdrawn by kim)", 1)
    with pytest.raises(ParameterError, match=r"f\.jsonl is withdrawn already: twice"):
        take_back(path)
    with pytest.raises(ParameterError, match=r"g\.jsonl was never loaded"):
        take_back(f"{FOLDER}/g.jsonl")
    with pytest.raises(ParameterError, match="no landing file"):
        take_back("f.jsonl")
    bronze.load()
    assert (bronze.live(), len(bronze.all_events())) == (set(), 2)
    bronze.file("f.jsonl", entries("b"))
    bronze.load()
    assert bronze.live() == {"b"}
    bronze.file("f.jsonl", entries("a"))
    bronze.load()
    assert bronze.live() == set()
    assert [status for _, status, _ in bronze.events()] == [
        *("loaded", "withdrawn", "loaded", "superseded", "withdrawn")
    ]


def test_a_file_that_vanished_stays_live_and_is_named(
    bronze: Bronze, caplog: pytest.LogCaptureFixture
) -> None:
    """INV-61: archiving is normal."""
    bronze.file("f.jsonl", entries("a")).rename(bronze.home.landing / "later")
    bronze.load()
    (bronze.home.landing / "later").rename(bronze.home.landing / FOLDER / "f.jsonl")
    bronze.load()
    (bronze.home.landing / FOLDER / "f.jsonl").unlink()
    caplog.clear()
    with caplog.at_level("INFO", "ledger"):
        assert bronze.load()[LEDGER.full_name].vanished == (f"{FOLDER}/f.jsonl",)
    (line,) = [line for line in caplog.messages if "gone from the landing" in line]
    assert "f.jsonl" in line
    assert "ledgerctl landing withdraw" in line
    assert bronze.live() == {"a"}


def test_all_names_and_folders_are_read(bronze: Bronze) -> None:
    """INV-60: cases 10 and 11: letter case, gzip, sub-folders, a folder that Spark wrote."""
    bronze.file("a.JSONL", entries("a"))
    bronze.file("b.ndjson", entries("b"))
    bronze.file("c.jsonl.gz", gzip.compress(entries("c").encode()))
    bronze.file("sub/deep/d.json", entries("d"))
    csv = "tx_id,wallet_id,type,amount\ne,w,CHARGE,1.00\n"
    bronze.file("spark.csv/part-0000.csv", csv)
    bronze.file("spark.csv/_SUCCESS", "")
    bronze.file("spark.csv/.part-0000.csv.crc", "x")
    bronze.file("F.Csv.GZ", gzip.compress(csv.replace("e,w", "f,w").encode()))
    bronze.load()
    assert bronze.live() == {*"abcdef"}
    assert {(name, status) for name, status, _ in bronze.events() if status != "loaded"} == {
        ("spark.csv/_SUCCESS", "skipped"),
        ("spark.csv/.part-0000.csv.crc", "skipped"),
    }


def test_nothing_is_left_out_in_silence(bronze: Bronze) -> None:
    """INV-60: hidden, temporary and unknown names are said with their reason, and stop nothing."""
    bronze.file("a.jsonl", entries("a"))
    left_out = {
        ".hidden.jsonl": "skipped",
        "_under.csv": "skipped",
        "_temporary/0/part.jsonl": "skipped",
        "b.jsonl.tmp": "skipped",
        "c.parquet.crc": "skipped",
        "d.csv.part": "skipped",
        "README.txt": "failed",
        "e.parquet.gz": "failed",
        "no_extension": "failed",
    }
    for name in left_out:
        bronze.file(name, "whatever")
    done = bronze.load()[LEDGER.full_name]
    assert {(e, s) for e, s, _ in bronze.events() if s != "loaded"} == set(left_out.items())
    assert all(reason for _, status, reason in bronze.events() if status != "loaded")
    assert {r for n, s, r in bronze.events() if s == "failed"} == {"unknown format"}
    assert (len(done.failed), len(done.skipped), done.live_files) == (3, 6, 1)
    before = len(bronze.all_events())
    bronze.load()
    assert len(bronze.all_events()) == before


def test_unreadable_file_is_named_and_stops_no_other_file(bronze: Bronze, tmp_path: Path) -> None:
    """INV-60: case 44 and its relatives: the load fails after everything else of every table is loaded."""
    bronze.file("a.jsonl", entries("a"))
    bronze.file("b.jsonl", '{"order_id": 1}\n', folder=f"orders/date={DAY_1}")
    day = bronze.home.landing / FOLDER
    (tmp_path / "outside.jsonl").write_text(entries("x"))
    (day / "outside.jsonl").symlink_to(tmp_path / "outside.jsonl")
    (day / "dangling.jsonl").symlink_to("/nonexistent.jsonl")
    (day / "loop.jsonl").symlink_to("loop.jsonl")
    (day / "ring").symlink_to(day)
    (day / "inside.jsonl").symlink_to(bronze.file("kept/i.jsonl", entries("i"), folder="spare"))
    (day / "folder.jsonl").mkdir()
    os.mkfifo(day / "fifo.jsonl")
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(day)
        try:
            server.bind("socket.jsonl")
        finally:
            os.chdir(Path(__file__).parents[3])
        with pytest.raises(IngestError) as failed:
            bronze.load()
    wrong = {name: reason for name, status, reason in bronze.events() if status == "failed"}
    assert wrong == {
        "outside.jsonl": "a link to a place outside the landing root",
        "dangling.jsonl": "a link that leads nowhere",
        "loop.jsonl": "a link that leads to itself",
        "ring": "a link to a folder above it",
        "folder.jsonl": "an empty folder with the name of a file",
        "fifo.jsonl": "a FIFO, not a regular file",
        "socket.jsonl": "a socket, not a regular file",
    }
    said = str(failed.value)
    assert all(name in said and str(reason) in said for name, reason in wrong.items())
    assert f"table={LEDGER.full_name}, partition={DAY_1}" in said
    assert bronze.live() == {"a", "i"}
    assert {each.table: each.live_files for each in failed.value.ingested}[ORDERS.full_name] == 1


def test_a_file_without_permission_is_read_when_it_may_be(
    bronze: Bronze, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-60: case 44; the suite may be root, for whom every file may be read."""
    path = bronze.file("secret.jsonl", entries("s"))
    bronze.file("a.jsonl", entries("a"))
    opened = os.open

    def refuse(name: str, *arguments: int) -> int:
        if str(name).endswith("secret.jsonl"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(name, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr("ledger.bronze.landing.os.open", refuse)
        with pytest.raises(IngestError, match=r"secret\.jsonl: no permission to read it"):
            bronze.load()
    assert bronze.live() == {"a"}
    bronze.load()
    assert bronze.live() == {"a", "s"}


def test_misplaced_file_is_reported(bronze: Bronze, caplog: pytest.LogCaptureFixture) -> None:
    """INV-60: beside the day folders, in folders that are no day, under a table that does not exist."""
    bronze.file("stray.jsonl", entries("x"), folder="transaction_ledger")
    bronze.file("a.jsonl", entries("x"), folder="transaction_ledger/date=2026-2-10")
    bronze.file("a.jsonl", entries("x"), folder=f"refunds/date={DAY_1}")
    bronze.file("a.jsonl", entries("x"), folder=f"refunds/date={DAY_2}")
    with caplog.at_level("INFO", "ledger"):
        bronze.load()
    said = "\n".join(caplog.messages)
    assert all(name in said for name in ("transaction_ledger/stray.jsonl", "date=2026-2-10", "refunds"))
    assert f"landing {DAY_1}: 0 files for" in said
    assert [(e.path, e.status, e.reason) for e in bronze.all_events()] == [
        (f"refunds/date={DAY_1}/a.jsonl", "failed", "'refunds' is the folder of no table")
    ]


@pytest.mark.parametrize(
    ("name", "whole", "cut"),
    [
        ("f.jsonl", entries("a", "b"), entries("a", "b")[:-30]),
        ("f.json", "[" + entries("a").strip() + "]", "[" + entries("a").strip()),
        ("f.csv", "tx_id,wallet_id\na,w\nb,w", "tx_id,wallet_id\na,w\nb"),
        ("f.jsonl.gz", GZIPPED, GZIPPED[:-9]),
        ("f.parquet", None, b"PAR1 and so on"),
    ],
)
def test_a_young_file_that_is_cut_off_waits(
    bronze: Bronze, name: str, whole: str | bytes | None, cut: str | bytes
) -> None:
    """INV-62: it is said, it is no error, and the whole file is loaded by the next load."""
    bronze.file(name, cut, at=NOW.timestamp() - 5)
    bronze.load(now=NOW)
    bronze.load(now=NOW)
    assert bronze.events() == [(name, "skipped", STILL_WRITTEN)]
    if whole is not None and name != "f.json":
        bronze.file(name, whole, at=NOW.timestamp() - 1)
        bronze.load(now=NOW)
        assert "a" in bronze.live()


def test_an_old_file_that_is_cut_off_is_loaded_and_heals(bronze: Bronze) -> None:
    """INV-62: case 20: the whole file supersedes the half."""
    bronze.file("f.jsonl", entries("a", "b")[:-30])
    assert bronze.load()[LEDGER.full_name].rows == 2
    bronze.file("f.jsonl", entries("a", "b"))
    bronze.load()
    assert sorted(bronze.live()) == ["a", "b"]
    assert [(e.status, e.rows, e.unparsable_rows) for e in bronze.all_events()][-1] == ("loaded", 2, 0)


@pytest.mark.parametrize("offset", [timedelta(days=300), timedelta(minutes=-10)], ids=["by hand", "old"])
def test_clocks_that_say_nothing_make_no_file_wait(bronze: Bronze, offset: timedelta) -> None:
    """INV-62: a time far ahead was set by hand; one that lies behind is old."""
    bronze.file("f.jsonl", entries("a") + "{", at=(NOW + offset).timestamp())
    assert bronze.load(now=NOW)[LEDGER.full_name].rows == 2


def test_a_file_that_changes_while_it_is_read_is_not_taken(
    bronze: Bronze, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-62: hash and rows are of the same bytes; the others of the day are loaded."""
    path = bronze.file("f.jsonl", entries("a"))
    bronze.file("g.jsonl", entries("g"))

    def write_meanwhile(*arguments: object) -> object:
        found = read_files(*arguments)  # type: ignore[arg-type]
        with path.open("a") as stream:
            stream.write(entries("b"))
        return found

    with monkeypatch.context() as patch:
        patch.setattr("ledger.bronze.files_read.read_files", write_meanwhile)
        bronze.load()
    assert bronze.live() == {"g"}
    assert ("f.jsonl", "skipped", STILL_WRITTEN) in bronze.events()
    assert {row["tx_id"] for row in bronze.rows()} == {"g"}
    bronze.load()
    assert bronze.live() == {"a", "b", "g"}


class Stopped(BaseException):
    """The load's process is gone."""


def load_until(bronze: Bronze, boundary: str, then: Callable[[], None]) -> None:
    """Load; at the boundary, once, something else happens, as if in another process."""
    left = [then]
    failed: list[BaseException] = []

    def elsewhere(what: Callable[[], None]) -> None:
        try:
            what()
        except BaseException as error:
            failed.append(error)

    def reached(passed: str) -> None:
        if passed == boundary and left:
            other = threading.Thread(target=elsewhere, args=(left.pop(),))
            other.start()
            other.join()
            if failed:
                raise failed[0]

    with boundaries(reached):
        bronze.load()
    assert not left, f"{boundary} was not reached"


BOUNDARIES = [f"{when} {table.full_name}" for table in (LEDGER, LANDING_FILE) for when in ("before", "after")]


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_load_killed_at_any_commit_is_healed_by_the_next(bronze: Bronze, boundary: str) -> None:
    """INV-15, INV-60: rows first, event second: no rows count before, none is lost or doubled after."""
    bronze.file("f.jsonl", entries("a"))
    bronze.load()
    bronze.file("f.jsonl", entries("b", "b"))

    def die() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        load_until(bronze, boundary, die)
    assert bronze.live() == ({"b"} if boundary == f"after {LANDING_FILE.full_name}" else {"a"})
    bronze.load()
    assert bronze.live() == {"b"}
    assert sorted(row["tx_id"] for row in bronze.rows()) == ["a", "b", "b"]
    assert [status for _, status, _ in bronze.events()] == ["loaded", "superseded", "loaded"]


@pytest.mark.parametrize("boundary", BOUNDARIES[:3])
def test_a_load_that_was_paused_while_the_file_was_replaced_has_no_effect(
    bronze: Bronze, boundary: str
) -> None:
    """INV-61: the newer content was loaded meanwhile, and stays live."""
    bronze.file("f.jsonl", entries("a"))

    def replaced_and_loaded() -> None:
        bronze.file("f.jsonl", entries("b"), at=OLD + 1)
        bronze.load(run_id="r2")

    load_until(bronze, boundary, replaced_and_loaded)
    assert bronze.live() == {"b"}
    assert [(e.status, e.run_id) for e in bronze.all_events()] == [("loaded", "r2")]


def test_a_withdrawal_during_a_load_holds(bronze: Bronze) -> None:
    """INV-61"""
    bronze.file("f.jsonl", entries("a"))
    bronze.load()
    bronze.file("g.jsonl", entries("g"))

    def take_back() -> None:
        withdraw(
            bronze.lakehouse, f"{FOLDER}/f.jsonl", by="kim", reason="test", run_id="w", now=bronze.tick()
        )

    load_until(bronze, f"before {LANDING_FILE.full_name}", take_back)
    assert bronze.live() == {"g"}


def test_two_loads_at_once_load_each_file_once(bronze: Bronze) -> None:
    """INV-08: side by side in two threads, on a day with a replaced file."""
    bronze.file("f.jsonl", entries("a"))
    bronze.load()
    bronze.file("f.jsonl", entries("b"))
    bronze.file("g.jsonl", entries("g"))
    loads = [threading.Thread(target=bronze.load, kwargs={"run_id": f"r{n}"}) for n in (2, 3)]
    for load in loads:
        load.start()
    for load in loads:
        load.join()
    assert bronze.live() == {"b", "g"}
    assert sorted(row["tx_id"] for row in bronze.rows()) == ["a", "b", "g"]
    assert sorted(status for _, status, _ in bronze.events()) == ["loaded"] * 3 + ["superseded"]


def test_thousands_of_files_are_listed_quickly_and_told_in_one_commit(bronze: Bronze) -> None:
    """INV-60: case 45; empty files, as reading them is not what is measured here."""
    folder = bronze.home.landing / FOLDER
    folder.mkdir(parents=True)
    for n in range(5000):
        (folder / f"part-{n:05}.jsonl").touch()
    version = bronze.lakehouse.version(LANDING_FILE)
    done = bronze.load()[LEDGER.full_name]
    assert (done.files_loaded, done.rows) == (5000, 0)
    assert bronze.lakehouse.version(LANDING_FILE) == version + 1

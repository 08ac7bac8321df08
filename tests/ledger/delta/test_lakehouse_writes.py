"""Appends, file loads, partition replacement, table creation, exact decimals, commit conflicts (spec sections 2, 4)."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from deltalake import DeltaTable, Field
from deltalake.exceptions import DeltaError
from deltalake.schema import PrimitiveType
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.contract import Table, opt, req
from ledger.delta.commits import retry_conflicts
from ledger.delta.lakehouse import Lakehouse, WriteResult
from ledger.delta.scope import Scope
from ledger.errors import CommitConflictError, ContractError, KeyViolationError, TransientError
from tests.ledger.probe_tables import APPENDED, DAY, EVENTS, FILES, ITEMS, NEXT, REPLACED, items, stored


def events(lake: Lakehouse, *whats: str, at: str = "2026-02-10T00:00:00Z") -> DataFrame:
    return lake.rows(EVENTS, [{"day": DAY, "what": what, "at": at} for what in whats])


def test_an_append_is_one_commit_and_an_empty_one_is_none(lakehouse: Lakehouse) -> None:
    """INV-05"""
    lakehouse.create(EVENTS)
    version = lakehouse.version(EVENTS)
    assert lakehouse.append(EVENTS, events(lakehouse), expected=0) == WriteResult()
    assert lakehouse.version(EVENTS) == version
    assert lakehouse.append(EVENTS, events(lakehouse, "a", "a"), expected=2) == WriteResult(inserted=2)
    assert lakehouse.version(EVENTS) == version + 1


def test_an_append_that_wrote_another_number_of_rows_is_an_error(lakehouse: Lakehouse) -> None:
    """INV-07: the log is asked what was really written."""
    lakehouse.create(EVENTS)
    with pytest.raises(ContractError, match=r"3 rows were to be written, the log has \[2\]"):
        lakehouse.append(EVENTS, events(lakehouse, "a", "b"), expected=3)


def test_appends_side_by_side_each_find_their_own_commit(lakehouse: Lakehouse) -> None:
    """INV-16: told apart by their number of rows, while the others' commits arrive."""
    lakehouse.create(EVENTS)
    batches = [events(lakehouse, *"x" * size) for size in (1, 2, 3)]

    def append(size: int) -> None:
        for _ in range(5):
            lakehouse.append(EVENTS, batches[size - 1], expected=size)

    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(append, size) for size in (1, 2, 3)]:
            done.result()
    assert len(stored(lakehouse, EVENTS)) == 5 * (1 + 2 + 3)


def test_an_append_refuses_a_null_in_a_required_column(lakehouse: Lakehouse) -> None:
    """INV-04"""
    lakehouse.create(EVENTS)
    broken = lakehouse.rows(EVENTS, [{"day": DAY, "what": "x", "at": None}])
    broken = broken.withColumn("what", F.lit(None).cast("string"))
    with pytest.raises(KeyViolationError, match=r"what=None.*silver\.probe_events"):
        lakehouse.append(EVENTS, broken, expected=1)
    assert stored(lakehouse, EVENTS) == []


def test_plain_values_without_a_required_one_are_refused_before_any_query(lakehouse: Lakehouse) -> None:
    """INV-04"""
    with pytest.raises(KeyViolationError, match=r"what=None.*silver\.probe_events"):
        lakehouse.rows(EVENTS, [{"day": DAY, "what": None, "at": None}])


@pytest.mark.parametrize(
    ("before", "again", "added"),
    [
        ((), ("a", "a", "b"), ("a", "a", "b")),
        (("a", "a", "b"), ("a", "a", "b"), ()),
        (("a",), ("a", "a", "b"), ("a", "b")),
        (("a", "a", "a"), ("a",), ()),
        (("b",), ("a",), ("a",)),
    ],
)
def test_append_new_counts_equal_rows(
    lakehouse: Lakehouse, before: tuple[str, ...], again: tuple[str, ...], added: tuple[str, ...]
) -> None:
    """INV-09: a retry adds what is missing and no more; two equal rows are two rows."""
    lakehouse.create(EVENTS)
    lakehouse.append(EVENTS, events(lakehouse, *before), expected=len(before))
    version = lakehouse.version(EVENTS)
    later = events(lakehouse, *again, at="2026-02-10T09:00:00Z")
    result = lakehouse.append_new(EVENTS, later, identity=("day", "what"), stored=lakehouse.read(EVENTS))
    assert result == WriteResult(inserted=len(added))
    assert sorted(row[1] for row in stored(lakehouse, EVENTS)) == sorted(before + added)
    assert lakehouse.version(EVENTS) == version + bool(added)


def test_append_new_takes_null_for_a_value(lakehouse: Lakehouse) -> None:
    """INV-09"""
    lakehouse.create(EVENTS)
    row = lakehouse.rows(EVENTS, [{"day": DAY, "what": "a", "at": None}])
    for expected in (1, 0):
        result = lakehouse.append_new(EVENTS, row, identity=("what", "at"), stored=lakehouse.read(EVENTS))
        assert result.inserted == expected


def landed(lake: Lakehouse, sha: str, *ids: str | None, file: str = "f.jsonl") -> DataFrame:
    rows = [
        {"id": i, "amount": "1.00", "_source_file": file, "_file_sha256": sha, "ingest_date_kst": DAY}
        for i in ids
    ]
    return lake.rows(FILES, rows)


def test_a_file_is_loaded_once_and_a_changed_one_again(lakehouse: Lakehouse) -> None:
    """INV-08: rows without a key and equal rows of one file included."""
    lakehouse.create(FILES)

    def load(sha: str, *ids: str | None) -> int:
        return lakehouse.insert_files(
            FILES, landed(lakehouse, sha, *ids), files=["f.jsonl"], key="id"
        ).inserted

    assert load("s1", "a", "a", None, None) == 4
    version = lakehouse.version(FILES)
    assert load("s1", "a", "a", None, None) == 0
    assert lakehouse.version(FILES) == version
    assert load("s2", "a", "b") == 2
    assert sorted(row[3] for row in stored(lakehouse, FILES)) == ["s1", "s1", "s1", "s1", "s2", "s2"]


def test_unknown_fields_become_columns_and_older_rows_have_null(lakehouse: Lakehouse) -> None:
    """INV-07: schema evolution of Bronze; a load without the new column still fits."""
    lakehouse.create(FILES)
    lakehouse.insert_files(FILES, landed(lakehouse, "s1", "a"), files=["f.jsonl"], key="id")
    other = landed(lakehouse, "s2", "b", file="g.jsonl")
    wider = other.withColumn("channel", other["id"])
    lakehouse.add_columns(FILES, ["channel"])
    lakehouse.add_columns(FILES, ["channel", "CHANNEL"])
    lakehouse.insert_files(FILES, wider, files=["g.jsonl"], key="id")
    lakehouse.insert_files(FILES, landed(lakehouse, "s3", "c", file="h.jsonl"), files=["h.jsonl"], key="id")
    lakehouse.validate(FILES)
    rows = {row["id"]: row["channel"] for row in lakehouse.read(FILES).collect()}
    assert rows == {"a": None, "b": "b", "c": None}


def test_bronze_is_append_only(lakehouse: Lakehouse) -> None:
    """INV-07: the table itself refuses to lose a row."""
    lakehouse.create(FILES)
    assert DeltaTable(lakehouse.path(FILES)).metadata().configuration["delta.appendOnly"] == "true"


def test_a_partition_is_replaced_alone(lakehouse: Lakehouse) -> None:
    """INV-14: ``replaceWhere``; the day's rows are exactly the new ones, an empty day included."""
    lakehouse.create(ITEMS)
    both = items(lakehouse, ("a", DAY, None, None, "r1"), ("b", NEXT, None, None, "r1"))
    lakehouse.append(APPENDED, both, expected=2)
    lakehouse.replace_partition(REPLACED, items(lakehouse, ("c", DAY, None, None, "r2")), DAY)
    assert [row[0] for row in stored(lakehouse, ITEMS)] == ["b", "c"]
    lakehouse.replace_partition(REPLACED, items(lakehouse), DAY)
    assert [row[0] for row in stored(lakehouse, ITEMS)] == ["b"]


def test_a_write_of_another_kind_than_the_contract_says_is_refused_before_it_reads(
    lakehouse: Lakehouse,
) -> None:
    """An append to a merged table would double its keys, a merge would rewrite a log; no table exists here."""
    row, event = items(lakehouse, ("a", DAY, None, None, "r1")), events(lakehouse, "a")
    for write, said in (
        (
            lambda: lakehouse.append(ITEMS, row, expected=1),
            r"write='merge', and this is append .*probe_items",
        ),
        (
            lambda: lakehouse.replace_partition(ITEMS, row, DAY),
            "write='merge', and this is replace_partition",
        ),
        (
            lambda: lakehouse.merge(EVENTS, event, scope=Scope()),
            "write='append', and this is merge or scd2",
        ),
        (lambda: lakehouse.merge_row(EVENTS, event, update_when="true"), r"write='append'.*probe_events"),
    ):
        with pytest.raises(ContractError, match=said):
            write()


@pytest.mark.parametrize("stray", [NEXT, None])
def test_a_row_outside_the_replaced_partition_is_refused(lakehouse: Lakehouse, stray: object) -> None:
    """INV-04"""
    table = Table(
        "gold",
        "probe_mart",
        "",
        (opt("day", "date"), req("id", "string")),
        "replace_partition",
        "",
        (),
        "day",
    )
    lakehouse.create(table)
    rows = lakehouse.rows(table, [{"day": DAY, "id": "a"}, {"day": stray, "id": "b"}])
    with pytest.raises(ContractError, match=r"rows outside the partition.*partition=2026-02-10"):
        lakehouse.replace_partition(table, rows, DAY)
    assert stored(lakehouse, table) == []


LARGE = [
    Decimal(text) for text in ("9999999999999999.99", "-9999999999999999.99", "1234567890123456.78", "0.01")
]


@pytest.mark.parametrize("amount", LARGE)
def test_a_single_row_keeps_all_digits(lakehouse: Lakehouse, amount: Decimal) -> None:
    """INV-27: an engine that reads a one-row file's value from its statistics would round it to a double."""
    lakehouse.create(ITEMS)
    lakehouse.create(FILES)
    lakehouse.merge(ITEMS, items(lakehouse, ("a", DAY, amount, None, "r")), scope=Scope.of([DAY]))
    one = {"id": "a", "amount": amount, "_source_file": "f", "_file_sha256": "s", "ingest_date_kst": DAY}
    lakehouse.insert_files(FILES, lakehouse.rows(FILES, [one]), files=["f"], key="id")
    for table in (ITEMS, FILES):
        total = lakehouse.read(table).agg({"amount": "sum"}).collect()[0][0]
        seen = [row["amount"] for row in lakehouse.read(table).collect()]
        second = DeltaTable(lakehouse.path(table)).to_pyarrow_table(columns=["amount"]).to_pylist()
        assert [total, *seen, second[0]["amount"]] == [amount] * 3
        assert lakehouse.read(table).where(f"amount = {amount}").count() == 1


def test_create_loads_nothing_and_happens_once(lakehouse: Lakehouse) -> None:
    """INV-24"""
    assert not lakehouse.exists(ITEMS)
    assert lakehouse.create(ITEMS)
    assert not lakehouse.create(ITEMS)
    lakehouse.validate(ITEMS)
    assert stored(lakehouse, ITEMS) == []
    fields = {f.name: f.nullable for f in DeltaTable(lakehouse.path(ITEMS)).schema().fields}
    assert fields == {"id": False, "day": False, "amount": True, "note": True, "run_id": False}


def test_validation_names_every_difference(lakehouse: Lakehouse) -> None:
    """INV-24: a missing column, another type, a column too many."""
    lakehouse.create(ITEMS)
    columns = (
        *[c for c in ITEMS.columns if c.name not in ("note", "amount")],
        opt("amount", "string"),
        opt("new", "int"),
    )
    wanted = Table("silver", "probe_items", "", columns, "merge", "", ("id",), "day")
    with pytest.raises(ContractError) as caught:
        lakehouse.validate(wanted)
    for problem in ("new is missing", "amount is decimal(38,2), not string", "note is not in the contract"):
        assert problem in str(caught.value)


CONFLICT = PySparkException("[...] Failed to commit transaction: version 5 already exists")


def _failing(times: int, error: Exception) -> tuple[Callable[[], str], list[int]]:
    calls: list[int] = []

    def write() -> str:
        calls.append(1)
        if len(calls) <= times:
            raise error
        return "written"

    return write, calls


def test_conflicts_are_retried_with_growing_jittered_pauses() -> None:
    """INV-16"""
    pauses: list[float] = []
    write, calls = _failing(5, CONFLICT)
    assert retry_conflicts(write, "gold.t", pause=pauses.append) == "written"
    assert len(calls) == 6
    longest = [min(3.0, 0.05 * 2**n) for n in range(1, 6)]
    assert all(top / 2 <= pause <= top for pause, top in zip(pauses, longest, strict=True))
    again: list[float] = []
    write, _ = _failing(5, CONFLICT)
    retry_conflicts(write, "gold.t", pause=again.append)
    assert again != pauses, "two writers that lost together must not come back together"


def test_conflicts_that_do_not_end_are_a_transient_error() -> None:
    """INV-16: bounded; the orchestrator may try again later."""
    pauses: list[float] = []
    write, calls = _failing(1000, CONFLICT)
    with pytest.raises(CommitConflictError, match=r"gold\.t") as caught:
        retry_conflicts(write, "gold.t", pause=pauses.append)
    assert isinstance(caught.value, TransientError)
    assert len(calls) == len(pauses) + 1 == 10
    assert sum(pauses) < 30


def test_a_conflict_of_the_second_writer_library_is_one_too(lakehouse: Lakehouse) -> None:
    """INV-16: new columns are added through ``deltalake``; the error here is a real one, not an imitation."""
    lakehouse.create(FILES)
    mine, theirs = DeltaTable(lakehouse.path(FILES)), DeltaTable(lakehouse.path(FILES))
    theirs.alter.add_columns([Field("theirs", PrimitiveType("string"))])
    with pytest.raises(DeltaError) as caught:
        mine.alter.add_columns([Field("mine", PrimitiveType("string"))])
    write, calls = _failing(1, caught.value)
    assert retry_conflicts(write, "bronze.t", pause=lambda _: None) == "written"
    assert len(calls) == 2


@pytest.mark.parametrize(
    "words",
    [
        "Missing commit file: expected version 4, found 5",
        "Missing commit file: expected final version 9, replay reached 8",
        "Tried committing existing table version: 7",
        "Failed to commit transaction: Metadata changed since last commit.",
        "[DELTA_VERSIONS_NOT_CONTIGUOUS] Versions are not contiguous.",
    ],
)
def test_a_log_that_another_writer_changes_meanwhile_is_a_conflict(
    words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """INV-16: also one that is listed while commits arrive or are cleaned up; the pause is told."""
    write, calls = _failing(1, PySparkException(words))
    with caplog.at_level(logging.INFO):
        assert retry_conflicts(write, "gold.t", pause=lambda _: None) == "written"
    assert len(calls) == 2
    (said,) = caplog.messages
    assert re.fullmatch(r"gold\.t: another writer was faster; waits 0\.\d s, then try 2 of 10", said)


@pytest.mark.parametrize(
    "error", [ValueError("Failed to commit transaction"), PySparkException("disk full"), KeyError("x")]
)
def test_other_errors_are_not_retried(error: Exception) -> None:
    """INV-16: a fault that is no conflict passes through at once."""
    write, calls = _failing(1000, error)
    with pytest.raises(type(error)):
        retry_conflicts(write, "gold.t", pause=lambda _: pytest.fail("paused"))
    assert len(calls) == 1


def test_a_concurrent_commit_is_survived(lakehouse: Lakehouse) -> None:
    """INV-16: a plan made before another writer's commit to other rows still writes exactly its own."""
    lakehouse.create(ITEMS)
    plan = lakehouse.plan_merge(ITEMS, items(lakehouse, ("a", DAY, None, None, "r1")), scope=Scope.of([DAY]))
    lakehouse.merge(ITEMS, items(lakehouse, ("b", NEXT, None, None, "r2")), scope=Scope.of([NEXT]))
    assert lakehouse.commit_merge(plan) == WriteResult(inserted=1)
    assert [row[0] for row in stored(lakehouse, ITEMS)] == ["a", "b"]


def test_a_plan_that_another_writer_overtook_is_refused(lakehouse: Lakehouse) -> None:
    """INV-16: the counts after the write are held against the plan, so a silent half-merge is impossible."""
    lakehouse.create(ITEMS)
    mine = items(lakehouse, ("a", DAY, Decimal("1.00"), None, "r1"))
    plan = lakehouse.plan_merge(ITEMS, mine, scope=Scope.of([DAY]))
    lakehouse.merge(ITEMS, items(lakehouse, ("a", DAY, Decimal("2.00"), None, "r2")), scope=Scope.of([DAY]))
    with pytest.raises(CommitConflictError, match="another writer changed the same rows"):
        lakehouse.commit_merge(plan)
    assert len(stored(lakehouse, ITEMS)) == 1


def test_one_day_in_scope_is_untouched_by_another_day_s_merge(lakehouse: Lakehouse) -> None:
    """INV-14"""
    lakehouse.create(ITEMS)
    before = DAY - timedelta(days=1)
    lakehouse.merge(ITEMS, items(lakehouse, ("a", before, None, None, "r1")), scope=Scope.of([before]))
    lakehouse.merge(ITEMS, items(lakehouse), scope=Scope.of([DAY]), delete_when="true")
    assert len(stored(lakehouse, ITEMS)) == 1

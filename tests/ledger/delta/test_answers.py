"""Kept answers: never of another commit than the newest one, never of another table, and never too many."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import Row

from ledger.delta import answers
from ledger.delta.answers import Answers, question
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from tests.ledger.probe_tables import BOTH_DAYS, DAY, ITEMS, NEXT, items

ROW = ("a", DAY, Decimal("1.00"), "x", "r1")


@question(id=str, day=date, amount=Decimal, is_noted=bool, n=int)
def _noted(table: DataFrame) -> DataFrame:
    return table.select(
        "id", "day", "amount", F.col("note").isNotNull().alias("is_noted"), F.unix_date("day").alias("n")
    )


@question(id=str)
def _ids(table: DataFrame) -> DataFrame:
    return table.select("id")


@pytest.fixture
def lake(lakehouse: Lakehouse) -> Lakehouse:
    """ITEMS with one row, whose ids were asked for."""
    lakehouse.create(ITEMS)
    write(lakehouse, ROW)
    assert ids(lakehouse) == {"a"}
    return lakehouse


def write(lake: Lakehouse, *rows: tuple[object, ...]) -> None:
    lake.merge(ITEMS, items(lake, *rows), scope=BOTH_DAYS)


def ids(lake: Lakehouse, scope: Scope | None = None) -> set[str]:
    return {row["id"] for row in lake.answer(ITEMS, _ids, scope)}


def test_a_commit_of_another_writer_makes_the_next_one_ask_again(lake: Lakehouse) -> None:
    other = Lakehouse(lake.spark, warehouse=str(Path(lake.path(ITEMS)).parents[1]))
    write(other, ("b", NEXT, None, None, "r1"))
    assert ids(lake) == {"a", "b"}
    assert ids(lake, Scope.of([NEXT])) == {"b"}, "the days asked about are part of the question"


def test_a_table_made_anew_at_its_version_is_another_one(lake: Lakehouse) -> None:
    version = lake.version(ITEMS)
    shutil.rmtree(lake.path(ITEMS))
    lake.create(ITEMS)
    write(lake, ("z", DAY, Decimal("1.00"), "x", "r1"))
    assert lake.version(ITEMS) == version
    assert ids(lake) == {"z"}


def test_an_answer_is_the_same_alone_and_among_others(lake: Lakehouse) -> None:
    write(lake, ("b", NEXT, None, None, "r1"), ("", DAY, Decimal("-0.10"), "", "r1"))
    alone = lake.answer(ITEMS, _noted)
    lake.ask_together([(ITEMS, _noted, BOTH_DAYS), (ITEMS, _ids, BOTH_DAYS)])
    together = lake.answer(ITEMS, _noted, BOTH_DAYS)
    assert {tuple(row) for row in together} == {tuple(row) for row in alone}
    assert [[type(cell) for cell in row] for row in sorted(together)[:2]] == [
        [str, date, Decimal, bool, int],
        [str, date, Decimal, bool, int],
    ]


def test_answers_are_bounded_in_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The events of a landing with thousands of files a day are no small answer, and each day has its own."""
    monkeypatch.setattr(answers, "_KEPT_ROWS", 5)
    kept = Answers()
    for day in range(3):
        kept.keep(day, 0, (Row(day=day),) * 2)
    assert [kept.kept(day, 0) is not None for day in range(3)] == [False, True, True]
    kept.keep("large", 0, (Row(day=0),) * 6)
    assert kept.kept("large", 0) is None

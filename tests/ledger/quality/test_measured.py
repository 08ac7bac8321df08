"""Every check is measured alone: one that fails blinds no other, and carries the reason."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.errors import StorageError
from ledger.quality import clean
from ledger.quality.mart import mart_verdicts
from ledger.quality.measured import answers, measured, value_of
from ledger.quality.verdict import Verdict
from ledger.silver import products
from ledger.tables import SILVER_TABLES
from tests.assets.events import verdicts
from tests.support import DAY_1, Home, ledgerctl


def numbers(lakehouse: Lakehouse, count: int) -> DataFrame:
    return lakehouse.spark.range(count).agg(F.sum(F.lit(1)).alias("n"))


def test_a_question_that_fails_leaves_the_others_their_answers(lakehouse: Lakehouse) -> None:
    """INV-51: whether it fails when it is asked or when it is answered."""

    def never() -> DataFrame:
        raise OSError("no table")

    found = answers(
        {
            "three": lambda: numbers(lakehouse, 3),
            "never": never,
            "fails": lambda: lakehouse.spark.sql("SELECT CAST(assert_true(false) AS BIGINT) AS n"),
            "none": lambda: numbers(lakehouse, 0),
        }
    )
    assert [row["n"] for row in value_of(found["three"])] == [3]
    assert [row["n"] for row in value_of(found["none"])] == [None]
    assert isinstance(found["fails"], Exception)
    with pytest.raises(OSError, match="no table"):
        value_of(found["never"])


def test_a_check_that_cannot_be_measured_warns_and_says_why() -> None:
    """INV-51: it is no finding about the table."""

    def fail() -> Verdict:
        raise ValueError("the engine\nwith a long story")

    shown = measured("silver.products", "unique_keys", fail)
    assert (shown.passed, shown.is_error, shown.is_measured) == (False, False, False)
    assert shown.says == "not evaluated: ValueError: the engine"
    assert (shown.table, shown.check) == ("silver.products", "unique_keys")


def test_the_mart_s_columns_are_judged_though_its_rows_cannot_be_read(lakehouse: Lakehouse) -> None:
    """INV-51"""
    unreadable = lakehouse.spark.sql("SELECT CAST(assert_true(false) AS STRING) AS user_id")
    rows = lakehouse.spark.createDataFrame(
        [("k", "m", "s", "c")], "user_key string, merchant_name string, status string, category string"
    )
    columns, values = mart_verdicts(rows, ["user_key"], unreadable)
    assert (columns.passed, columns.is_measured) == (True, True)
    assert (values.passed, values.is_measured) == (False, False)


def test_a_table_with_one_row_a_file_is_measured(lakehouse: Lakehouse) -> None:
    """INV-51: the embedded engine refuses an aggregate of counts over such files, and all tables were blind."""
    table = products.TABLE
    lakehouse.create(table)
    for number in (1, 2):
        row = lakehouse.rows(table, [{"product_id": number, "run_id": "r"}])
        lakehouse.merge(table, row, scope=Scope())
    run: Any = SimpleNamespace(lakehouse=lakehouse)
    item: Any = SimpleNamespace(table=table, days=frozenset())
    found = answers(
        {"products": partial(clean._stored, run, item), "other": partial(clean._stored, run, item)}
    )
    assert [[(row["n"], row["k"]) for row in value_of(found[name])] for name in found] == [[(2, 2)], [(2, 2)]]


def test_a_quarantine_that_cannot_be_read_leaves_the_keys_measured(
    after_day_1: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-51: of Silver's account the half that needs the quarantine says why it is missing."""

    def unreadable(*_: object) -> DataFrame:
        raise StorageError("a file of the table is gone", table="silver.bad_records")

    monkeypatch.setattr(clean, "_quarantined", unreadable)
    done = ledgerctl("run", "pipeline_silver_materialization", "--partition", DAY_1)
    assert done.code == 0, done.err
    found = {name: shown for name, shown in verdicts().items() if name.startswith("silver/")}
    keys = [shown for name, shown in found.items() if name.endswith(":unique_keys")]
    accounts = [shown for name, shown in found.items() if name.endswith(":every_bronze_row_accounted_for")]
    assert [shown.passed for shown in keys] == [True] * len(SILVER_TABLES)
    assert len(accounts) == len(SILVER_TABLES)
    for shown in accounts:
        assert (shown.passed, shown.severity) == (False, "WARN")
        assert shown.description == ("not evaluated: a file of the table is gone [table=silver.bad_records]")

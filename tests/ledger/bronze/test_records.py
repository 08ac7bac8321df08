"""A landing record before it has types: the columns that its names mean (spec section 4). Pure."""

from __future__ import annotations

import pytest

from ledger.bronze.payment_orders_raw import TABLE
from ledger.bronze.records import MAX_UNKNOWN, columns_for, known_columns, shown_text, understood
from ledger.errors import IngestError


def test_known_columns_are_the_contract_s_without_what_the_load_adds() -> None:
    assert known_columns(TABLE) == (
        *("order_id", "user_id", "merchant_name", "amount", "status", "created_at"),
        *("ingested_at", "source_extracted_at", "batch_id", "source_system"),
    )


def test_understood_names_are_the_contract_s_whatever_their_case_and_blanks() -> None:
    header = ["\ufeffORDER_ID", " Amount\t", "Memo", "", " "]
    assert understood(TABLE, header) == ["order_id", "amount", "Memo", "column 4", "column 5"]


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (["order_id", "Order_ID"], "the header names 'order_id' twice"),
        (["order_id", "memo", "memo"], "the header names 'memo' twice"),
        (["memo", "note"], "none of the columns of bronze.payment_orders_raw: 'memo,note'"),
        (["4111", "u-17"], "2 cells with digits in them, as a row has"),
        (["_raw", "_source_file"], "none of the columns"),
    ],
)
def test_understood_refuses_a_header_that_cannot_be_the_table_s(header: list[str], problem: str) -> None:
    """A row in the header's place is not shown: it may name a person."""
    with pytest.raises(IngestError, match=problem) as refused:
        understood(TABLE, header)
    assert "u-17" not in str(refused.value)


def test_a_table_grows_to_a_limit_of_columns_and_no_further() -> None:
    """Keys that are data (one column a user) must not make a table that nobody can open."""
    names = [f"k{n:04}" for n in range(1_000)]
    chosen = columns_for(TABLE, TABLE.column_names, names)
    assert chosen == tuple(names[:MAX_UNKNOWN])
    stored = [*TABLE.column_names, *names[500 : 500 + MAX_UNKNOWN - 1]]
    assert columns_for(TABLE, stored, names) == ("k0000", *names[500 : 500 + MAX_UNKNOWN - 1])
    assert columns_for(TABLE, ["MEMO"], ["Memo", "memo", "_x", "a b", "order_id", "Order_Id", "x"]) == ("x",)


def test_shown_text_is_one_quoted_line_that_is_not_too_long() -> None:
    assert shown_text("a\nb") == r"'a\nb'"
    assert shown_text("x" * 200) == repr("x" * 200)
    assert shown_text("x" * 201) == repr("x" * 200 + "...")

"""Looking at a table: which rows, in which order, by values and never by SQL. Real tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from ledger.bronze import orders_raw
from ledger.contract import Table
from ledger.delta.lakehouse import Lakehouse
from ledger.errors import ParameterError
from ledger.silver import bad_records, ledger_entries
from ledger.window import Window
from operations.rows import Values, typed
from operations.tables import Question, select
from tests.ledger.probe_tables import appended

DAY = date(2026, 2, 10)
NEXT = DAY + timedelta(days=1)


def entry(tx_id: str, amount: str, **others: object) -> Values:
    at = datetime(2026, 2, 10, 3, 0, 0, 123456, tzinfo=UTC)
    stored = {
        "tx_id": tx_id,
        "wallet_id": "w",
        "event_time": at,
        "event_date_kst": DAY,
        "entry_type": "CHARGE",
    }
    return {**stored, "amount": amount, "amount_signed": amount, "run_id": "r", **others}


def store(lakehouse: Lakehouse, table: Table, *rows: Values) -> None:
    lakehouse.create(table)
    lakehouse.append(appended(table), lakehouse.rows(table, rows), expected=len(rows))


def found(lakehouse: Lakehouse, table: Table, column: str, **asked: object) -> list[object]:
    return [row[column] for row in typed(select(lakehouse, Question(table, **asked)))]  # type: ignore[arg-type]


@pytest.fixture
def entries(lakehouse: Lakehouse) -> Lakehouse:
    store(
        lakehouse,
        ledger_entries.TABLE,
        entry("b", "2.50", wallet_id="w' OR '1'='1", related_id="x"),
        entry("c", "-10.00", wallet_id="w\nthe money adds up"),
        entry("a", "100.00", event_date_kst=NEXT),
    )
    return lakehouse


def test_rows_are_typed_and_sorted_by_key_or_as_asked(entries: Lakehouse) -> None:
    table = ledger_entries.TABLE
    assert found(entries, table, "tx_id") == ["a", "b", "c"]
    assert found(entries, table, "tx_id", order=["-amount"]) == ["a", "b", "c"]
    assert found(entries, table, "tx_id", order=["event_date_kst", "amount"]) == ["c", "b", "a"]
    assert found(entries, table, "tx_id", day=DAY) == ["b", "c"]
    (row,) = typed(select(entries, Question(table, where=[("tx_id", "b")], columns=["amount", "event_time"])))
    instant = datetime(2026, 2, 10, 3, 0, 0, 123456, tzinfo=UTC)
    assert row == {"amount": Decimal("2.50"), "event_time": instant}


@pytest.mark.parametrize(
    ("column", "value", "tx_ids"),
    [
        ("amount", "2.5", ["b"]),
        ("amount", "+100.000", ["a"]),
        ("amount", "-10", ["c"]),
        ("wallet_id", "w' OR '1'='1", ["b"]),
        ("wallet_id", "w\nthe money adds up", ["c"]),
        ("wallet_id", "x' OR 'a'='a", []),
        ("related_id", "", ["a", "c"]),
        ("event_date_kst", "2026-02-11", ["a"]),
        ("event_time", "2026-02-10T12:00:00.123456+09:00", ["a", "b", "c"]),
        ("event_time", "2026-02-10T03:00:00", []),
    ],
)
def test_a_condition_is_a_value_of_its_column(
    entries: Lakehouse, column: str, value: str, tx_ids: list[str]
) -> None:
    assert found(entries, ledger_entries.TABLE, "tx_id", where=[(column, value)]) == tx_ids


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"where": [("amount", "2.505")]}, "'2.505' is no value of amount"),
        ({"where": [("amount", "1e3")]}, "decimal(38,2)"),
        ({"where": [("amount", "1 OR 1=1")]}, "no value of amount"),
        ({"where": [("event_date_kst", "2026-02-30")]}, "no value of event_date_kst"),
        ({"where": [("1=1 OR tx_id", "b")]}, "no column '1=1 OR tx_id'"),
        ({"columns": ["tx_id", "tx"]}, "no column 'tx'"),
        ({"columns": ["count(*)"]}, "no column 'count(*)'"),
        ({"order": ["-nope"]}, "no column 'nope'"),
    ],
)
def test_unknown_column_or_value_is_refused_by_name(
    entries: Lakehouse, asked: dict[str, list[str]], named: str
) -> None:
    with pytest.raises(ParameterError) as refused:
        found(entries, ledger_entries.TABLE, "tx_id", **asked)
    assert named in str(refused.value)


def test_a_quarantined_row_belongs_to_the_day_of_its_window(lakehouse: Lakehouse) -> None:
    """A row that is detected the next morning is asked for by the day that it was rejected from."""
    rows = [
        {
            **{
                "detected_date_kst": NEXT,
                "source_table": "silver.products",
                "reason": reason,
                "record_json": "{}",
            },
            **{"run_id": "r", "detected_at": Window.of_day(NEXT).start},
            **{"window_start_ts": Window.of_day(day).start, "window_end_ts": Window.of_day(day).end},
        }
        for reason, day in (("of_day", DAY), ("of_next", NEXT))
    ]
    store(lakehouse, bad_records.TABLE, *rows)
    assert found(lakehouse, bad_records.TABLE, "reason", day=DAY) == ["of_day"]
    assert found(lakehouse, bad_records.TABLE, "reason", day=NEXT) == ["of_next"]
    assert found(lakehouse, bad_records.TABLE, "reason", day=NEXT, day_of="partition") == [
        "of_day",
        "of_next",
    ]
    assert found(lakehouse, bad_records.TABLE, "reason", day=DAY, day_of="partition") == []


def test_columns_that_only_bronze_knows_can_be_asked_for(lakehouse: Lakehouse) -> None:
    """Also one whose name would be an expression."""
    store(lakehouse, orders_raw.TABLE, {"order_id": 1, "ingest_date_kst": DAY})
    lakehouse.add_columns(orders_raw.TABLE, ["a.b` c"])
    assert found(lakehouse, orders_raw.TABLE, "order_id", where=[("a.b` c", "")], order=["-a.b` c"]) == [1]

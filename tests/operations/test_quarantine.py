"""The quarantine as an operator asks for it: what stands, what only earlier attempts rejected, what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest

from ledger.bronze import landing_file
from ledger.delta.lakehouse import Lakehouse
from ledger.gold import pipeline_run_log
from ledger.silver import bad_records
from ledger.window import Window
from operations.quarantine import Asked, read_quarantine, rows_at_fault

DAY = date(2026, 2, 10)
NOW = datetime(2026, 2, 10, 16, tzinfo=UTC)
ENTRIES, PAYMENTS = "silver.ledger_entries", "silver.order_events"


def rejected(
    lakehouse: Lakehouse,
    run_id: str,
    reason: str,
    record: Mapping[str, object],
    *,
    table: str = ENTRIES,
    day: date = DAY,
    file: str = "a.jsonl",
    sha256: str = "1",
) -> None:
    row = {
        "detected_date_kst": day + timedelta(days=1),
        "source_table": table,
        "reason": reason,
        "record_json": json.dumps({**record, "_source_file": file, "_file_sha256": sha256}),
        "run_id": run_id,
        "detected_at": NOW,
        "window_start_ts": Window.of_day(day).start,
        "window_end_ts": Window.of_day(day).end,
    }
    lakehouse.append(bad_records.TABLE, lakehouse.rows(bad_records.TABLE, [row]), expected=1)


def ran(lakehouse: Lakehouse, run_id: str, hour: int, *, day: date = DAY, status: str = "success") -> None:
    at = NOW + timedelta(hours=hour)
    window = Window.of_day(day)
    row = {
        **{"pipeline_name": "pipeline_silver", "date_kst": day, "run_id": run_id, "status": status},
        **{"window_start_ts": window.start, "window_end_ts": window.end, "started_at": at, "ended_at": at},
    }
    lakehouse.append(pipeline_run_log.TABLE, lakehouse.rows(pipeline_run_log.TABLE, [row]), expected=1)


def landed(lakehouse: Lakehouse, sha256: str, status: str, hour: int, file: str = "a.jsonl") -> None:
    row = {
        **{"path": file, "sha256": sha256, "landing_date_kst": DAY, "status": status, "run_id": "i"},
        "at": NOW + timedelta(hours=hour, microseconds=int(sha256)),
    }
    lakehouse.append(landing_file.TABLE, lakehouse.rows(landing_file.TABLE, [row]), expected=1)


@pytest.fixture
def tables(lakehouse: Lakehouse) -> Lakehouse:
    for table in (bad_records.TABLE, pipeline_run_log.TABLE, landing_file.TABLE):
        lakehouse.create(table)
    return lakehouse


def test_rows_of_the_newest_run_stand_whether_it_succeeded_or_not(tables: Lakehouse) -> None:
    for run_id, hour, status in (("r1", 1, "success"), ("r2", 2, "failure")):
        ran(tables, run_id, hour, status=status)
        rejected(tables, run_id, "invalid_amount", {"tx_id": "t1", "amount": "1e3"})
    rejected(tables, "r2", "invalid_entry_type", {"tx_id": "t2", "type": "GIFT"})
    found = read_quarantine(tables, Asked(DAY))
    assert found.standing == {(ENTRIES, "invalid_amount"): 1, (ENTRIES, "invalid_entry_type"): 1}
    assert found.earlier == {(ENTRIES, "invalid_amount"): 1}
    first, second = rows_at_fault(tables, Asked(DAY), found, None)
    assert (first["file"], first["key"], first["at_fault"]) == ("a.jsonl", {"tx_id": "t1"}, {"amount": "1e3"})
    assert (second["run_id"], second["at_fault"]) == ("r2", {"type": "GIFT"})
    assert len(rows_at_fault(tables, Asked(DAY), found, 1)) == 1


def test_a_corrected_file_leaves_nothing_standing_though_the_run_id_is_the_same(tables: Lakehouse) -> None:
    """The documented recovery: correct the source, run Silver again under the incident's run id."""
    landed(tables, "1", "loaded", 0)
    ran(tables, "r", 1)
    rejected(tables, "r", "invalid_amount", {"tx_id": "t1", "amount": None})
    assert read_quarantine(tables, Asked(DAY)).standing.total() == 1
    landed(tables, "1", "superseded", 2)
    landed(tables, "2", "loaded", 2)
    assert read_quarantine(tables, Asked(DAY)).standing.total() == 1, "until Silver has run again"
    ran(tables, "r", 3)
    found = read_quarantine(tables, Asked(DAY))
    assert (found.standing.total(), found.earlier.total()) == (0, 1)
    assert rows_at_fault(tables, Asked(DAY), found, None) == []


def test_it_can_be_asked_by_day_table_reason_and_run(tables: Lakehouse) -> None:
    other = DAY + timedelta(days=1)
    for run_id, hour, day in (("r1", 1, DAY), ("r2", 2, DAY), ("r3", 3, other)):
        ran(tables, run_id, hour, day=day)
        rejected(
            tables, run_id, "invalid_status", {"order_id": "o", "status": "LOST"}, table=PAYMENTS, day=day
        )
        rejected(tables, run_id, "invalid_amount", {"tx_id": "t"}, day=day)
    assert read_quarantine(tables, Asked()).standing.total() == 4
    assert read_quarantine(tables, Asked(other)).standing.total() == 2
    assert set(read_quarantine(tables, Asked(table=PAYMENTS)).standing) == {(PAYMENTS, "invalid_status")}
    assert set(read_quarantine(tables, Asked(reason="invalid_amount")).standing) == {
        (ENTRIES, "invalid_amount")
    }
    of_run = Asked(run_id="r1")
    found = read_quarantine(tables, of_run)
    assert (found.standing.total(), found.earlier.total()) == (0, 2)
    assert {row["run_id"] for row in rows_at_fault(tables, of_run, found, None)} == {"r1"}


def test_a_record_that_is_no_record_is_shown_as_its_text(tables: Lakehouse) -> None:
    ran(tables, "r", 1)
    rejected(tables, "r", "unparsable_record", {"_raw": '{"tx_id": "t\u0007'})
    (row,) = rows_at_fault(tables, Asked(DAY), read_quarantine(tables, Asked(DAY)), None)
    assert row["at_fault"] == {"_raw": '{"tx_id": "t\u0007'}

"""The quarantine's rows (spec sections 2 and 5)."""

from __future__ import annotations

from datetime import UTC, date, datetime

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ledger.silver import bad_records
from ledger.window import Window
from tests.ledger.frames import Values, frame, plain


def test_quarantine_keeps_every_row_on_the_kst_day_of_the_clock(spark: SparkSession) -> None:
    """Two equal rows stay two; the window is the run's, the day is not."""
    rows: list[Values] = [{"reason": "r", "record_json": "{}"}, {"reason": "r", "record_json": "{}"}]
    rule = F.when(F.col("reason") == "invalid_status", "by-status").otherwise("by-rate")
    found = bad_records.quarantine(
        frame(spark, "reason string, record_json string", [*rows, {"reason": "invalid_status", "record_json": "x"}]),
        source_table="silver.ledger_entries",
        rule_id=rule,
        run_id="run",
        window=Window.of_day(date(2026, 2, 9)),
        now=datetime(2026, 2, 10, 15, tzinfo=UTC),
    )  # fmt: skip
    assert found.dtypes == [(c.name, c.type) for c in bad_records.TABLE.columns]
    clock, window = "2026-02-10T15:00:00Z", ("2026-02-08T15:00:00Z", "2026-02-09T15:00:00Z")
    of_rate = ("2026-02-11", "silver.ledger_entries", "r", "{}", "run", "by-rate", clock, *window)
    of_status = (
        "2026-02-11",
        "silver.ledger_entries",
        "invalid_status",
        "x",
        "run",
        "by-status",
        clock,
        *window,
    )
    assert plain(found) == [of_status, of_rate, of_rate]

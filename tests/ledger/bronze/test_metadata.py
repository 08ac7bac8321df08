"""How a Bronze contract is put together (spec section 2). Pure."""

from __future__ import annotations

from ledger.bronze.metadata import bronze_table, landing_folder, source_columns, timestamp_columns
from ledger.contract import opt, req

TABLE = bronze_table(
    "things_raw",
    "Things.",
    "thing_id",
    (req("thing_id", "bigint", "thing"), opt("made_at", "timestamp", "made")),
)
STAMPED = ("ingested_at", "source_extracted_at", "batch_id", "source_system")


def test_bronze_table_is_append_only_by_landing_day_and_refuses_no_row() -> None:
    assert TABLE.column_names == (
        *("thing_id", "made_at", *STAMPED),
        *("_source_file", "_file_sha256", "_raw", "ingest_date_kst"),
    )
    assert (TABLE.full_name, TABLE.write, TABLE.key) == ("bronze.things_raw", "append", ("thing_id",))
    assert TABLE.partition_by == "ingest_date_kst"
    assert TABLE.required == ()
    assert "_raw" in TABLE.identifying


def test_landing_folder_is_the_name_without_raw() -> None:
    assert landing_folder(TABLE) == "things"


def test_source_columns_are_those_that_a_record_may_carry() -> None:
    assert tuple(column.name for column in source_columns(TABLE)) == ("thing_id", "made_at", *STAMPED)


def test_timestamp_columns_are_all_clocks_of_a_row() -> None:
    assert timestamp_columns(TABLE) == ("made_at", "ingested_at", "source_extracted_at")

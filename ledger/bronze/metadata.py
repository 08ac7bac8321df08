"""The metadata columns that all six Bronze tables share, and how a Bronze contract is put together."""

from __future__ import annotations

from ledger.contract import Column, Table, opt

SOURCE_FILE, FILE_HASH, RAW, INGEST_DATE = "_source_file", "_file_sha256", "_raw", "ingest_date_kst"

STAMPED = (
    opt("ingested_at", "timestamp", "UTC instant of arrival"),
    opt("source_extracted_at", "timestamp", "UTC instant at which the source was read"),
    opt("batch_id", "string", "extraction batch"),
    opt("source_system", "string", "system that the record comes from"),
)
METADATA = (
    *STAMPED,
    opt(SOURCE_FILE, "string", "landing file, relative to the landing root"),
    opt(FILE_HASH, "string", "SHA-256 of the landing file, hex"),
    opt(RAW, "string", "source text of a record that did not parse cleanly, else null"),
    opt(
        INGEST_DATE, "date", "KST day of the landing folder; of ingested_at where another system fills Bronze"
    ),
)
_RESERVED = frozenset({SOURCE_FILE, FILE_HASH, RAW, INGEST_DATE})


def bronze_table(name: str, description: str, key: str, columns: tuple[Column, ...]) -> Table:
    """The contract of one Bronze table; ``key`` is the business key that duplicates are counted by."""
    return Table(
        schema="bronze",
        name=name,
        description=description,
        columns=(*columns, *METADATA),
        write="append",
        grain="one source record",
        key=(key,),
        partition_by=INGEST_DATE,
        identifying=frozenset({"user_id", "wallet_id", RAW}),
        nullable_in_storage=True,
    )


def landing_folder(table: Table) -> str:
    """The table's folder under the landing root (its name without ``_raw``)."""
    return table.name.removesuffix("_raw")


def source_columns(table: Table) -> tuple[Column, ...]:
    """The columns that a source record may carry: business columns and stamped metadata."""
    return tuple(c for c in table.columns if c.name not in _RESERVED)


def timestamp_columns(table: Table) -> tuple[str, ...]:
    """The timestamps that decide whether a row belongs to a window (spec section 4)."""
    return tuple(c.name for c in table.columns if c.type == "timestamp")

"""A KST day hand-written in DuckDB, as an expert would: the yardstick of ``python -m benchmarks.run``.

It does the day's real work on the same JSON lines (typed Bronze, Silver with reasons, quarantine, deduplication and
status join, A's measurements, B's controls, C's mart) and writes every table with ``deltalake``. It knows one fresh
day only: no rerun, no convergence, no history, no retries, no state.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
from deltalake import write_deltalake

from benchmarks.baseline_gold import ANALYTICS, CONTROLS
from benchmarks.baseline_sql import GUARDRAIL, MACROS, SILVER, SILVER_STAGES

SALT = "local-salt-v1"
PARSERS = {"decimal(18,2)": "money", "timestamptz": "instant", "bigint": "whole"}
BRONZE = {
    "user_wallets_raw": {
        "user_id": "varchar", "balance": "decimal(18,2)", "frozen_amount": "decimal(18,2)",
        "updated_at": "timestamptz",
    },
    "transaction_ledger_raw": {
        "tx_id": "varchar", "wallet_id": "varchar", "type": "varchar", "amount": "decimal(18,2)",
        "related_id": "varchar", "created_at": "timestamptz",
    },
    "payment_orders_raw": {
        "order_id": "varchar", "user_id": "varchar", "merchant_name": "varchar", "amount": "decimal(18,2)",
        "status": "varchar", "created_at": "timestamptz",
    },
    "orders_raw": {
        "order_id": "bigint", "user_id": "varchar", "total_amount": "decimal(18,2)", "status": "varchar",
        "created_at": "timestamptz",
    },
    "order_items_raw": {
        "item_id": "bigint", "order_id": "bigint", "product_id": "bigint", "quantity": "int",
        "price_at_purchase": "decimal(18,2)",
    },
    "products_raw": {
        "product_id": "bigint", "product_name": "varchar", "price_krw": "decimal(18,2)", "stock_quantity": "int",
        "category": "varchar", "is_display": "boolean",
    },
}  # fmt: skip
METADATA = {
    "ingested_at": "timestamptz",
    "source_extracted_at": "timestamptz",
    "batch_id": "varchar",
    "source_system": "varchar",
}
PARTITIONS = {
    **dict.fromkeys(BRONZE, "ingest_date_kst"),
    "wallet_snapshot": "snapshot_date_kst",
    "ledger_entries": "event_date_kst",
    "order_events": "event_date_kst",
    "bad_records": "detected_date_kst",
    "admin_tx_search": "event_date_kst",
    **dict.fromkeys(
        ("dq_status", *(name for name in CONTROLS if name != "admin_tx_search"), *ANALYTICS), "date_kst"
    ),
}
SCHEMAS = {
    **dict.fromkeys(BRONZE, "bronze"),
    **dict.fromkeys((*SILVER, *GUARDRAIL), "silver"),
    **dict.fromkeys((*CONTROLS, *ANALYTICS), "gold"),
}


class Day:
    """One KST day in an in-memory database; every table is written to ``<target>/<schema>/<table>``."""

    def __init__(self, landing: Path, target: Path, day: date, run_id: str) -> None:
        self._landing, self._target, self._day = landing, target, day
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=9)
        self._values = {
            "day": day.isoformat(),
            "window_start": start,
            "window_end": start + timedelta(days=1),
            "run_id": run_id,
            "salt": SALT,
        }
        self._db = duckdb.connect(config={"preserve_insertion_order": False})
        self._db.execute("SET TimeZone = 'UTC'")
        for macro in MACROS:
            self._db.execute(macro)

    def run(self) -> None:
        """The whole day, stage by stage, with the seconds of each on standard error."""
        for name, stage in (
            ("bronze", self._bronze),
            ("guardrail", lambda: self._tables(GUARDRAIL)),
            ("silver", self._silver),
            ("controls", lambda: self._tables(CONTROLS)),
            ("analytics", lambda: self._tables(ANALYTICS)),
        ):
            started = time.monotonic()
            stage()
            print(f"baseline {name} {time.monotonic() - started:.2f} s", file=sys.stderr)

    def _bronze(self) -> None:
        """Every value from its source text; ``_raw`` keeps a record of which a value did not parse."""
        for table, business in BRONZE.items():
            columns = {**business, **METADATA}
            files = sorted(self._landing.glob(f"{table.removesuffix('_raw')}/date={self._day}/*.jsonl"))
            hashes = {str(f): hashlib.file_digest(f.open("rb"), "sha256").hexdigest() for f in files}
            texts = ", ".join(f"'{name}': 'VARCHAR'" for name in columns)
            values = ", ".join(f"{_parsed(name, type_)} AS {name}" for name, type_ in columns.items())
            lost = " OR ".join(
                f"(clean(s.{name}) IS NOT NULL AND {_parsed(name, type_)} IS NULL)"
                for name, type_ in columns.items()
                if type_ != "varchar"
            )
            self._create(
                table,
                f"""SELECT {values}, s.filename AS _source_file, h.sha AS _file_sha256,
                CASE WHEN {lost} THEN CAST(to_json(s) AS varchar) END AS _raw, kst(instant(s.ingested_at)) AS ingest_date_kst
                FROM read_json({[str(f) for f in files]}, format = 'newline_delimited', columns = {{{texts}}},
                  filename = true) s
                JOIN (VALUES {", ".join(f"('{name}', '{sha}')" for name, sha in hashes.items())}) h(name, sha)
                  ON h.name = s.filename""",
            )
            self._write(table)

    def _silver(self) -> None:
        for name, query in SILVER_STAGES.items():
            self._create(name, query)
        self._tables(SILVER)
        for name in SILVER_STAGES:
            self._db.execute(f"DROP TABLE {name}")

    def _tables(self, queries: dict[str, str]) -> None:
        for name, query in queries.items():
            self._create(name, query)
            self._write(name)

    def _create(self, name: str, query: str) -> None:
        used = {key: value for key, value in self._values.items() if f"${key}" in query}
        self._db.execute(f"CREATE TABLE {name} AS {query}", used)

    def _write(self, name: str) -> None:
        partition = PARTITIONS.get(name)
        write_deltalake(
            str(self._target / SCHEMAS[name] / name),
            self._db.table(name),
            partition_by=[partition] if partition else None,
        )


def _parsed(name: str, type_: str) -> str:
    if type_ == "varchar":
        return f"s.{name}"
    if type_ in PARSERS:
        return f"{PARSERS[type_]}(s.{name})"
    return f"try_cast(clean(s.{name}) AS {type_})"


def main() -> None:
    """``python -m benchmarks.baseline_duckdb --landing DIR --target DIR --day D``."""
    parser = argparse.ArgumentParser(description="A KST day hand-written in DuckDB.")
    parser.add_argument("--landing", type=Path, required=True)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--day", type=date.fromisoformat, required=True)
    parser.add_argument("--run-id", default="bench")
    arguments = parser.parse_args()
    Day(arguments.landing, arguments.target, arguments.day, arguments.run_id).run()


if __name__ == "__main__":
    main()

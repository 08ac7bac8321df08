"""Tables and landing files by URI, where this process sees no files: the engine itself lists, reads and keeps the log."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.settings import SETTING_PREFIX
from tests.parity.engines import Engine
from tests.parity.equality import differences
from tests.support import DAY_1, DAY_2, Home

pytestmark = [pytest.mark.jvm, pytest.mark.exhaustive]

CSV = 'order_id,user_id,total_amount,status,created_at\n7,"u,1",12.50,"a ""b""",2026-02-10T01:00:00Z\n8,,,,\n'


def test_uris_lead_to_the_same_tables_as_paths(tmp_path: Path, jvm: Engine) -> None:
    """INV-46: schema changes and versions by SQL, files by the engine's own readers."""
    by_path, by_uri = Home(tmp_path / "path"), Home(tmp_path / "uri")
    _land(by_path)
    by_uri.copy_from(by_path, "landing")
    uris = {
        f"{SETTING_PREFIX}LAKEHOUSE__{name.upper()}": (by_uri.root / name).as_uri()
        for name in ("warehouse", "landing")
    }
    for environment in (by_path.environment(), by_uri.environment() | uris):
        for command in (
            ("run", "bootstrap_catalog"),
            ("ingest", DAY_1),
            ("ingest", DAY_2),
            ("ingest", DAY_2),
        ):
            done = jvm.run(environment, *command)
            assert done.exit == 0, done.output
    unequal = differences(by_path.root, by_uri.root)
    assert not unequal, unequal
    orders = by_uri.rows("bronze.orders_raw")
    assert {(row["order_id"], row["total_amount"]) for row in orders} == {
        (7, Decimal("12.50")),
        (8, None),
        (9, Decimal("3.00")),
        (10, None),
    }
    assert {row["channel"] for row in orders} == {None, "app"}


def _land(home: Home) -> None:
    """CSV and Parquet on the first day; on the second a field that the contract does not know."""
    home.land("orders", DAY_1, file="first")
    folder = home.landing / "orders" / f"date={DAY_1}"
    (folder / "more.csv").write_text(CSV, encoding="utf-8")
    typed = pa.table(
        {
            "order_id": pa.array([9], pa.int64()),
            "total_amount": pa.array([Decimal("3.00")], pa.decimal128(18, 2)),
            "created_at": pa.array([datetime(2026, 2, 10, 2, tzinfo=UTC)], pa.timestamp("us", tz="UTC")),
        }
    )
    pq.write_table(typed, folder / "typed.parquet")
    home.land("orders", DAY_2, {"order_id": 10, "channel": "app", "created_at": f"{DAY_2}T01:00:00Z"})

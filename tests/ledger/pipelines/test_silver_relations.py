"""An entry's relation is decided by the last day that Silver has done and that reads it (spec sections 2 and 5)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ledger.delta.lakehouse import Lakehouse
from ledger.due import days_due
from ledger.pipelines.silver_relations import with_decided_relation
from ledger.silver import ledger_entries
from ledger.window import Window
from tests.ledger.frames import by_first
from tests.ledger.pipelines.landed_by_hand import HandLanding, lenient_rules
from tests.ledger.pipelines.test_superseded_rows import LEDGER, PAYMENTS, entry, payment
from tests.support import DAY_1, DAY_2, Home

ENTRIES = ledger_entries.TABLE


def test_a_rerun_of_an_older_day_leaves_relations_alone_and_says_which_day_has_to_decide_again(
    spark: SparkSession, tmp_path: Path
) -> None:
    """INV-14: entries of day 1 that landed on day 2, and one of an older day that landed on both, row by row."""
    home = Home(tmp_path)
    with Lakehouse(spark, warehouse=str(home.warehouse)) as lakehouse:
        landing = HandLanding(lakehouse, lenient_rules(home.root)).create()
        twice = entry("told-twice", day=DAY_1 - timedelta(days=1), related_id="p2")
        landing.put("a", LEDGER, DAY_1, twice, entry("own", related_id="p1"))
        landing.put("a", PAYMENTS, DAY_1, payment("p1", "PENDING"))
        landing.silver(DAY_1)
        landing.put("b", LEDGER, DAY_2, entry("crosses", related_id="p2"), entry("waits", related_id="late"))
        landing.put("again", LEDGER, DAY_2, twice)
        landing.put("b", PAYMENTS, DAY_2, payment("p2", "PAID", DAY_2))
        landing.silver(DAY_2)
        decided = {
            "own": ("PAYMENT_ORDER", "PENDING"),
            "told-twice": ("PAYMENT_ORDER", "PAID"),
            "crosses": ("PAYMENT_ORDER", "PAID"),
            "waits": (None, None),
        }
        assert relations(home) == decided
        nothing = F.lit(None).cast("string")
        blind = lakehouse.read(ENTRIES).withColumns(dict.fromkeys(("related_type", "status"), nothing))
        seen = with_decided_relation(landing.run("r"), Window.of_day(DAY_1), blind, lakehouse.read(ENTRIES))
        assert by_first(seen, "tx_id", "related_type", "status") == decided | {"own": (None, None)}
        last = with_decided_relation(landing.run("r"), Window.of_day(DAY_2), blind, lakehouse.read(ENTRIES))
        assert last is blind  # no later day is done, and nothing is asked
        landing.put("a", PAYMENTS, DAY_1, payment("p1", "PAID"))
        landing.put("late", PAYMENTS, DAY_1, payment("late", "REFUNDED"))
        landing.silver(DAY_1)
        assert relations(home) == decided | {"own": ("PAYMENT_ORDER", "PAID")}
        assert days_due(lakehouse)["pipeline_silver"] == [DAY_2]
        landing.silver(DAY_2)
        assert relations(home) == decided | {
            "own": ("PAYMENT_ORDER", "PAID"),
            "waits": ("PAYMENT_ORDER", "REFUNDED"),
        }
        assert days_due(lakehouse)["pipeline_silver"] == []


def relations(home: Home) -> dict[str, tuple[str | None, str | None]]:
    return {row["tx_id"]: (row["related_type"], row["status"]) for row in home.rows("silver.ledger_entries")}

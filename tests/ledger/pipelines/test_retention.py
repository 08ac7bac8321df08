"""The clean-up of the quarantine: what goes, what stays, and what a dry run says (spec section 9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from pyspark.sql import SparkSession

from ledger.delta.lakehouse import Lakehouse
from ledger.silver import bad_records
from ledger.window import kst_day
from orchestration.launch import dagster_instance
from resources.ledger import LedgerResource
from tests.support import Home, ledgerctl

TABLE = "silver.bad_records"
NOW = datetime(2026, 2, 28, 15, 50, tzinfo=UTC)  # 00:50 on the 1st of March in Korea
TODAY = date(2026, 3, 1)


@pytest.fixture
def quarantine(home: Home, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Bad records of 179 to 182 days ago, n + 1 of the n-th of these days."""
    monkeypatch.setattr(LedgerResource, "now", lambda _: NOW)
    with Lakehouse(spark, warehouse=str(home.warehouse)) as lakehouse:
        lakehouse.create(bad_records.TABLE)
        rows = [
            {
                **dict.fromkeys(("source_table", "reason", "run_id"), "x"),
                **dict.fromkeys(("detected_at", "window_start_ts", "window_end_ts"), NOW),
                "detected_date_kst": TODAY - timedelta(days=179 + n),
                "record_json": f"{{{i}}}",
            }
            for n in range(4)
            for i in range(n + 1)
        ]
        lakehouse.append(bad_records.TABLE, lakehouse.rows(bad_records.TABLE, rows), expected=10)
    return home


def ages(home: Home) -> Counter[int]:
    return Counter((TODAY - row["detected_date_kst"]).days for row in home.rows(TABLE))


def clean_up(**parameters: object) -> tuple[int, str]:
    params = ",".join(f"{k}={v}" for k, v in parameters.items())
    done = ledgerctl("run", "bad_records_retention_cleanup", *(("--params", params) if params else ()))
    return done.code, done.err


def observed() -> dict[str, object]:
    with dagster_instance() as instance:
        records = instance.fetch_observations(dg.AssetKey(["silver", "bad_records"]), limit=1).records
        observation = records[0].asset_observation
        assert observation is not None
        return {key: value.value for key, value in observation.metadata.items()}


def test_exactly_what_is_older_goes(quarantine: Home) -> None:
    """INV-37: `detected_date_kst < today - 180`: day 180 stays; a second run finds nothing and commits nothing."""
    assert kst_day(NOW) == TODAY
    assert clean_up()[0] == 0
    assert ages(quarantine) == {179: 1, 180: 2}
    assert (observed()["rows_deleted"], observed()["keep_from"]) == (7, "2025-09-02")
    version = quarantine.version(TABLE)
    assert clean_up()[0] == 0
    assert quarantine.version(TABLE) == version
    assert observed()["rows_expired"] == 0


def test_a_dry_run_reports_per_day_and_deletes_nothing(quarantine: Home) -> None:
    """INV-37"""
    version = quarantine.version(TABLE)
    assert clean_up(dry_run="true", retention_days=179)[0] == 0
    assert quarantine.version(TABLE) == version
    said = observed()
    assert (said["rows_expired"], said["rows_deleted"], said["dry_run"]) == (9, 0, True)
    days = [{"detected_date_kst": str(TODAY - timedelta(days=n)), "rows": n - 178} for n in (182, 181, 180)]
    assert isinstance(said["per_day"], dg.TableMetadataValue)
    assert [record.data for record in said["per_day"].records] == days


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"retention_days": "0"}, "parameter retention_days: '0'"),
        ({"retention_days": "-1"}, "parameter retention_days: '-1'"),
        ({"retention_days": "1.5"}, "parameter retention_days: '1.5'"),
        ({"retention_days": "99999999"}, "parameter retention_days"),
        ({"dry_run": "yes"}, "parameter dry_run: 'yes' is neither true nor false"),
        ({"days": "1"}, "parameter days: bad_records_retention_cleanup does not take it"),
    ],
)
def test_bad_parameters_are_refused_before_spark(
    home: Home, no_spark: Callable[[], int], parameters: dict[str, str], said: str
) -> None:
    """INV-28, INV-37"""
    code, err = clean_up(**parameters)
    assert (code, no_spark()) == (2, 0)
    assert said in err
    assert "nothing was deleted" in err or "it takes" in err


def test_the_quarantine_is_append_only_by_contract_alone(quarantine: Home) -> None:
    """INV-37: Delta's own append-only property would forbid the clean-up."""
    assert "delta.appendOnly" not in quarantine.delta(TABLE).metadata().configuration
